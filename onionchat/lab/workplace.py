"""A folder for what runs here for a while: in memory where there is room, erased at the end.

Laws: the folder is for this user alone (0700) and its path is short, because Unix sockets live in it. While
its maker lives it is locked; one whose maker was killed is removed by the next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..engine.doctor import Machine
from ..engine.doctor_disk import IN_MEMORY, mount_of
from ..errors import ConfigError

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - wanted because it is memory; the folder in it is 0700
LASTING: Final = Path("/var/tmp")  # noqa: S108 - where temporary files outlive a restart; the folder in it is 0700
PREFIX: Final = "onionchat-lab-"
ROOM: Final = 48 * 2**20
"""Bytes that must be free: a private network and two engines take less than half of that."""
_FRESH_SECONDS: Final = 10.0
"""A folder this young may not be locked yet by the one who is making it."""


@contextmanager
def workplace(*, on_disk: bool = False, more: int = 0) -> Iterator[Path]:
    """A fresh folder, removed with all in it when the block ends.

    Args:
        on_disk: not in memory, for what is to wait for the disk; see `is_on_disk`.
        more: bytes that must be free beside `ROOM`.

    Raises:
        ConfigError: there is no place for it.
    """
    roots = _roots()
    for root in roots:
        _clear(root)
    disks = sorted(roots[1:], key=is_on_disk, reverse=True)
    folder = _make(disks if on_disk else roots, ROOM + more)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        _remove(folder)
        os.close(handle)


def is_on_disk(folder: Path) -> bool:
    """Whether what is written there waits for a disk: on some systems temporary folders are in memory."""
    mount = mount_of(Machine(), folder)
    return mount is None or mount.kind not in IN_MEMORY


def _roots() -> list[Path]:
    return [SHARED_MEMORY, Path(tempfile.gettempdir()), LASTING]


def _make(roots: list[Path], room: int) -> Path:
    for root in roots:
        with suppress(OSError):
            if shutil.disk_usage(root).free >= room:
                return Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    raise ConfigError(
        f"there is no room for {room // 2**20} MB in memory or in the system's temporary folder",
        hint="free some, or set TMPDIR to a folder that has room",
    )


def _clear(root: Path) -> None:
    """Remove what was left behind by those who were killed."""
    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or locked: its maker lives
            kind = folder.lstat()
            if not stat.S_ISDIR(kind.st_mode) or kind.st_uid != os.getuid():
                continue
            if time.time() - kind.st_ctime < _FRESH_SECONDS:
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(handle)


def _remove(folder: Path) -> None:
    """Remove ``folder``; a process that is just ending may still add a file, so more than once."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
