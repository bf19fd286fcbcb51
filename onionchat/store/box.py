"""The box's file: places of one size, in which a locked vault puts what it cannot open.

Laws: no key here, and nothing is understood; the file has its full size from the first moment and is full of
random bytes, so that it shows neither what is in it nor how much. It is not synced: nothing that anybody was
told of rests on it. It lies in the vault's own folder and goes with that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

from ..crypto import RandomSource
from ..errors import LocalProtocolError
from . import disk
from .opening import _PLACE

_BOX: Final = "box"
PLACE_SIZE: Final = 2048
_CHUNK: Final = 256 * PLACE_SIZE


class BoxFile:
    """The open file; made by `make` and `open`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def make(cls, folder: Path, places: int, *, random: RandomSource) -> Self:
        """A new file in the place of any other.

        Raises:
            StoreError: the disk refuses it; there is none then.
        """
        remove_box(folder)
        box = cls(disk.create_file(folder / _PLACE / _BOX))
        try:
            size = places * PLACE_SIZE
            for at in range(0, size, _CHUNK):
                disk.write_at(box._descriptor, random(min(_CHUNK, size - at)), at)
        except BaseException:
            box.close()
            remove_box(folder)
            raise
        return box

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """The file that is there, if there is one.

        Raises:
            StoreError: the disk refuses it.
        """
        path = folder / _PLACE / _BOX
        return cls(disk.open_file(path)) if path.exists() else None

    def put(self, place: int, sealed: bytes) -> None:
        """Fill a place.

        Raises:
            StoreError: the disk refuses it.
        """
        if len(sealed) > PLACE_SIZE:
            raise LocalProtocolError("more than a place holds")
        disk.write_at(self._descriptor, sealed, place * PLACE_SIZE)

    def read(self, place: int, size: int) -> bytes:
        """The first ``size`` bytes of a place; fewer where the file was cut short.

        Raises:
            StoreError: the disk refuses it.
        """
        return disk.read_at(self._descriptor, size, place * PLACE_SIZE)

    def close(self) -> None:
        """Give the file up; what is in it stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def remove_box(folder: Path) -> None:
    """Remove the file, if there is one.

    Raises:
        StoreError: the disk refuses it.
    """
    with disk.own_words("remove its files"):
        (folder / _PLACE / _BOX).unlink(missing_ok=True)
