"""ML-KEM-768 (FIPS 203).

Laws: the only module that touches ``cryptography``. A private key is its 64-byte seed. Encapsulation draws
its own randomness inside the library, which takes none from us: no seeded source can replay it.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from ..errors import CryptoError
from .secret import Secret

KEM_SEED_SIZE: Final = 64
KEM_KEY_SIZE: Final = 1184
KEM_CIPHERTEXT_SIZE: Final = 1088


class KemPair(Secret):
    """An ML-KEM-768 key pair. ``public`` has 1,184 bytes."""

    __slots__ = ("_private", "public")

    public: bytes

    def __init__(self, private: MLKEM768PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> KemPair:
        """A new pair, from the library's own randomness, as encapsulation has it."""
        return cls(MLKEM768PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> KemPair:
        """The pair of a 64-byte seed (FIPS 203's d ‖ z).

        Raises:
            CryptoError: ``seed`` has another length.
        """
        if len(seed) != KEM_SEED_SIZE:
            raise CryptoError("the seed of a KEM key has 64 bytes")
        return cls(MLKEM768PrivateKey.from_seed_bytes(seed))

    def seed(self) -> bytes:
        """The 64 secret bytes, to be kept sealed."""
        return self._private.private_bytes_raw()

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The 32 secret bytes in ``ciphertext``. One made for another key gives other bytes, not an error.

        Raises:
            CryptoError: ``ciphertext`` has another length than 1,088.
        """
        if len(ciphertext) != KEM_CIPHERTEXT_SIZE:
            raise CryptoError("a KEM ciphertext has 1,088 bytes")
        return self._private.decapsulate(ciphertext)


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """A fresh 32-byte secret for the owner of ``public``, and the 1,088 bytes that carry it.

    The randomness is the library's own.

    Raises:
        CryptoError: ``public`` has another length than 1,184, or a coefficient out of range (FIPS 203, 7.2).
    """
    if len(public) != KEM_KEY_SIZE:
        raise CryptoError("a KEM key has 1,184 bytes")
    try:
        key = MLKEM768PublicKey.from_public_bytes(public)
    except ValueError:
        raise CryptoError("the peer's KEM key is not usable") from None
    return key.encapsulate()
