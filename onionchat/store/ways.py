"""The ways to unlock a vault, as they stand in its root slot beside the root.

Laws: every way seals the vault key, under a key of its own; there are as many as there can be, and one that
is not in use is random bytes, which nobody can tell from one that is. All of them have one size, for ever.
Which factors are asked for stands in the open, because it must be known before unlocking, and is
authenticated by every way. A change makes a new vault key, so that an earlier copy of the slot, opened in a
way that has since been taken back, opens nothing of today.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, Self

from ..crypto import RandomSource
from ..crypto.factor import Factors, way_key
from ..crypto.sealing import KEY_SIZE, OVERHEAD, seal, unseal
from ..errors import DecryptionError, StoreError, VaultCorrupt

PASSPHRASE: Final = b"onionchat/1 way by passphrase"
RECOVERY: Final = b"onionchat/1 way by recovery words"
DURESS: Final = b"onionchat/1 way under duress"
_ROLES: Final = (PASSPHRASE, RECOVERY, DURESS)
_KEYRING_AD: Final = b"onionchat/1 keyring"

MAX_CREDENTIAL: Final = 512
"""Bytes of a security key's credential; what is longer is refused."""

_NEEDS: Final = struct.Struct(f">BH{MAX_CREDENTIAL}s")
_SEALED_KEY: Final = OVERHEAD + KEY_SIZE
_KEYRING: Final = struct.Struct(f">{(len(_ROLES) + 2) * KEY_SIZE}s")
_SEALED_KEYRING: Final = OVERHEAD + _KEYRING.size
WAYS_SIZE: Final = _NEEDS.size + len(_ROLES) * _SEALED_KEY + _SEALED_KEYRING
_NOTHING: Final = bytes(KEY_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Which factors the way by passphrase asks for: a key file, and the security key with a credential."""

    key_file: bool = False
    credential: bytes = b""

    def encode(self) -> bytes:
        """Lay out, always as long."""
        return _NEEDS.pack(self.key_file, len(self.credential), self.credential)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` laid out.

        Raises:
            VaultCorrupt: it did not.
        """
        key_file, length, credential = _NEEDS.unpack(data)
        needs = cls(key_file=bool(key_file), credential=credential[:length])
        if needs.encode() != data:
            raise VaultCorrupt("the vault's ways to unlock are damaged")
        return needs

    def met_by(self, given: Factors) -> bool:
        """Whether all that is asked for was given."""
        return bool(given.key_file) >= self.key_file and bool(given.security_key) >= bool(self.credential)

    def of(self, given: Factors) -> Factors:
        """What is asked for, of what was given."""
        return Factors(
            key_file=given.key_file if self.key_file else b"",
            security_key=given.security_key if self.credential else b"",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The key of each way, and the factors' secrets; empty where there is none."""

    passphrase: bytes = field(repr=False)
    recovery: bytes = field(default=b"", repr=False)
    duress: bytes = field(default=b"", repr=False)
    factors: Factors = field(default_factory=Factors, repr=False)

    def with_passphrase(self, stretched: bytes, factors: Factors) -> Self:
        """The same with another passphrase, or other factors, or both."""
        key = way_key(stretched, factors, label=PASSPHRASE)
        return replace(self, passphrase=key, factors=factors)

    def encode(self) -> bytes:
        """Lay out, always as long."""
        parts = self.passphrase, self.recovery, self.duress, self.factors.key_file, self.factors.security_key
        return b"".join(part or _NOTHING for part in parts)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` laid out."""
        parts = [data[at : at + KEY_SIZE] for at in range(0, len(data), KEY_SIZE)]
        passphrase, recovery, duress, key_file, security_key = (
            b"" if part == _NOTHING else part for part in parts
        )
        factors = Factors(key_file=key_file, security_key=security_key)
        return cls(passphrase=passphrase, recovery=recovery, duress=duress, factors=factors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What stands in the slot: what is asked for, one sealed key for each role, and the sealed keyring."""

    needs: Needs
    sealed: tuple[bytes, ...]
    keyring: bytes

    @classmethod
    def make(
        cls, keyring: Keyring, needs: Needs, vault_key: bytes, *, ad: bytes, random: RandomSource
    ) -> Self:
        """Seal ``vault_key`` in every way of ``keyring``, bound to ``ad``, the vault's header.

        The way under duress seals as many zeros: whoever gets in by it must get nothing.

        Raises:
            StoreError: the security key's credential is longer than there is room for.
        """
        if len(needs.credential) > MAX_CREDENTIAL:
            raise StoreError("this security key's credentials are too long", hint="use another security key")
        ad += needs.encode()
        sealed = tuple(
            seal(key, secret, ad=role + ad, random=random) if key else random(_SEALED_KEY)
            for role, key, secret in (
                (PASSPHRASE, keyring.passphrase, vault_key),
                (RECOVERY, keyring.recovery, vault_key),
                (DURESS, keyring.duress, _NOTHING),
            )
        )
        inside = seal(vault_key, keyring.encode(), ad=_KEYRING_AD + ad, random=random)
        return cls(needs=needs, sealed=sealed, keyring=inside)

    def open(self, role: bytes, key: bytes, *, ad: bytes) -> bytes | None:
        """What the way of ``role`` seals under ``key``: the vault key; None if it is not its key."""
        try:
            return unseal(key, self.sealed[_ROLES.index(role)], ad=role + ad + self.needs.encode())
        except DecryptionError:
            return None

    def open_keyring(self, vault_key: bytes, *, ad: bytes) -> Keyring:
        """The keyring.

        Raises:
            VaultCorrupt: it does not open.
        """
        try:
            plain = unseal(vault_key, self.keyring, ad=_KEYRING_AD + ad + self.needs.encode())
        except DecryptionError:
            raise VaultCorrupt("the vault's keyring is damaged") from None
        return Keyring.decode(plain)

    def encode(self) -> bytes:
        """Lay out: `WAYS_SIZE` bytes."""
        return self.needs.encode() + b"".join(self.sealed) + self.keyring

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` laid out.

        Raises:
            VaultCorrupt: it did not.
        """
        if len(data) != WAYS_SIZE:
            raise VaultCorrupt("the vault's ways to unlock are damaged")
        ends = [_NEEDS.size + _SEALED_KEY * number for number in range(len(_ROLES) + 1)]
        sealed = tuple(data[start:end] for start, end in pairwise(ends))
        return cls(needs=Needs.decode(data[: _NEEDS.size]), sealed=sealed, keyring=data[ends[-1] :])
