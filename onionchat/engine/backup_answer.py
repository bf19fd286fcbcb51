"""What the requests about backups do: writing one, and making a vault from one.

Laws: a backup takes the vault's passphrase again, for it is worth as much as the vault's contacts. A vault is
made from a whole backup or not at all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..control import replies, requests
from ..crypto.passphrase import MIB, PassphraseCost
from ..errors import ConfigError, ControlError, StoreError, VaultCorrupt
from ..protocol.backup import backup_of, is_whole, records_of
from ..protocol.record import BackupRecord, pack, unpack
from ..store import (
    DiskVault,
    Name,
    Record,
    cost_of_backup,
    create_vault,
    open_backup,
    read_backup,
    seal_backup,
    vault_exists,
    write_backup,
)
from .patience import Patience
from .process import give_back_memory

if TYPE_CHECKING:
    from .engine import Engine


def make_backup(engine: Engine, request: requests.BackupMake) -> replies.Backup:
    """Write a backup of the open vault.

    Raises:
        ControlError: ``amnesic``.
        WrongPassphrase: it is not the vault's.
        StoreError: the file is there already, or cannot be written.
    """
    file, vault, book = _place(request.file), engine.vault, engine.opened()
    if not isinstance(vault, DiskVault):
        raise ControlError(
            "amnesic", "what is kept in memory only is not backed up", hint="it is to leave no trace"
        )
    with Patience(Path(engine.plan.vault), engine.clock.now).one_try():
        vault.unlocking.require(request.passphrase)
    contacts = [contact.record for contact in book.contacts.values()]
    backup = backup_of(book.policies.settings, book.identities.values(), contacts, engine.clock.now())
    sealed = seal_backup(pack(backup), request.new, random=os.urandom)
    write_backup(file, sealed)
    give_back_memory()
    kept = {contact.id for contact in backup.contacts}
    left_out = [record.name for record in contacts if record.id not in kept]
    return _told(backup, cost_of_backup(sealed), left_out)


def restore_backup(engine: Engine, request: requests.BackupRestore) -> replies.Backup:
    """Make the vault from a backup, and open it.

    Raises:
        ControlError: ``vault-open``.
        WrongPassphrase: it is not the backup's.
        StoreError: there is a vault already, or the file is no backup, or the vault cannot be made.
    """
    folder = Path(engine.plan.vault)
    if engine.vault is not None:
        raise ControlError(
            "vault-open", "the vault is open already", hint="a backup makes a vault of its own: name a folder"
        )
    if vault_exists(folder):
        raise StoreError(
            "there is a vault in this folder already", hint="name another folder for the restored one"
        )
    content = open_backup(read_backup(_place(request.file)), request.passphrase)
    try:
        backup = unpack(content, BackupRecord)
    except msgspec.DecodeError:
        raise VaultCorrupt(
            "what is in the backup cannot be read", hint="it was made by another onionchat: use that one"
        ) from None
    if not is_whole(backup):
        raise VaultCorrupt("no vault can be made of this backup", hint="restore from another one")
    vault = _vault_of(folder, backup, request.new)
    engine.open(vault)
    give_back_memory()
    return _told(backup, vault.cost, left_out=[])


def _vault_of(folder: Path, backup: BackupRecord, passphrase: str) -> DiskVault:
    records = [
        Record(name=Name(kind=key.kind, scope=key.scope, key=key.key), value=value)
        for key, value in records_of(backup)
    ]
    return create_vault(folder, passphrase, random=os.urandom, records=records)


def _place(file: str) -> Path:
    path = Path(file)
    if not path.is_absolute() or "\0" in file:
        raise ConfigError("the engine needs the whole path of a file", hint="let it begin with /")
    return path


def _told(backup: BackupRecord, cost: PassphraseCost, left_out: list[str]) -> replies.Backup:
    return replies.Backup(
        identities=len(backup.identities),
        contacts=len(backup.contacts),
        left_out=left_out,
        memory=cost.memory // MIB,
    )
