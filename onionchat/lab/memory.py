"""What another process still holds in its memory: a search for secrets that the searcher knows.

All writable memory is read through ``/proc/PID/mem``, because Python's own walk over its objects sees no
``bytes``, nothing that was freed, no stack, and nothing that a library in C keeps.

A secret counts as found where eight bytes of it in a row are found. It is looked for as it is, and in the two
other shapes that primitives give a key: the words of SHA-512 (each eight bytes turned round) and the pads of
HMAC (every byte changed by 0x36 or 0x5c).

Laws: it reads and never writes, and stops nobody: who searches sees to it that the process rests. It knows no
protocol; what to look for is an argument. What is found is told by kind and place, never by content.
"""

from __future__ import annotations

import errno
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..errors import ConfigError

RUN: Final = 8
"""Bytes in a row that count: among a gigabyte of other memory, eight random ones are there by no accident."""

MAX_SHAPED: Final = 64
"""Bytes of a secret that a primitive may hold in another shape; what is longer is a text."""

_CHUNK: Final = 1 << 16
_ZEROS: Final = bytes(_CHUNK)
_WORD: Final = 8
_FARTHEST_HEAD: Final = 1 << 12
"""How far before a find the head of a Python object is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A secret to look for: what it is, in a word or two, and its bytes (eight at least)."""

    kind: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """One place that holds a secret, or a part of it.

    Attributes:
        number: which of those that were sought, from 0.
        kind: its kind.
        place: the mapping («[heap]», «[stack]», a library's file name, «anonymous»), and behind it the type
            of the Python object there, where it can be told.
        whole: whether all of it is there.
    """

    number: int
    kind: str
    place: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A range of addresses of a process that it may write to."""

    start: int
    end: int
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search found, and how many bytes of memory were read."""

    finds: tuple[Find, ...]
    size: int

    def numbers(self) -> frozenset[int]:
        """Which of those that were sought were found."""
        return frozenset(find.number for find in self.finds)

    def by_kind(self) -> Counter[str]:
        """How many secrets of each kind were found, each counted once."""
        return Counter(kind for kind, _ in {(find.kind, find.number) for find in self.finds})

    def by_place(self) -> Counter[str]:
        """How many finds there are in each place, as «kind in place»."""
        return Counter(f"{find.kind} in {find.place}" for find in self.finds)


def search(pid: int, sought: Sequence[Sought]) -> Search:
    """Look for every one of ``sought`` in all writable memory of a process.

    Raises:
        ConfigError: this memory may not be read.
    """
    shapes = [shape for number, one in enumerate(sought) for shape in _shapes(number, one.data)]
    runs = _runs(shapes)
    wanted = frozenset(runs)
    heads = _type_addresses(pid)
    finds: list[Find] = []
    size = 0
    for mapping, memory in _read(pid):
        size += len(memory)
        places: dict[tuple[int, int], None] = {}
        for at, word in _occurrences(memory, wanted):
            for shape, offset in runs[word]:
                places[shape, at - offset] = None
        for shape, start in places:
            number, data = shapes[shape]
            holder = _holder(memory, max(0, start), heads)
            finds.append(
                Find(
                    number=number,
                    kind=sought[number].kind,
                    place=f"{mapping.place} {holder}".strip(),
                    whole=start >= 0 and memory[start : start + len(data)] == data,
                )
            )
    return Search(finds=tuple(finds), size=size)


def writable(pid: int) -> tuple[Mapping, ...]:
    """The ranges that a process may write to.

    Raises:
        ConfigError: there is no such process, or it may not be looked at.
    """
    return tuple(mapping for mode, mapping in map(_parsed, _lines(pid)) if "w" in mode)


def _lines(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise _closed(pid, error) from error


def _parsed(line: str) -> tuple[str, Mapping]:
    span, mode, _, _, _, *name = line.split(maxsplit=5)
    start, _, end = span.partition("-")
    place = Path(name[0]).name if name else "anonymous"
    return mode, Mapping(start=int(start, 16), end=int(end, 16), place=place)


def _read(pid: int) -> Iterator[tuple[Mapping, bytes]]:
    mappings = writable(pid)
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - Path cannot unbuffer
            for mapping in mappings:
                parts = []
                at = mapping.start
                while at < mapping.end:
                    part = os.pread(memory.fileno(), mapping.end - at, at)
                    if not part:
                        raise ProcessLookupError(errno.ESRCH, "it ended")
                    parts.append(part)
                    at += len(part)
                yield mapping, b"".join(parts)
    except OSError as error:
        raise _closed(pid, error) from error


def _closed(pid: int, error: OSError) -> ConfigError:
    return ConfigError(
        f"the memory of process {pid} cannot be read: {error.strerror}",
        hint="search a process that runs and that you started yourself, or search as root",
    )


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


def _runs(shapes: Sequence[tuple[int, bytes]]) -> dict[int, list[tuple[int, int]]]:
    """For each run, as a number: the shapes that it is part of, and where."""
    runs: dict[int, list[tuple[int, int]]] = {}
    for shape, (_, data) in enumerate(shapes):
        for offset in range(len(data) - RUN + 1):
            word = int.from_bytes(data[offset : offset + RUN], sys.byteorder)
            runs.setdefault(word, []).append((shape, offset))
    return runs


def _occurrences(memory: bytes, wanted: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Where any of the wanted words begins, at any byte."""
    for start in range(0, len(memory), _CHUNK):
        chunk = memory[start : start + _CHUNK + RUN - 1]
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


def _type_addresses(pid: int) -> dict[int, str]:
    """Where that process has the types of the objects that can hold secrets, if it runs our Python."""
    ours, theirs = _bases(os.getpid()), _bases(pid)
    found = {}
    for kind in (bytes, str):
        address = id(kind)
        path = next((path for path, (start, end) in ours.items() if start <= address < end), None)
        if path is not None and path in theirs:
            found[address - ours[path][0] + theirs[path][0]] = kind.__name__
    return found


def _bases(pid: int) -> dict[str, tuple[int, int]]:
    """Where each file lies in a process, from its first mapping to its last."""
    found: dict[str, tuple[int, int]] = {}
    for line in _lines(pid):
        _, mapping = _parsed(line)
        path = line.split(maxsplit=5)[-1]
        if path.startswith("/"):
            start, _ = found.get(path, (mapping.start, 0))
            found[path] = start, mapping.end
    return found


def _holder(memory: bytes, at: int, heads: dict[int, str]) -> str:
    """The type of the object around ``at``: the nearest head before it that says that it reaches so far."""
    for head in range(at - at % 16, max(0, at - _FARTHEST_HEAD) - 1, -16):
        kind = heads.get(int.from_bytes(memory[head + 8 : head + 16], sys.byteorder))
        if kind is not None:
            length = int.from_bytes(memory[head + 16 : head + 24], sys.byteorder)
            return f"({kind})" if head + 24 + length >= at - 64 else ""
    return ""
