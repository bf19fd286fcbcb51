"""Making a vault and opening one.

Laws: a vault is there or it is not: it is made beside its place and moved in whole. Nothing of an existing
one is written before its lock on the rows is held and its header understood. A passphrase is stretched once.

In the folder are ``lock`` and ``sealed``; in that ``header``, ``rows``, ``keys``, ``table.0``, ``table.1``
and ``root``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ..crypto import RandomSource
from ..crypto.factor import NO_FACTORS, Factors
from ..crypto.passphrase import LOW_MEMORY_COST, SALT_SIZE, PassphraseCost, affordable_cost, unlocking_key
from ..errors import StoreError
from . import disk
from .diskvault import DiskVault
from .entry import Sealed
from .header import Header
from .record import Record
from .rootslot import RootSlot
from .rows import Rows
from .slot import FileSlot
from .tree import KeyTree
from .unlocking import require_some
from .ways import Needs

FLOOR: Final = LOW_MEMORY_COST.memory
"""Bytes of memory that a try of a real vault's passphrase costs at least. Only tests go below."""

_PLACE: Final = "sealed"
_DRAFT: Final = "sealed.new"
_HEADER: Final = "header"
_ROWS: Final = "rows"
_ROOT: Final = "root"
_LARGEST_HEADER: Final = 4096
_COUNT_SIZE: Final = 6
"""Bytes of the number with which a root's count of writes begins."""


def vault_exists(folder: Path) -> bool:
    """Whether there is a vault in this folder, damaged or not."""
    return (folder / _PLACE).exists()


def create_vault(
    folder: Path,
    passphrase: str,
    *,
    random: RandomSource,
    records: Sequence[Record] = (),
    cost: PassphraseCost | None = None,
    floor: int = FLOOR,
) -> DiskVault:
    """Make a vault and open it. The caller holds the folder's `VaultLock`.

    Args:
        folder: made (0700) if it is missing.
        passphrase: any text but an empty one.
        random: unpredictable bytes.
        records: what is in it from the first moment that there is a vault.
        cost: of the passphrase; by default what the memory at hand allows, to be read from `DiskVault.cost`.
        floor: bytes of memory below which the cost is refused.

    Raises:
        StoreError: there is one already, the passphrase is empty, or the cost is too low.
        CryptoError: the memory for the passphrase cannot be had.
        DiskFull: there is no vault then.
    """
    if vault_exists(folder):
        raise StoreError("there is a vault in this folder already", hint="open it, or choose another folder")
    require_some(passphrase)
    disk.prepare_folder(folder)
    header = Header(salt=random(SALT_SIZE), cost=cost or affordable_cost(available_memory()))
    header.require(floor)
    stretched = unlocking_key(passphrase, header.salt, header.cost)
    draft = folder / _DRAFT
    with disk.own_words("make its files"):
        if draft.exists():  # of a making that was cut short
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
    _lay_out(draft, header, stretched, random)

    def unlock(sealed: Sealed) -> bytes:
        return sealed.by_passphrase(stretched, NO_FACTORS)

    if records:
        _fill(draft, records, lambda: _open(draft, header, unlock, random))
    with disk.own_words("make its files"):
        draft.rename(folder / _PLACE)
    disk.sync_folder(folder)
    return _open(folder / _PLACE, header, unlock, random)


def open_vault(
    folder: Path,
    passphrase: str,
    *,
    random: RandomSource,
    factors: Factors = NO_FACTORS,
    floor: int = FLOOR,
    stretched: Callable[[], None] = lambda: None,
) -> DiskVault:
    """Open a vault, or burn it with its passphrase for duress and open the empty one that is left.

    The caller holds the folder's `VaultLock`.

    Args:
        folder: where it is.
        passphrase: its passphrase, or the one for duress.
        random: unpredictable bytes.
        factors: what was presented beside the passphrase; what is not asked for is passed over.
        floor: bytes of memory below which the cost is refused.
        stretched: called once the passphrase's cost is paid, and nothing of the vault was read.

    Raises:
        WrongPassphrase: the passphrase is not this vault's, or a factor is missing or another one.
        VaultCorrupt: a file is missing, truncated or damaged.
        VaultTooNew: a later version wrote it; nothing was touched.
        VaultInUse: another process has it open.
        StoreError: there is none, its passphrase costs less than ``floor``, or the disk fails.
        CryptoError: the memory for the passphrase cannot be had.
    """
    header = _header(folder, floor)
    key = unlocking_key(passphrase, header.salt, header.cost)
    stretched()
    return _open(folder / _PLACE, header, lambda sealed: sealed.by_passphrase(key, factors), random)


