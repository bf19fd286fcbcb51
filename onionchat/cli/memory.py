"""Folders in memory for amnesic engines.

Laws: nothing is removed that was not empty when it was taken; nothing outside of memory is ever taken.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..errors import ConfigError

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # wanted because it is memory; folders in it are 0700
PREFIX: Final = "onionchat-"


@contextmanager
def memory_folder(wanted: Path | None = None) -> Iterator[Path]:
    """A folder (0700) in memory that is removed, with all in it, at the end.

    Args:
        wanted: an empty folder in memory, or one to be made there; None for a fresh one.

    Raises:
        ConfigError: there is no memory to write to, or ``wanted`` is elsewhere or not empty.
    """
    folder = _fresh() if wanted is None else _taken(wanted)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _roots() -> list[Path]:
    named = os.environ.get("XDG_RUNTIME_DIR")
    return [*([Path(named)] if named else []), SHARED_MEMORY]


def _fresh() -> Path:
    for root in _roots():
        try:
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        except OSError:
            continue
    raise ConfigError("there is no folder in memory to use", hint="set XDG_RUNTIME_DIR to one that you own")


def _taken(wanted: Path) -> Path:
    folder = wanted.resolve()
    if not any(folder.is_relative_to(root.resolve()) and folder != root.resolve() for root in _roots()):
        raise ConfigError(
            f"an amnesic engine keeps nothing on disk, and {folder} is not in memory",
            hint="leave --vault out, or name a folder below XDG_RUNTIME_DIR or /dev/shm",
        )
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        empty = not any(folder.iterdir())
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used: {error.strerror}") from None
    if not empty:
        raise ConfigError(f"{folder} is not empty", hint="name a new folder, or leave --vault out")
    return folder
