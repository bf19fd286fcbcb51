"""Keys and addresses of onion services (Tor's rend-spec-v3, section 6, «Encoding onion addresses»).

Laws: an onion key says where someone can be reached, never who they are: nothing is authenticated with it.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from hashlib import sha3_256, sha512
from typing import Final

from nacl.bindings import crypto_sign_seed_keypair

from ..errors import CryptoError
from . import RandomSource
from .keys import KEY_SIZE
from .secret import Secret

ADDRESS_SIZE: Final = 62
"""Characters of ``<56 characters>.onion``."""

_SUFFIX: Final = ".onion"
_VERSION: Final = b"\x03"


class OnionKey(Secret):
    """The Ed25519 key of an onion service. ``public`` has 32 bytes, ``address`` ends in ``.onion``."""

    __slots__ = ("_seed", "address", "public")

    public: bytes
    address: str

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_SIZE:
            raise CryptoError("the seed of an onion key has 32 bytes")
        self._seed = seed
        self.public = crypto_sign_seed_keypair(seed)[0]
        self.address = onion_address(self.public)

    @classmethod
    def generate(cls, random: RandomSource) -> OnionKey:
        """A new key, from 32 bytes of ``random``."""
        return cls(random(KEY_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> OnionKey:
        """The key of a 32-byte seed (RFC 8032's private key).

        Raises:
            CryptoError: ``seed`` has another length.
        """
        return cls(seed)

    def seed(self) -> bytes:
        """The 32 secret bytes, to be kept sealed."""
        return self._seed

    def expanded(self) -> bytes:
        """The 64 bytes that tor's ADD_ONION takes: SHA-512 of the seed, clamped (RFC 8032, 5.1.5)."""
        digest = bytearray(sha512(self._seed).digest())
        digest[0] &= 248
        digest[31] = digest[31] & 63 | 64
        return bytes(digest)


def onion_address(public: bytes) -> str:
    """The address of a service's 32-byte public key, in lower case.

    Raises:
        CryptoError: ``public`` has another length.
    """
    if len(public) != KEY_SIZE:
        raise CryptoError("an onion service's public key has 32 bytes")
    checksum = sha3_256(b".onion checksum" + public + _VERSION).digest()[:2]
    return b32encode(public + checksum + _VERSION).decode().lower() + _SUFFIX


def onion_public(address: str) -> bytes:
    """The 32-byte public key in an address, which must be written as ``onion_address`` writes it.

    Raises:
        CryptoError: wrong length, alphabet, checksum or version.
    """
    if len(address) == ADDRESS_SIZE:
        try:
            public = b32decode(address[: -len(_SUFFIX)].upper())[:KEY_SIZE]
        except ValueError:
            pass
        else:
            if onion_address(public) == address:
                return public
    raise CryptoError("this is not an onion address", hint="copy it again: a character is missing or wrong")
