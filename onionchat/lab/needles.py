"""Secrets that are looked for in bytes, whatever those bytes are of.

A secret counts as found where eight bytes of it in a row are found. It is looked for as it is, and in the two
other shapes that primitives give a key: the words of SHA-512 (each eight bytes turned round) and the pads of
HMAC (every byte changed by 0x36 or 0x5c).

Laws: it reads what it is given and opens nothing. What is found is told by number and place, never by
content.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

RUN: Final = 8
"""Bytes in a row that count: among a gigabyte of other memory, eight random ones are there by no accident."""

MAX_SHAPED: Final = 64
"""Bytes of a secret that a primitive may hold in another shape; what is longer is a text."""

_CHUNK: Final = 1 << 16
_ZEROS: Final = bytes(_CHUNK)
_WORD: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A secret to look for: what it is, in a word or two, and its bytes (eight at least)."""

    kind: str
    data: bytes = field(repr=False)


class Needles:
    """Secrets made ready to be found, all of them in one go.

    Args:
        sought: the secrets.
        stride: from one run that is looked for to the next. With 1 any eight bytes of a secret are found;
            with 8 any fifteen, in an eighth of the room, which is what tens of thousands need.
    """

    def __init__(self, sought: Sequence[Sought], *, stride: int = 1) -> None:
        shapes = [shape for number, one in enumerate(sought) for shape in _shapes(number, one.data)]
        self._shapes = shapes
        self._runs = _runs(shapes, stride)
        self._wanted = frozenset(self._runs)

    def find(self, data: bytes) -> Iterator[tuple[int, int, bool]]:
        """Every place that holds a secret or a part of it.

        Yields:
            Which of those that were sought (from 0), where it begins or would begin (negative where its
            beginning is not in ``data``), and whether all of it is there.
        """
        places: dict[tuple[int, int], None] = {}
        for at, word in _occurrences(data, self._wanted):
            for shape, offset in self._runs[word]:
                places[shape, at - offset] = None
        for shape, start in places:
            number, whole = self._shapes[shape]
            yield number, start, start >= 0 and data[start : start + len(whole)] == whole


def _shapes(number: int, data: bytes) -> list[tuple[int, bytes]]:
    """A secret in every shape in which it is looked for."""
    if len(data) > MAX_SHAPED:
        return [(number, data)]
    found = []
    for pad in (0x00, 0x36, 0x5C):
        padded = bytes(byte ^ pad for byte in data)
        words = [padded[at : at + _WORD] for at in range(0, len(padded), _WORD)]
        found += [(number, padded), (number, b"".join(word[::-1] for word in words))]
    return found


def _runs(shapes: Sequence[tuple[int, bytes]], stride: int) -> dict[int, list[tuple[int, int]]]:
    """For each run, as a number: the shapes that it is part of, and where."""
    runs: dict[int, list[tuple[int, int]]] = {}
    for shape, (_, data) in enumerate(shapes):
        for offset in range(0, len(data) - RUN + 1, stride):
            word = int.from_bytes(data[offset : offset + RUN], sys.byteorder)
            runs.setdefault(word, []).append((shape, offset))
    return runs


def _occurrences(data: bytes, wanted: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Where any of the wanted words begins, at any byte."""
    for start in range(0, len(data), _CHUNK):
        chunk = data[start : start + _CHUNK + RUN - 1]
        if chunk[:_CHUNK] == _ZEROS:  # but what crosses its end begins with zeros, and no run does
            continue
        for word in _present(chunk, wanted):
            needle = word.to_bytes(RUN, sys.byteorder)
            at = chunk.find(needle)
            while at >= 0:
                yield start + at, word
                at = chunk.find(needle, at + 1)


def _present(chunk: bytes, wanted: frozenset[int]) -> Iterable[int]:
    """The wanted words in a chunk: one look at each byte, however many are wanted."""
    view = memoryview(chunk)
    found: set[int] = set()
    for shift in range(RUN):
        words = view[shift : shift + (len(chunk) - shift) // RUN * RUN].cast("Q")
        found |= wanted.intersection(words)
    return found
