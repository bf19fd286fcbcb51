"""Lines of JSON to structs and back. A line ends with one newline and is never longer than its bound.

Laws: whatever the bytes, decoding gives a struct or a `ControlError`; no error repeats a value, for it may be
a secret that stands in the wrong place.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from ..errors import ControlError
from .limits import MAX_REQUEST_LINE
from .notices import AnyNotice
from .replies import Reply
from .requests import MAX_ID, AnyRequest

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are not what was expected; the last for nesting without end."""

_WHERE: Final = re.compile(r" - at `\$[\w.\[\]-]*`\Z")
_UNKNOWN_FIELD: Final = re.compile(r"Object contains unknown field `[a-z_-]{1,32}`")

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_replies = msgspec.json.Decoder(Reply)
_notices: msgspec.json.Decoder[AnyNotice] = msgspec.json.Decoder(AnyNotice)


class _Id(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)] | None = None


class _Kind(msgspec.Struct):
    notice: str | None = None


def encode(item: AnyRequest | Reply | AnyNotice) -> bytes:
    """One line, newline included.

    Raises:
        ControlError: ``bad-request``: a text holds half of a surrogate pair, which UTF-8 cannot carry.
    """
    try:
        return _encoder.encode(item) + b"\n"
    except UnicodeEncodeError:
        raise ControlError(
            "bad-request", "the text holds bytes that are no characters", hint="check that it is UTF-8"
        ) from None


def _reason(error: Exception) -> str:
    """What is wrong and where, never the value."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    text = str(error)
    if text.startswith("Object contains unknown field") and not _UNKNOWN_FIELD.match(text):
        return "Object contains a field that is unknown"
    if text.startswith("Invalid "):
        where = _WHERE.search(text)
        return "Invalid value" + (where.group() if where else "")
    return text


def decode_request(line: bytes) -> AnyRequest:
    """The request in ``line``.

    Raises:
        ControlError: ``bad-request``, saying which field is wrong and never repeating a value.
    """
    if len(line) > MAX_REQUEST_LINE:
        raise ControlError("bad-request", "the request is longer than a request may be")
    try:
        return _requests.decode(line)
    except _UNREADABLE as error:
        raise ControlError(
            "bad-request", f"not a request: {_reason(error)}", hint="see docs/control.md for the requests"
        ) from None


def request_id(line: bytes) -> int | None:
    """The id of a request that could not be decoded, if that much of it is readable."""
    try:
        return msgspec.json.decode(line, type=_Id).id
    except _UNREADABLE:
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
    except _UNREADABLE as error:
        raise ControlError(
            "bad-reply",
            f"the engine said something that this program does not know: {_reason(error)}",
            hint="engine and client are of different versions; restart the engine: onionchat stop",
        ) from None
