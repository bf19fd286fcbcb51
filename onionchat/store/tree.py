"""The key tree: root → page keys → pages of message keys. Who loses the root has lost every value under it.

Laws: nothing is written over that the current root still needs; the root slot's write is the only commit
point; every commit has a new root key and new keys for the pages it touches, so that what it dropped cannot
be reached again. Files: ``keys`` (pages), ``table.0`` and ``table.1`` (page keys, sealed under the root key,
used in turn), and the root slot.
"""

from __future__ import annotations

import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from ..crypto import RandomSource
from ..crypto.sealing import KEY_SIZE, OVERHEAD, seal, unseal
from ..errors import DecryptionError, DiskFull, StoreError, VaultCorrupt
from . import disk
from .page import (
    PAGE_SIZE,
    PLAIN_SIZE,
    SLOTS_PER_PAGE,
    Entry,
    clear_entry,
    ended_in,
    first_until,
    key_at,
    put_entry,
    tags_in,
    until_at,
)
from .record import Tags
from .resident import resident
from .slot import ErasableSlot

_KEYS: Final = "keys"
_TABLES: Final = ("table.0", "table.1")
_PAGE_AD: Final = b"onionchat/1 page of keys"
_TABLE_AD: Final = b"onionchat/1 table of pages"
_ROOT_AD: Final = b"onionchat/1 root of keys"

_ROOT: Final = struct.Struct(f">{KEY_SIZE}sBI")
"""Root key, which table holds, pages in it."""

_PAGE: Final = struct.Struct(f">I{KEY_SIZE}s")
"""A table's line: where the page stands in ``keys``, and its key."""

_STEP: Final = 32
"""Pages by which the files grow at once."""


