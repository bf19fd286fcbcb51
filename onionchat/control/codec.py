"""Lines of JSON to structs and back. A line ends with one newline and is never longer than its bound."""

from __future__ import annotations

import msgspec

from ..errors import ControlError
from .limits import MAX_REQUEST_LINE
from .notices import AnyNotice
from .replies import Reply
from .requests import AnyRequest

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_replies = msgspec.json.Decoder(Reply)
_notices: msgspec.json.Decoder[AnyNotice] = msgspec.json.Decoder(AnyNotice)


class _Id(msgspec.Struct):
    id: int | None = None


class _Kind(msgspec.Struct):
    notice: str | None = None


def encode(item: AnyRequest | Reply | AnyNotice) -> bytes:
    """One line, newline included."""
    return _encoder.encode(item) + b"\n"


def decode_request(line: bytes) -> AnyRequest:
    """The request in ``line``.

    Raises:
        ControlError: ``bad-request``, saying which field is wrong and never repeating a value.
    """
    if len(line) > MAX_REQUEST_LINE:
        raise ControlError("bad-request", "the request is longer than a request may be")
    try:
        return _requests.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ControlError(
            "bad-request", f"not a request: {error}", hint="see docs/control.md for the requests"
        ) from None


def request_id(line: bytes) -> int | None:
    """The id of a request that could not be decoded, if that much of it is readable."""
    try:
        return msgspec.json.decode(line, type=_Id).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def decode_from_engine(line: bytes) -> Reply | AnyNotice:
    """A reply or a notice.

    Raises:
        ControlError: ``bad-reply``: the engine is of another version.
    """
    try:
        if msgspec.json.decode(line, type=_Kind).notice is None:
            return _replies.decode(line)
        return _notices.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ControlError(
            "bad-reply",
            f"the engine said something that this program does not know: {error}",
            hint="engine and client are of different versions; restart the engine: onionchat stop",
        ) from None
