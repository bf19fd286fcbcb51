"""The few things that the vault asks of a file system, with their errors put into our words.

Laws: every byte that the vault writes itself (SQLite's apart) passes through here, so that a test can fail,
kill or undo any single step. A write is complete or raises; nothing is durable before `sync` returned.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..errors import DiskFull, StoreError, VaultCorrupt

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room, no quota, or a file-size limit: all mean that this much cannot be kept."""


@contextmanager
def own_words(doing: str) -> Iterator[None]:
    """Turn an `OSError` into the error that a user reads: ``doing`` completes «the vault could not …»."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull("the disk has no room for what the vault must keep") from error
        raise StoreError(
            f"the vault could not {doing}: {os.strerror(error.errno or 0)}",
            hint="check the disk and the vault's folder",
        ) from error


def create_file(path: Path) -> int:
    """Make a new file that only its owner can read, and give its descriptor."""
    with own_words("make its files"):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def open_file(path: Path) -> int:
    """Open one of the vault's files in place; a missing one raises `VaultCorrupt`."""
    with own_words("open its files"):
        try:
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise VaultCorrupt(f"the vault's file «{path.name}» is missing") from None


def size_of(descriptor: int) -> int:
    """Bytes in an open file."""
    with own_words("look at its files"):
        return os.fstat(descriptor).st_size


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Read up to ``size`` bytes at ``offset``; fewer only at the end of the file."""
    with own_words("read its files"):
        return os.pread(descriptor, size, offset)


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` at ``offset``, in place."""
    with own_words("write its files"):
        while data:
            written = os.pwrite(descriptor, data, offset)
            data, offset = data[written:], offset + written


def sync(descriptor: int) -> None:
    """Return once everything written to this file is on the disk."""
    with own_words("bring its files to the disk"):
        os.fdatasync(descriptor)


def reserve(descriptor: int, size: int) -> None:
    """Have room for ``size`` bytes set aside on the disk, so that a later write in place cannot lack it."""
    with own_words("set room aside"):
        os.posix_fallocate(descriptor, 0, size)


def room_at(descriptor: int) -> int:
    """Bytes that a user without privileges may still write where this file lies; a quota may leave less."""
    with own_words("look at its disk"):
        found = os.fstatvfs(descriptor)
    if not found.f_blocks:  # it says nothing of itself: one in memory without a bound, for example
        return sys.maxsize
    return found.f_bavail * found.f_frsize


def truncate(descriptor: int, size: int) -> None:
    """Cut the file to ``size`` bytes, on the disk when this returns."""
    with own_words("shorten its files"):
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Return once the names in this folder are on the disk."""
    with own_words("bring its folder to the disk"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def prepare_folder(folder: Path) -> None:
    """Make the folder if it is missing, and refuse one that anybody else could look into.

    Raises:
        StoreError: not a folder, another owner's, or open to others.
    """
    with own_words("make its folder"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError("the vault's place is a link or a file, not a folder", hint="name the folder itself")
    if found.st_uid != os.geteuid():
        raise StoreError("the vault's folder belongs to somebody else", hint="choose a folder of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreError("others can look into the vault's folder", hint="run: chmod 700 on that folder")
