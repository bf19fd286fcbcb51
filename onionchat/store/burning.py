"""Burning a whole vault: its keys first, then its files.

Laws: no passphrase and no lock is needed to destroy the keys, so that nothing can stand in the way; nothing
else is touched before they are gone. A root of zeros is the mark of a vault that is being burned: no slot
ever holds that otherwise, and whoever finds it finishes the work.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from . import disk
from .opening import _DRAFT, _PLACE, _ROOT
from .slot import SIDE_SIZE

_EMBERS: Final = "sealed.burned"
_ROOT_SIZE: Final = 2 * SIDE_SIZE


def destroy_keys(folder: Path) -> bool:
    """Overwrite the vault's root in place, whoever has it open; on return it is gone from the disk.

    An engine that has the vault open could still write another root: it has to be told, or ended, next.

    Returns:
        Whether there was a vault.

    Raises:
        StoreError: the disk refuses it.
    """
    _overwrite(folder / _DRAFT / _ROOT)  # of a making that was cut short; a backup may be in it
    return _overwrite(folder / _PLACE / _ROOT)


def _overwrite(root: Path) -> bool:
    if not root.is_file():
        return False
    descriptor = disk.open_file(root)
    try:
        disk.write_at(descriptor, bytes(max(_ROOT_SIZE, disk.size_of(descriptor))), 0)
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
    return True


def burn_vault(folder: Path) -> None:
    """Destroy the vault's keys and remove its files; does nothing where there is no vault.

    Raises:
        StoreError: the disk refuses it; what was not done is done by `finish_burn`.
    """
    burning = destroy_keys(folder)
    with disk.own_words("remove its files"):
        if burning:
            shutil.rmtree(folder / _EMBERS, ignore_errors=True)
            (folder / _PLACE).rename(folder / _EMBERS)
            disk.sync_folder(folder)
        for name in (_EMBERS, _DRAFT):
            if (folder / name).exists():
                shutil.rmtree(folder / name)


def finish_burn(folder: Path) -> bool:
    """Finish a burn that was cut short. The caller holds the folder's `VaultLock`.

    Returns:
        Whether there was one.

    Raises:
        StoreError: as for `burn_vault`.
    """
    if not (folder / _EMBERS).exists() and not _keys_destroyed(folder):
        return False
    burn_vault(folder)
    return True


def _keys_destroyed(folder: Path) -> bool:
    root = folder / _PLACE / _ROOT
    if not root.is_file():
        return False
    descriptor = disk.open_file(root)
    try:
        size = disk.size_of(descriptor)
        return size >= _ROOT_SIZE and not any(disk.read_at(descriptor, size, 0))
    finally:
        os.close(descriptor)
