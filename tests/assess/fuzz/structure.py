"""Mutators that keep a structure: values of MessagePack and of JSON, bent in one place.

Laws: pure; the randomness is an argument. What comes out is mostly well-formed: the fuzzer's own mutations
see to the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import msgspec

_LENGTHS: Final = (0, 1, 15, 16, 17, 31, 32, 33, 64, 255, 256, 1088, 1184)
_NUMBERS: Final = (
    0,
    1,
    2,
    3,
    5,
    15,
    16,
    127,
    128,
    255,
    256,
    2**16,
    2**31,
    2**32 - 1,
    2**32,
    2**33,
    2**53,
    2**64 - 1,
)
_CLAIMS: Final = (
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\x7f\xff\xff\xff",
    b"\x91" * 40,
)
"""Heads of MessagePack that promise more than there is, and nesting."""


def bend_packed(packed: bytes, random: Random) -> bytes | None:
    """MessagePack with one value bent; None where it is not MessagePack."""
    try:
        value = msgspec.msgpack.decode(packed)
        out = msgspec.msgpack.encode(_bend(value, random))
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    if random.random() < 0.05:
        at = random.randrange(len(out) + 1)
        out = out[:at] + random.choice(_CLAIMS) + out[at + random.randrange(6) :]
    return out


def bend_json(line: bytes, random: Random) -> bytes | None:
    """JSON with one value bent; None where it is not JSON."""
    try:
        return msgspec.json.encode(_bend(msgspec.json.decode(line), random))
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def behind(
    skip: int, bend: Callable[[bytes, Random], bytes | None]
) -> Callable[[bytes, Random], bytes | None]:
    """``bend`` for what stands behind the first ``skip`` bytes."""

    def bent(data: bytes, random: Random) -> bytes | None:
        out = bend(data[skip:], random)
        return None if out is None else data[:skip].ljust(skip, b"\1") + out

    return bent


def _bend(value: Any, random: Random) -> Any:
    """``value`` with a change at a random place in it."""
    if isinstance(value, (list, dict)) and value and random.random() < 0.8:
        return _inside(value, random)
    return _changed(value, random)


def _inside(value: Any, random: Random) -> Any:
    if isinstance(value, list):
        place = random.randrange(len(value))
        match random.randrange(8):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return value[: place + 1] + value[place:]
            case _:
                return [*value[:place], _bend(value[place], random), *value[place + 1 :]]
    name = random.choice(list(value))
    match random.randrange(8):
        case 0:
            return {key: kept for key, kept in value.items() if key != name}
        case 1:
            return {**value, f"{name}x": value[name]}
        case 2:
            return {name: value[name], **dict(reversed(value.items()))}
        case _:
            return {**value, name: _bend(value[name], random)}


def _changed(value: Any, random: Random) -> Any:
    if random.random() < 0.15:
        return random.choice(
            (None, True, False, 0, -1, 1.5, "", b"", [], {}, [value], [value] * 130, {"a": value})
        )
    match value:
        case bool():
            return not value
        case int():
            return random.choice((value + 1, value - 1, value ^ 1 << random.randrange(33), *_NUMBERS))
        case bytes():
            size = random.choice((len(value), len(value) + 1, max(0, len(value) - 1), *_LENGTHS))
            return (value + random.randbytes(4) * (size // 4 + 1))[:size]
        case str():
            piece = random.choice(("", "é", "\0", "\U0001f600", "\u200d", "00", "x" * 70, "-", " "))
            at = random.randrange(len(value) + 1)
            return value[:at] + piece + value[at + random.randrange(2) :]
        case float():
            return random.choice((0.0, -1.0, 1e308, 5e-324, float(2**63), value + 0.5))
        case _:
            return random.choice((0, "a", b"a", [], {}))
