"""The vault's first file: which format this is, and how its passphrase becomes a key.

Laws: nothing secret stands here. It never changes while the vault lives; every way to unlock, and the key
tree's root, are sealed with the whole header as associated data, so that whoever changes a byte of it has a
vault that does not open.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final, Self

from ..crypto.passphrase import MIB, SALT_SIZE, PassphraseCost
from ..errors import StoreError, VaultCorrupt, VaultTooNew

FORMAT_VERSION: Final = 3
_MAGIC: Final = b"onionchat vault\n"
_VERSION: Final = struct.Struct(">H")
_FIELDS: Final = struct.Struct(f">QI{SALT_SIZE}s")
_CHECKSUM_SIZE: Final = 16
_SIZE: Final = len(_MAGIC) + _VERSION.size + _FIELDS.size + _CHECKSUM_SIZE

_MOST_MEMORY: Final = 8 * 1024 * MIB
_MOST_PASSES: Final = 64
"""Past these a header is taken for damaged: it must not make us ask for whatever it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the file says: the 16-byte salt and the cost of the passphrase."""

    salt: bytes
    cost: PassphraseCost

    def encode(self) -> bytes:
        """Lay out the file."""
        fields = _FIELDS.pack(self.cost.memory, self.cost.passes, self.salt)
        body = _MAGIC + _VERSION.pack(FORMAT_VERSION) + fields
        return body + _checksum(body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the file.

        Raises:
            VaultTooNew: a format later than this program's.
            VaultCorrupt: anything else that `encode` would not have written.
        """
        if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _VERSION.size:
            raise VaultCorrupt("the vault's header is damaged")
        (version,) = _VERSION.unpack_from(data, len(_MAGIC))
        if version > FORMAT_VERSION:
            raise VaultTooNew(f"the vault has format {version}; this onionchat knows {FORMAT_VERSION}")
        if version < FORMAT_VERSION:
            raise VaultCorrupt(
                f"the vault has format {version}, which was never released; this onionchat cannot read it",
                hint="use the onionchat that made it, or start a new vault elsewhere",
            )
        body, checksum = data[:-_CHECKSUM_SIZE], data[-_CHECKSUM_SIZE:]
        if len(data) != _SIZE or checksum != _checksum(body):
            raise VaultCorrupt("the vault's header is damaged")
        memory, passes, salt = _FIELDS.unpack_from(body, len(_MAGIC) + _VERSION.size)
        if memory > _MOST_MEMORY or not 0 < passes <= _MOST_PASSES:
            raise VaultCorrupt("the vault's header asks for more than any vault does")
        return cls(salt=salt, cost=PassphraseCost(memory=memory, passes=passes))

    def require(self, floor: int) -> None:
        """Refuse a passphrase that costs a guesser less than ``floor`` bytes of memory.

        Raises:
            StoreError: it does.
        """
        if self.cost.memory < floor:
            raise StoreError(
                f"this vault's passphrase costs {self.cost.memory // MIB} MiB to try, less than is safe",
                hint="start a new vault",
            )


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM_SIZE, person=b"onionchat/1 head").digest()
