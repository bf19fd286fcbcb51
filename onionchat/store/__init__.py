"""The vault: sealed, erasable records."""

from .backup import cost_of_backup, open_backup, read_backup, seal_backup, write_backup
from .box import BoxFile, remove_box
from .burning import burn_vault, destroy_keys, finish_burn
from .diskvault import DiskVault
from .lock import LOCK_FILE, VaultLock
from .opening import FLOOR, create_vault, open_vault, recover_vault, vault_exists, vault_needs
from .record import Name, Record
from .slot import ErasableSlot, FileSlot
from .vault import MemoryVault, Vault

__all__ = [
    "FLOOR",
    "LOCK_FILE",
    "BoxFile",
    "DiskVault",
    "ErasableSlot",
    "FileSlot",
    "MemoryVault",
    "Name",
    "Record",
    "Vault",
    "VaultLock",
    "burn_vault",
    "cost_of_backup",
    "create_vault",
    "destroy_keys",
    "finish_burn",
    "open_backup",
    "open_vault",
    "read_backup",
    "recover_vault",
    "remove_box",
    "seal_backup",
    "vault_exists",
    "vault_needs",
    "write_backup",
]
