"""Inputs near one that the fuzzer made: a decoder that takes microseconds is called often for each of them.

Laws: deterministic, so that an input always has the same neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from zlib import crc32

_random = Random()  # reseeded for every input: making one takes longer than many a decoder


def neighbours(data: bytes, count: int) -> Iterator[bytes]:
    """``count`` inputs that differ from ``data`` in a byte or in their length."""
    _random.seed(crc32(data))
    size = len(data)
    for draw in _random.choices(range(1 << 30), k=count):
        at, byte = (draw >> 10) % (size + 1), bytes((draw >> 2 & 0xFF,))
        match draw & 3:
            case 0 | 1:
                yield data[:at] + byte + data[at + 1 :]
            case 2:
                yield data[:at] + byte + data[at:]
            case _:
                yield data[:at] + data[at + 1 + (draw >> 2 & 7) :]
