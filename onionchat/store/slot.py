"""A place that holds one small value, and whose earlier values are gone when a write returns.

Laws: the slot never looks into the value (it comes sealed); nothing else in the store is erased by
overwriting. What `FileSlot` promises holds for file systems that overwrite in place; hardware that keeps the
value itself implements the same protocol.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Final, Protocol

from ..errors import DiskFull, LocalProtocolError, StoreError, VaultCorrupt
from . import disk

SIDE_SIZE: Final = 4096
"""Bytes of each side: one block of the disk, so that an overwrite touches nothing else."""

_HEAD: Final = struct.Struct(">QH")
"""Counter, length of the value."""

_CHECKSUM_SIZE: Final = 16
MAX_VALUE: Final = SIDE_SIZE - _HEAD.size - _CHECKSUM_SIZE


class ErasableSlot(Protocol):
    """Where the root of the key tree is kept."""

    def create(self, value: bytes) -> None:
        """Make the slot, with its first value."""

    def read(self) -> bytes:
        """Give the current value, after an earlier one that a crash left behind was erased."""

    def write(self, value: bytes) -> None:
        """Put a new value in place of the current one, atomically; the old one is erased on return.

        `DiskFull` means that nothing changed; after any other error only `read` can tell which value holds.
        """

    def destroy(self) -> None:
        """Erase the value for good."""

    def close(self) -> None:
        """Give up what the slot holds open."""


class FileSlot:
    """Two 4 KiB sides of one file, written in turn, each in place and synced before the other is cleared.

    A side is valid by its checksum, which only tells a torn write from a whole one: the value is
    authenticated by whoever sealed it.
    """

    def __init__(self, path: Path, *, first: int = 0) -> None:
        """``first``, an even number, is what the count of writes begins with: by chance, it tells nothing."""
        self._path = path
        self._descriptor = -1
        self._counter = first

    def create(self, value: bytes) -> None:
        """Make the file; it must not exist."""
        self._descriptor = disk.create_file(self._path)
        disk.write_at(self._descriptor, _frame(self._counter, value) + bytes(SIDE_SIZE), 0)
        disk.sync(self._descriptor)

    def read(self) -> bytes:
        """Open the file and give the value with the higher counter.

        Raises:
            VaultCorrupt: the file's size is wrong or neither side is whole.
        """
        if self._descriptor < 0:
            self._descriptor = disk.open_file(self._path)
        if disk.size_of(self._descriptor) != 2 * SIDE_SIZE:
            raise VaultCorrupt("the vault's root has the wrong size")
        # What was read may be in memory only, after a kill: it has to be on the disk before the other goes.
        disk.sync(self._descriptor)
        blocks = [disk.read_at(self._descriptor, SIDE_SIZE, side * SIDE_SIZE) for side in (0, 1)]
        whole = [side for side in map(_unframe, blocks) if side is not None]
        if not whole:
            raise VaultCorrupt("the vault's root is damaged")
        self._counter, value = max(whole)
        # Not only a whole earlier value: a clearing that was torn may have left the part that matters.
        if any(blocks[_side(self._counter + 1)]):
            self._clear_other()
        return value

    def write(self, value: bytes) -> None:
        """Write the idle side, sync, clear the other, sync: two syncs."""
        if self._descriptor < 0:
            raise LocalProtocolError("a slot is created or read before it is written")
        if not any(disk.read_at(self._descriptor, SIDE_SIZE, _side(self._counter) * SIDE_SIZE)):
            # burned by another process, which has to be able to rely on it
            raise StoreError("the vault was burned", hint="nothing of it can be brought back")
        counter = self._counter + 1
        disk.write_at(self._descriptor, _frame(counter, value), _side(counter) * SIDE_SIZE)
        try:
            disk.sync(self._descriptor)
            self._counter = counter
            self._clear_other()
        except (
            DiskFull
        ) as error:  # a file system that does not overwrite in place: too late for «nothing changed»
            raise StoreError(
                "the disk did not let the vault erase what it must",
                hint="free some disk space and start onionchat again",
            ) from error

    def destroy(self) -> None:
        """Clear both sides in place, then remove the file."""
        if self._descriptor < 0:
            self._descriptor = disk.open_file(self._path)
        disk.write_at(self._descriptor, bytes(2 * SIDE_SIZE), 0)
        disk.sync(self._descriptor)
        self.close()
        with disk.own_words("remove its root"):
            self._path.unlink()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _clear_other(self) -> None:
        disk.write_at(self._descriptor, bytes(SIDE_SIZE), _side(self._counter + 1) * SIDE_SIZE)
        disk.sync(self._descriptor)


def _side(counter: int) -> int:
    return counter % 2


def _frame(counter: int, value: bytes) -> bytes:
    if len(value) > MAX_VALUE:
        raise LocalProtocolError("a slot holds at most a block")
    body = (_HEAD.pack(counter, len(value)) + value).ljust(SIDE_SIZE - _CHECKSUM_SIZE, b"\0")
    return body + _checksum(body)


def _unframe(side: bytes) -> tuple[int, bytes] | None:
    body, checksum = side[:-_CHECKSUM_SIZE], side[-_CHECKSUM_SIZE:]
    if checksum != _checksum(body):
        return None
    counter, length = _HEAD.unpack_from(body)
    return counter, body[_HEAD.size : _HEAD.size + length]


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM_SIZE, person=b"onionchat/1 slot").digest()