class KeyTree:
    """The open tree. All its keys are in memory, in buffers that are wiped when they are done with."""

    def __init__(
        self, folder: Path, root: ErasableSlot, unlocking_key: bytes, ad: bytes, random: RandomSource
    ) -> None:
        self._folder = folder
        self._root = root
        self._unlocking_key = _filled(unlocking_key)
        self._root_ad = _ROOT_AD + ad
        self._random = random
        self._keys = -1
        self._tables = [-1, -1]
        self._table = bytearray()
        self._side = 0
        self._pages: list[bytearray] = []
        self._capacity = 0
        # Places in `keys` that the current table does not use; taken from the end.
        self._spare: list[int] = []

    @classmethod
    def create(
        cls, folder: Path, root: ErasableSlot, unlocking_key: bytes, *, ad: bytes, random: RandomSource
    ) -> Self:
        """Make an empty tree in a folder that has none, its root bound to ``ad``."""
        tree = cls(folder, root, unlocking_key, ad, random)
        try:
            tree._keys = disk.create_file(folder / _KEYS)
            for side, name in enumerate(_TABLES):
                tree._tables[side] = disk.create_file(folder / name)
            tree._reserve(1)
            root.create(tree._write_table(bytearray(), 0))
        except BaseException:
            tree.close()
            raise
        return tree

    @classmethod
    def open(
        cls, folder: Path, root: ErasableSlot, unlocking_key: bytes, *, ad: bytes, random: RandomSource
    ) -> Self:
        """Open the tree; the root slot erases first what a crash left in it.

        Raises:
            VaultCorrupt: something does not open.
        """
        tree = cls(folder, root, unlocking_key, ad, random)
        try:
            tree._load(root.read())
        except BaseException:
            tree.close()
            raise
        return tree

    @classmethod
    def burn(
        cls, folder: Path, root: ErasableSlot, unlocking_key: bytes, *, ad: bytes, random: RandomSource
    ) -> None:
        """Put an empty tree in the place of the one that is there, whose root is erased on return.

        The slot was read before. Cut short before the root is written, no tree opens any more, and burning
        again ends it; the files are brought to those of a new tree at the next opening.
        """
        tree = cls(folder, root, unlocking_key, ad, random)
        try:
            tree._tables[0] = disk.open_file(folder / _TABLES[0])
            root.write(tree._write_table(bytearray(), 0))
        finally:
            tree.close()

    @property
    def page_count(self) -> int:
        """Pages in use; each has `SLOTS_PER_PAGE` slots."""
        return len(self._pages)

    def tags(self) -> Iterable[Iterable[tuple[bytes, bytes]]]:
        """Page by page, the tags at each place."""
        return map(tags_in, self._pages)

    @property
    def room(self) -> int:
        """Bytes that the disk has left for the vault."""
        return disk.room_at(self._keys)

    def key(self, slot: int) -> bytes:
        """The message key of a slot that is taken."""
        page, place = divmod(slot, SLOTS_PER_PAGE)
        return key_at(self._pages[page], place)

    def until(self, slot: int) -> float:
        """When the value of a slot that is taken ends, in seconds since 1970; infinity for never."""
        page, place = divmod(slot, SLOTS_PER_PAGE)
        return until_at(self._pages[page], place)

    def first_until(self, slots: Iterable[int]) -> float:
        """When the first value of these slots, which are taken, ends; infinity where none does."""
        return first_until(self._pages, slots)

    def ended(self, now: float) -> Iterator[tuple[int, Tags]]:
        """The slots whose values have ended at ``now``, with their tags."""
        for number, page in enumerate(self._pages):
            for place, tags in ended_in(page, now):
                yield number * SLOTS_PER_PAGE + place, tags

    def commit(self, entries: Mapping[int, Entry], freed: Iterable[int]) -> None:
        """Fill and free slots at once; on return it is on the disk, and what was freed is erased.

        A slot past the last page makes a new page; new pages come without a gap.

        Raises:
            DiskFull: nothing happened.
            StoreError: this tree does not know any more what the disk holds; it must be opened again.
        """
        drafts = self._draft(entries, freed)
        pages = max(len(self._pages), *(page + 1 for page in drafts))
        self._reserve(pages)
        places = self._spare[-len(drafts) :]
        table = _filled(self._table, pages * _PAGE.size)
        for place, (page, draft) in zip(places, drafts.items(), strict=True):
            page_key = self._random(KEY_SIZE)
            sealed = seal(page_key, bytes(draft), ad=_PAGE_AD, random=self._random)
            disk.write_at(self._keys, sealed.ljust(PAGE_SIZE, b"\0"), place * PAGE_SIZE)
            _PAGE.pack_into(table, page * _PAGE.size, place, page_key)
        disk.sync(self._keys)
        self._root.write(self._write_table(table, 1 - self._side))
        self._adopt(drafts, table, places)

    def change_key(self, unlocking_key: bytes) -> None:
        """Seal a new root under another unlocking key; nothing that the old one opens is left on return.

        Raises:
            DiskFull: nothing happened.
            StoreError: this tree does not know any more what the disk holds; it must be opened again.
        """
        before = bytes(self._unlocking_key)
        self._unlocking_key[:] = unlocking_key
        try:
            self._renew_root()
        except DiskFull:
            self._unlocking_key[:] = before
            raise
        try:
            self._clear_idle_table()  # the old root opens it
        except DiskFull as error:
            raise StoreError(
                "the disk did not let the vault erase what it must",
                hint="free some disk space and start onionchat again",
            ) from error

    def close(self) -> None:
        """Wipe all keys and close the files."""
        for secret in (*self._pages, self._table, self._unlocking_key):
            _wipe(secret)
        for descriptor in (self._keys, *self._tables):
            if descriptor >= 0:
                os.close(descriptor)
        self._keys, self._tables = -1, [-1, -1]
        self._root.close()

    def _draft(self, entries: Mapping[int, Entry], freed: Iterable[int]) -> dict[int, bytearray]:
        """Copies of the pages that change, in their order, with the change made."""
        changes: defaultdict[int, list[tuple[int, Entry | None]]] = defaultdict(list)
        for slot in freed:
            changes[slot // SLOTS_PER_PAGE].append((slot % SLOTS_PER_PAGE, None))
        for slot, entry in entries.items():
            changes[slot // SLOTS_PER_PAGE].append((slot % SLOTS_PER_PAGE, entry))
        drafts = {}
        for page in sorted(changes):
            draft = _filled(self._pages[page] if page < len(self._pages) else b"", PLAIN_SIZE)
            for place, change in changes[page]:
                if change is None:
                    clear_entry(draft, place)
                else:
                    put_entry(draft, place, change)
            drafts[page] = draft
        return drafts

    def _reserve(self, pages: int) -> None:
        """Set room aside for twice the pages, so that erasing, which writes anew, works on a full disk."""
        if 2 * pages <= self._capacity:
            return
        capacity = 2 * (pages + _STEP)
        for table in self._tables:  # before the pages: at the next opening the pages' room speaks for both
            disk.reserve(table, OVERHEAD + (pages + _STEP) * _PAGE.size)
        disk.reserve(self._keys, capacity * PAGE_SIZE)
        self._spare[:0] = range(capacity - 1, self._capacity - 1, -1)
        self._capacity = capacity

    def _renew_root(self) -> None:
        self._root.write(self._write_table(self._table, 1 - self._side))
        self._side = 1 - self._side

    def _clear_idle_table(self) -> None:
        """Overwrite the table that is not in use: who has an earlier root and what opened it, reads it."""
        idle = self._tables[1 - self._side]
        size = disk.size_of(idle)
        if any(disk.read_at(idle, size, 0)):
            disk.write_at(idle, bytes(size), 0)
            disk.sync(idle)

    def _start_over(self) -> None:
        """Bring the files of an empty tree to what a new one's are: a tree that was burned left others."""
        disk.truncate(self._keys, 0)
        disk.truncate(self._tables[1 - self._side], 0)
        disk.truncate(self._tables[self._side], OVERHEAD)
        self._reserve(1)

    def _write_table(self, table: bytearray, side: int) -> bytes:
        """Write a table under a new root key, synced; give the sealed root that makes it the current one."""
        root_key = self._random(KEY_SIZE)
        sealed = seal(root_key, bytes(table), ad=_TABLE_AD, random=self._random)
        disk.write_at(self._tables[side], sealed, 0)
        disk.sync(self._tables[side])
        root = _ROOT.pack(root_key, side, len(table) // _PAGE.size)
        return seal(bytes(self._unlocking_key), root, ad=self._root_ad, random=self._random)

    def _adopt(self, drafts: dict[int, bytearray], table: bytearray, places: list[int]) -> None:
        """Let memory follow the disk after the commit point."""
        del self._spare[-len(places) :]
        for page, draft in drafts.items():
            if page == len(self._pages):
                self._pages.append(draft)
                continue
            place, _ = _PAGE.unpack_from(self._table, page * _PAGE.size)
            self._spare.append(place)
            _wipe(self._pages[page])
            self._pages[page] = draft
        _wipe(self._table)
        self._table = table
        self._side = 1 - self._side

    def _load(self, sealed_root: bytes) -> None:
        try:
            root = unseal(bytes(self._unlocking_key), sealed_root, ad=self._root_ad)
        except DecryptionError:
            raise VaultCorrupt("the vault's root is damaged") from None
        root_key, self._side, pages = unpack_root(root)
        self._keys = disk.open_file(self._folder / _KEYS)
        for side, name in enumerate(_TABLES):
            self._tables[side] = disk.open_file(self._folder / name)
        table = self._tables[self._side]
        if OVERHEAD + pages * _PAGE.size > disk.size_of(table):  # before there is room made for so much
            raise VaultCorrupt("the vault's keys are damaged")
        if not pages:
            self._start_over()
        sealed_table = disk.read_at(table, OVERHEAD + pages * _PAGE.size, 0)
        try:
            self._table = _filled(unseal(root_key, sealed_table, ad=_TABLE_AD))
            for place, page_key in _PAGE.iter_unpack(self._table):
                sealed = disk.read_at(self._keys, OVERHEAD + PLAIN_SIZE, place * PAGE_SIZE)
                self._pages.append(_filled(unseal(page_key, sealed, ad=_PAGE_AD)))
        except DecryptionError:
            raise VaultCorrupt("the vault's keys are damaged") from None
        self._clear_idle_table()  # a change of ways may have been cut short just before
        self._capacity = disk.size_of(self._keys) // PAGE_SIZE
        used = {place for place, _ in _PAGE.iter_unpack(self._table)}
        self._spare = [place for place in range(self._capacity - 1, -1, -1) if place not in used]


def unpack_root(root: bytes) -> tuple[bytes, int, int]:
    """Root key, the table that holds, and its pages: what an opened root says.

    Raises:
        VaultCorrupt: nothing that this program would have sealed.
    """
    if len(root) != _ROOT.size or root[KEY_SIZE] >= len(_TABLES):
        raise VaultCorrupt("the vault's root is damaged")
    root_key, side, pages = _ROOT.unpack(root)
    return root_key, side, pages


def _filled(secret: bytes | bytearray, size: int = 0) -> bytearray:
    """A buffer of our own that begins with ``secret``, with zeros behind it up to ``size``."""
    buffer = resident(max(size, len(secret)))
    buffer[: len(secret)] = secret
    return buffer


def _wipe(secret: bytearray) -> None:
    secret[:] = bytes(len(secret))
