"""From a stretched passphrase and second factors to the key of one way to unlock a vault.

Laws: a factor enters the key; nothing is ever compared with one. Whoever lacks any part has another key, and
nothing tells them which part it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .kdf import hkdf_sha512
from .passphrase import KEY_SIZE

FACTOR_SIZE: Final = KEY_SIZE
"""Bytes of a factor's secret: a digest of a key file, or what a security key gives (hmac-secret)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Second factors as they were presented; empty where one was not."""

    key_file: bytes = field(default=b"", repr=False)
    security_key: bytes = field(default=b"", repr=False)


NO_FACTORS: Final = Factors()


def way_key(stretched: bytes, factors: Factors, *, label: bytes) -> bytes:
    """The 32-byte key of one way to unlock.

    Args:
        stretched: 32 bytes, what Argon2id made of the passphrase.
        factors: each empty, or 32 bytes.
        label: the way's own. Which factors there are is part of the derivation, so that no two sets of
            them can give the same key.
    """
    held = bytes([bool(factors.key_file), bool(factors.security_key)])
    ikm = stretched + factors.key_file + factors.security_key
    return hkdf_sha512(salt=b"", ikm=ikm, info=label + held, size=KEY_SIZE)
