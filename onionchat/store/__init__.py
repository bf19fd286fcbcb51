"""The vault: sealed, erasable records."""

from .diskvault import DiskVault
from .lock import VaultLock
from .opening import FLOOR, create_vault, open_vault, vault_exists
from .record import Name, Record
from .slot import ErasableSlot, FileSlot
from .vault import MemoryVault, Vault

__all__ = [
    "FLOOR",
    "DiskVault",
    "ErasableSlot",
    "FileSlot",
    "MemoryVault",
    "Name",
    "Record",
    "Vault",
    "VaultLock",
    "create_vault",
    "open_vault",
    "vault_exists",
]
