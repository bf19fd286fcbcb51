"""X25519 key pairs: the static keys, the ephemeral keys of a handshake, the ratchet's keys.

Laws: an exchange whose result is all zero is an error, never a secret; lengths are checked before libsodium
sees a value, which does not check them itself.
"""

from __future__ import annotations

from typing import Final

from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base

from ..errors import CryptoError
from . import RandomSource
from .secret import Secret

KEY_SIZE: Final = 32


class KeyPair(Secret):
    """An X25519 key pair (RFC 7748). ``public`` has 32 bytes."""

    __slots__ = ("_secret", "public")

    public: bytes

    def __init__(self, secret: bytes, public: bytes) -> None:
        self._secret = secret
        self.public = public

    @classmethod
    def generate(cls, random: RandomSource) -> KeyPair:
        """A new pair, from 32 bytes of ``random``."""
        return cls.from_secret(random(KEY_SIZE))

    @classmethod
    def from_secret(cls, secret: bytes) -> KeyPair:
        """The pair of a 32-byte secret.

        Raises:
            CryptoError: ``secret`` has another length.
        """
        if len(secret) != KEY_SIZE:
            raise CryptoError("a secret key has 32 bytes")
        return cls(secret, crypto_scalarmult_base(secret))

    def secret(self) -> bytes:
        """The 32 secret bytes, to be kept sealed."""
        return self._secret

    def exchange(self, peer_public: bytes) -> bytes:
        """The 32 shared bytes with the owner of ``peer_public``.

        Raises:
            CryptoError: ``peer_public`` has another length than 32, or the result is all zero.
        """
        return exchange(self._secret, peer_public)


def exchange(secret: bytes, peer_public: bytes) -> bytes:
    """X25519 of a 32-byte secret and a peer's public key.

    Raises:
        CryptoError: as for ``KeyPair.exchange``.
    """
    if len(peer_public) != KEY_SIZE:
        raise CryptoError("a public key has 32 bytes")
    try:
        return crypto_scalarmult(secret, peer_public)
    except RuntimeError:
        raise CryptoError("the peer's public key is not usable") from None
