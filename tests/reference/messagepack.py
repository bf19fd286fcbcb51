"""The little of MessagePack that the protocol uses: whole numbers, truth, bytes and arrays.

Whatever else stands in the bytes is refused, as «Notation» asks; a length is checked before it is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from .primitives import Refused

Value = int | bool | bytes | list["Value"]
MAX_DEPTH = 4

_WHOLE = {0xCC: (1, False), 0xCD: (2, False), 0xCE: (4, False), 0xCF: (8, False)} | {
    0xD0: (1, True),
    0xD1: (2, True),
    0xD2: (4, True),
    0xD3: (8, True),
}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_ARRAY = {0xDC: 2, 0xDD: 4}


def encode(value: Value | Sequence[Value]) -> bytes:
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _encode_whole(value)
    if isinstance(value, bytes):
        size = 1 if len(value) < 1 << 8 else 2
        return bytes([0xC3 + size]) + len(value).to_bytes(size, "big") + value
    head = bytes([0x90 | len(value)]) if len(value) < 16 else b"\xdc" + len(value).to_bytes(2, "big")
    return head + b"".join(encode(item) for item in value)


def _encode_whole(number: int) -> bytes:
    if number < 128:
        return bytes([number])
    for tag, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4)):
        if number < 1 << 8 * size:
            return bytes([tag]) + number.to_bytes(size, "big")
    return b"\xcf" + number.to_bytes(8, "big")


def decode(data: bytes) -> Value:
    """The one value that is in `data`, with nothing behind it."""
    value, end = _decode(data, 0, MAX_DEPTH)
    if end != len(data):
        raise Refused("bytes behind the value")
    return value


def _decode(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    tag = _cut(data, at, 1)[0]
    at += 1
    if tag < 0x80:
        return tag, at
    if 0x90 <= tag <= 0x9F:
        return _decode_array(data, at, tag & 0x0F, depth)
    if tag in (0xC2, 0xC3):
        return tag == 0xC3, at
    if tag in _WHOLE:
        size, signed = _WHOLE[tag]
        number = int.from_bytes(_cut(data, at, size), "big", signed=signed)
        if number < 0:
            raise Refused("a number below zero")
        return number, at + size
    if tag in _BYTES:
        size = _BYTES[tag]
        length = int.from_bytes(_cut(data, at, size), "big")
        return _cut(data, at + size, length), at + size + length
    if tag in _ARRAY:
        size = _ARRAY[tag]
        return _decode_array(data, at + size, int.from_bytes(_cut(data, at, size), "big"), depth)
    raise Refused("a type that the protocol does not use")


def _decode_array(data: bytes, at: int, length: int, depth: int) -> tuple[list[Value], int]:
    if depth == 0 or length > len(data) - at:  # each element has at least one byte
        raise Refused("an array that is too deep or too long")
    items = []
    for _ in range(length):
        item, at = _decode(data, at, depth - 1)
        items.append(item)
    return items, at


def _cut(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise Refused("fewer bytes than announced")
    return data[at : at + size]


# --- what a field may hold ---


def whole(value: Value, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused("not a whole number within its bounds")
    return value


def octets(value: Value, low: int, high: int | None = None) -> bytes:
    if not isinstance(value, bytes) or not low <= len(value) <= (low if high is None else high):
        raise Refused("not bytes of the right length")
    return value


def truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise Refused("neither true nor false")
    return value


def array(value: Value, low: int, high: int) -> list[Value]:
    if not isinstance(value, list) or not low <= len(value) <= high:
        raise Refused("not an array of the right length")
    return value
