"""What another process still holds in its memory: a search for secrets that the searcher knows.

All writable memory is read through ``/proc/PID/mem``, because Python's own walk over its objects sees no
``bytes``, nothing that was freed, no stack, and nothing that a library in C keeps.

What counts as found is said in `needles`.

Laws: it reads and never writes, and stops nobody: who searches sees to it that the process rests. It knows no
protocol; what to look for is an argument. What is found is told by kind and place, never by content.
"""

from __future__ import annotations

import errno
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import ConfigError
from .needles import Needles, Sought

__all__ = ["Find", "Mapping", "Search", "Sought", "search", "writable"]

_FARTHEST_HEAD: Final = 1 << 12
"""How far before a find the head of a Python object is looked for."""


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


def search(pid: int, sought: Sequence[Sought], *, stride: int = 1) -> Search:
    """Look for every one of ``sought`` in all writable memory of a process; ``stride``: see `Needles`.

    Raises:
        ConfigError: this memory may not be read.
    """
    needles = Needles(sought, stride=stride)
    heads = _type_addresses(pid)
    finds: list[Find] = []
    size = 0
    for mapping, memory in _read(pid):
        size += len(memory)
        for number, start, whole in needles.find(memory):
            holder = _holder(memory, max(0, start), heads)
            place = f"{mapping.place} {holder}".strip()
            finds.append(Find(number=number, kind=sought[number].kind, place=place, whole=whole))
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
