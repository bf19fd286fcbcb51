"""What an envelope carries: parts, packed as MessagePack. docs/protocol.md, «Envelope».

Laws: a packed body always has 1,833 bytes; every size has a bound that is checked by the decoder before a
value is built; unknown parts and fields are refused. Parts are data: nothing here acts on them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, Literal

import msgspec

from ..errors import LocalProtocolError, RemoteProtocolError
from .constants import ENVELOPE_BODY, MAX_LIFETIME, MAX_TEXT_BYTES, MIN_LIFETIME, OFF, ONCE
from .pace import Pace

Id = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Epoch = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]

ROOM: Final = ENVELOPE_BODY - 3
"""Bytes for the packed parts themselves: the body less its length (2) and the list's head (1)."""
MAX_PARTS: Final = 15


def is_lifetime(lifetime: int) -> bool:
    """Whether a message may be given this lifetime."""
    return MIN_LIFETIME <= lifetime <= MAX_LIFETIME or lifetime in (ONCE, OFF)


class _Part(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


class TextPart(_Part, frozen=True, kw_only=True, array_like=True, tag=1):
    """A fragment of a text; a short text is a single one.

    ``offset`` and ``total`` count UTF-8 bytes; ``written`` is in seconds since 1970, ``lifetime`` in seconds
    unless it is `ONCE` or `OFF`.
    """

    id: Id
    offset: Annotated[int, msgspec.Meta(ge=0, lt=MAX_TEXT_BYTES)]
    total: Annotated[int, msgspec.Meta(ge=1, le=MAX_TEXT_BYTES)]
    lifetime: Annotated[int, msgspec.Meta(ge=ONCE, le=OFF)]
    written: Annotated[int, msgspec.Meta(ge=0, lt=2**33)]
    data: Annotated[bytes, msgspec.Meta(min_length=1, max_length=ROOM)]

    def __post_init__(self) -> None:
        """Refuse what lies between the bounds of seconds and the two that are none."""
        if not is_lifetime(self.lifetime):
            raise ValueError("not a lifetime")


class AckPart(_Part, frozen=True, kw_only=True, array_like=True, tag=2):
    """These messages were stored; never say them again."""

    ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=110)]


class DeletePart(_Part, frozen=True, kw_only=True, array_like=True, tag=3):
    """Burn a message that I sent you."""

    id: Id
    target: Id


class HelloPart(_Part, frozen=True, kw_only=True, array_like=True, tag=4):
    """The first envelope of a session's initiator: gives the responder a sending chain."""

    id: Id


class AddressPart(_Part, frozen=True, kw_only=True, array_like=True, tag=5):
    """The pair address and static key under which I am to be reached by you from now on."""

    id: Id
    onion: Key
    static: Key


class KemKeyPart(_Part, frozen=True, kw_only=True, array_like=True, tag=6):
    """A proposed epoch: an ML-KEM-768 encapsulation key."""

    epoch: Epoch
    key: Annotated[bytes, msgspec.Meta(min_length=1184, max_length=1184)]


class KemCiphertextPart(_Part, frozen=True, kw_only=True, array_like=True, tag=7):
    """The answer to a proposed epoch."""

    epoch: Epoch
    ciphertext: Annotated[bytes, msgspec.Meta(min_length=1088, max_length=1088)]


class PacePart(_Part, frozen=True, kw_only=True, array_like=True, tag=8):
    """My cells on this link may come at this pace once you acknowledge it."""

    id: Id
    pace: Pace


class Step(IntEnum):
    """What is said of a bulk window."""

    PROPOSE = 0
    AGREE = 1
    DECLINE = 2
    END = 3
    """By who proposed it: it is no more, whether it was open or nobody had answered."""


class WindowPart(_Part, frozen=True, kw_only=True, array_like=True, tag=9):
    """A bulk window for the cells of who proposes it."""

    id: Id
    seconds: Literal[16, 32, 64, 128, 256, 512, 1024]
    step: Step


Part = (
    TextPart
    | AckPart
    | DeletePart
    | HelloPart
    | AddressPart
    | KemKeyPart
    | KemCiphertextPart
    | PacePart
    | WindowPart
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Part]] = msgspec.msgpack.Decoder(
    Annotated[list[Part], msgspec.Meta(max_length=MAX_PARTS)]
)


def size(part: Part) -> int:
    """Packed bytes of a part."""
    return len(_encoder.encode(part))


TEXT_OVERHEAD: Final = size(
    TextPart(
        id=bytes(16),
        offset=MAX_TEXT_BYTES - 1,
        total=MAX_TEXT_BYTES,
        lifetime=MAX_LIFETIME,
        written=2**33 - 1,
        data=bytes(ROOM // 2),
    )
) - (ROOM // 2)
"""Bytes that a text fragment needs at most beside its data."""


def pack(parts: list[Part]) -> bytes:
    """A body of exactly 1,833 bytes: length (2, big-endian), MessagePack list, zeros.

    Raises:
        LocalProtocolError: the parts do not fit.
    """
    packed = _encoder.encode(parts)
    if len(packed) > ENVELOPE_BODY - 2 or len(parts) > MAX_PARTS:
        raise LocalProtocolError("more parts than an envelope holds")
    return (len(packed).to_bytes(2, "big") + packed).ljust(ENVELOPE_BODY, b"\0")


def unpack(body: bytes) -> list[Part]:
    """The parts of a body.

    Raises:
        RemoteProtocolError: it is not one, or its padding is not zero.
    """
    used = int.from_bytes(body[:2], "big")
    if len(body) != ENVELOPE_BODY or used > ENVELOPE_BODY - 2 or body[2 + used :].strip(b"\0"):
        raise RemoteProtocolError("a body that is not laid out as it must be")
    try:
        return _decoder.decode(body[2 : 2 + used])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RemoteProtocolError("a body that cannot be read") from None