def recover_vault(
    folder: Path, words: str, new_passphrase: str, *, random: RandomSource, floor: int = FLOOR
) -> DiskVault:
    """Open a vault by its recovery words, which are erased; the passphrase is then another, without factors.

    Raises:
        WrongPassphrase: the words are not this vault's.
        StoreError: as for `open_vault`; or the new passphrase is empty, or is the one for duress.
    """
    require_some(new_passphrase)
    header = _header(folder, floor)
    stretched = unlocking_key(words, header.salt, header.cost)
    vault = _open(folder / _PLACE, header, lambda sealed: sealed.by_words(stretched), random)
    try:
        vault.unlocking.replace_passphrase(new_passphrase, NO_FACTORS, Needs(), recovery=b"")
    except BaseException:
        vault.close()
        raise
    return vault


def vault_needs(folder: Path) -> tuple[Needs, PassphraseCost]:
    """What unlocking will ask for, and what a try costs: believed by nobody, for it is not authentic yet.

    Raises:
        StoreError: there is no vault, or it is damaged.
    """
    header = _header(folder, floor=0)
    root = RootSlot(FileSlot(folder / _PLACE / _ROOT))
    try:
        root.read()
    finally:
        root.close()
    return root.ways.needs, header.cost


def _header(folder: Path, floor: int) -> Header:
    if not vault_exists(folder):
        raise StoreError("there is no vault in this folder", hint="create one, or name the right folder")
    disk.prepare_folder(folder)
    descriptor = disk.open_file(folder / _PLACE / _HEADER)
    try:
        header = Header.decode(disk.read_at(descriptor, _LARGEST_HEADER, 0))
    finally:
        os.close(descriptor)
    header.require(floor)
    return header


def _lay_out(place: Path, header: Header, stretched: bytes, random: RandomSource) -> None:
    descriptor = disk.create_file(place / _HEADER)
    try:
        disk.write_at(descriptor, header.encode(), 0)
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
    Rows.create(place / _ROWS).close()
    root = RootSlot(FileSlot(place / _ROOT, first=2 * int.from_bytes(random(_COUNT_SIZE))))
    sealed = Sealed(place=place, root=root, header=header, random=random)
    key = sealed.begin(stretched, NO_FACTORS, Needs())
    KeyTree.create(place, root, key, ad=header.encode(), random=random).close()
    disk.sync_folder(place)


def _fill(draft: Path, records: Sequence[Record], opened: Callable[[], DiskVault]) -> None:
    try:
        vault = opened()
        try:
            vault.commit(records)
        finally:
            vault.close()
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)  # what was to be kept in it does not stay by accident
        raise


def _open(place: Path, header: Header, unlock: Callable[[Sealed], bytes], random: RandomSource) -> DiskVault:
    rows = Rows.open(place / _ROWS)
    try:
        root = RootSlot(FileSlot(place / _ROOT))
        try:
            root.read()
            key = unlock(Sealed(place=place, root=root, header=header, random=random))
            keyring = root.ways.open_keyring(key, ad=header.encode())
            tree = KeyTree.open(place, root, key, ad=header.encode(), random=random)
        except BaseException:
            root.close()
            raise
        try:
            return DiskVault(tree, rows, root=root, header=header, keyring=keyring, random=random)
        except BaseException:
            tree.close()
            raise
    except BaseException:
        rows.close()
        raise


def available_memory() -> int:
    """Bytes that programs can still be given; what Linux says, elsewhere all that the machine has."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
