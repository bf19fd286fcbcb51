"""A page of the key tree: message keys by place, with the tags that they are found by and when each ends.

Laws: tags and ends stand here and not beside the sealed values, so that what a deleted row leaves on the disk
says nothing about whose it was, once the page's key is gone, and so that what has ended is found without
opening it. A place without a tag is free.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..crypto.sealing import KEY_SIZE, OVERHEAD
from .record import TAG_SIZE, Tags

PAGE_SIZE: Final = 4096
"""Bytes of a sealed page on the disk."""

_ENTRY: Final = struct.Struct(f">{KEY_SIZE}s{TAG_SIZE}s{TAG_SIZE}sd")
_TAGS: Final = struct.Struct(f">{KEY_SIZE}x{TAG_SIZE}s{TAG_SIZE}s8x")
_UNTIL: Final = struct.Struct(f">{KEY_SIZE + 2 * TAG_SIZE}xd")
SLOTS_PER_PAGE: Final = (PAGE_SIZE - OVERHEAD) // _ENTRY.size
PLAIN_SIZE: Final = SLOTS_PER_PAGE * _ENTRY.size
NO_TAG: Final = bytes(TAG_SIZE)
"""Stands in a place that is free."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the tree holds of one value: its message key, its name's tags and when it ends."""

    key: bytes = field(repr=False)
    tags: Tags
    until: float
    """Seconds since 1970; infinity for never."""


def put_entry(page: bytearray, place: int, entry: Entry) -> None:
    """Fill a place of an open page."""
    _ENTRY.pack_into(page, place * _ENTRY.size, entry.key, *entry.tags, entry.until)


def clear_entry(page: bytearray, place: int) -> None:
    """Free a place of an open page."""
    at = place * _ENTRY.size
    page[at : at + _ENTRY.size] = bytes(_ENTRY.size)


def key_at(page: bytearray, place: int) -> bytes:
    """The message key of a place that is taken."""
    at = place * _ENTRY.size
    return bytes(page[at : at + KEY_SIZE])


def until_at(page: bytearray, place: int) -> float:
    """When the value of a place that is taken ends."""
    until: float = _UNTIL.unpack_from(page, place * _ENTRY.size)[0]
    return until


def first_until(pages: Sequence[bytearray], slots: Iterable[int]) -> float:
    """When the first of the values at ``slots``, all taken, ends; they count through the open pages.

    A vault that is opened asks for most of what it holds, so no call is made for one.
    """
    unpack, size = _UNTIL.unpack_from, _ENTRY.size
    ends = (unpack(pages[slot // SLOTS_PER_PAGE], slot % SLOTS_PER_PAGE * size)[0] for slot in slots)
    return min(ends, default=math.inf)


def ended_in(page: bytearray, now: float) -> Iterator[tuple[int, Tags]]:
    """The places of an open page whose values have ended at ``now``, and the tags there."""
    for place, (until,) in enumerate(_UNTIL.iter_unpack(page)):
        if until <= now:  # a place that is free has zero here
            tags = Tags(*_TAGS.unpack_from(page, place * _ENTRY.size))
            if tags.name != NO_TAG:
                yield place, tags


def tags_in(page: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """The tags of name and scope at each place of an open page; `NO_TAG` where it is free."""
    return _TAGS.iter_unpack(page)
