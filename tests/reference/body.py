"""«Envelope»: the body of an envelope and the parts in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .greeting import Pace, pad, read_pace, unpad
from .messagepack import Value, array, decode, encode, octets, whole
from .primitives import KEM_CIPHERTEXT_SIZE, KEM_KEY_SIZE, Refused

BODY_SIZE = 1833
ROOM = BODY_SIZE - 2 - 1  # without the length and the array's head
MAX_PARTS = 15
MAX_TEXT = 65_536
MAX_EPOCH = 2**32 - 1
ONCE, OFF = 0, 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    id: bytes
    offset: int
    total: int
    lifetime: int
    written: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    id: bytes
    target: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    id: bytes
    onion: bytes
    static: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KemKey:
    epoch: int
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KemCiphertext:
    epoch: int
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPace:
    id: bytes
    pace: Pace


PROPOSE, AGREE, DECLINE, END = range(4)
WINDOW_SECONDS = (16, 32, 64, 128, 256, 512, 1_024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    id: bytes
    seconds: int
    step: int


Part = Text | Acknowledgement | Deletion | Hello | Address | KemKey | KemCiphertext | NewPace | Window


def encode_part(part: Part) -> bytes:
    match part:
        case Text():
            fields: list[Value] = [
                1,
                part.id,
                part.offset,
                part.total,
                part.lifetime,
                part.written,
                part.data,
            ]
        case Acknowledgement():
            fields = [2, list[Value](part.ids)]
        case Deletion():
            fields = [3, part.id, part.target]
        case Hello():
            fields = [4, part.id]
        case Address():
            fields = [5, part.id, part.onion, part.static]
        case KemKey():
            fields = [6, part.epoch, part.key]
        case KemCiphertext():
            fields = [7, part.epoch, part.ciphertext]
        case NewPace():
            fields = [8, part.id, part.pace.fields()]
        case Window():
            fields = [9, part.id, part.seconds, part.step]
    return encode(fields)


def write_body(parts: Sequence[Part]) -> bytes:
    if len(parts) > MAX_PARTS:
        raise ValueError("more parts than a body holds")
    return pad(bytes([0x90 | len(parts)]) + b"".join(encode_part(part) for part in parts), BODY_SIZE)


def read_body(body: bytes) -> list[Part]:
    return [_part(item) for item in array(decode(unpad(body)), 0, MAX_PARTS)]


def read_lifetime(value: Value) -> int:
    """Seconds within their bounds, or one of the two that are none: once and off."""
    return value if value in (ONCE, OFF) and type(value) is int else whole(value, 5, 28 * 86_400)


def _part(value: Value) -> Part:
    tag, *fields = array(value, 1, 7)
    match whole(tag, 1, 9), fields:
        case 1, [name, offset, total, lifetime, written, data]:
            return Text(
                id=octets(name, 16),
                offset=whole(offset, 0, MAX_TEXT - 1),
                total=whole(total, 1, MAX_TEXT),
                lifetime=read_lifetime(lifetime),
                written=whole(written, 0, 2**33 - 1),
                data=octets(data, 1, 1830),
            )
        case 2, [ids]:
            return Acknowledgement(ids=tuple(octets(name, 16) for name in array(ids, 1, 110)))
        case 3, [name, target]:
            return Deletion(id=octets(name, 16), target=octets(target, 16))
        case 4, [name]:
            return Hello(id=octets(name, 16))
        case 5, [name, onion, static]:
            return Address(id=octets(name, 16), onion=octets(onion, 32), static=octets(static, 32))
        case 6, [epoch, key]:
            return KemKey(epoch=whole(epoch, 0, MAX_EPOCH), key=octets(key, KEM_KEY_SIZE))
        case 7, [epoch, ciphertext]:
            return KemCiphertext(
                epoch=whole(epoch, 0, MAX_EPOCH), ciphertext=octets(ciphertext, KEM_CIPHERTEXT_SIZE)
            )
        case 8, [name, pace]:
            return NewPace(id=octets(name, 16), pace=read_pace(pace))
        case 9, [name, seconds, step] if seconds in WINDOW_SECONDS:
            return Window(
                id=octets(name, 16), seconds=whole(seconds, 16, 1_024), step=whole(step, PROPOSE, END)
            )
    raise Refused("an unknown tag, or fields that it does not have")
