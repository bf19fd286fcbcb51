"""Noise's CipherState and SymmetricState (revision 34, 5.1 and 5.2) for ChaChaPoly and SHA512.

Laws: knows no pattern, no sizes and no label of ours. Section numbers are those of the Noise specification.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final

from nacl.bindings import crypto_aead_chacha20poly1305_ietf_decrypt as _open
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt as _seal
from nacl.exceptions import CryptoError as _SodiumError

from ..errors import DecryptionError
from .kdf import hkdf_sha512
from .keys import KEY_SIZE
from .secret import Secret

HASH_SIZE: Final = 64
TAG_SIZE: Final = 16


class CipherState(Secret):
    """A key, or none yet, and a nonce that counts (5.1)."""

    __slots__ = ("_key", "_nonce")

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key
        self._nonce = 0

    @property
    def has_key(self) -> bool:
        """Whether what follows is encrypted."""
        return self._key is not None

    def encrypt(self, ad: bytes, plaintext: bytes) -> bytes:
        """``plaintext`` sealed, 16 bytes longer; unchanged while there is no key."""
        if self._key is None:
            return plaintext
        sealed = _seal(plaintext, ad, bytes(4) + self._nonce.to_bytes(8, "little"), self._key)
        self._nonce += 1
        return sealed

    def decrypt(self, ad: bytes, ciphertext: bytes) -> bytes:
        """``ciphertext`` opened, 16 bytes shorter; unchanged while there is no key.

        Raises:
            DecryptionError: it does not open.
        """
        if self._key is None:
            return ciphertext
        if len(ciphertext) < TAG_SIZE:
            raise DecryptionError
        try:
            plaintext = _open(ciphertext, ad, bytes(4) + self._nonce.to_bytes(8, "little"), self._key)
        except _SodiumError:
            raise DecryptionError from None
        self._nonce += 1
        return plaintext


class SymmetricState(Secret):
    """Chaining key, handshake hash and the cipher that follows from them (5.2)."""

    __slots__ = ("_cipher", "chaining_key", "handshake_hash")

    chaining_key: bytes
    handshake_hash: bytes

    def __init__(self, protocol_name: bytes) -> None:
        padded = protocol_name.ljust(HASH_SIZE, b"\0")
        self.handshake_hash = padded if len(padded) == HASH_SIZE else sha512(protocol_name).digest()
        self.chaining_key = self.handshake_hash
        self._cipher = CipherState()

    @property
    def has_key(self) -> bool:
        """Whether what follows is encrypted."""
        return self._cipher.has_key

    def mix_key(self, ikm: bytes) -> None:
        """Make the chaining key, and a fresh cipher, depend on ``ikm``."""
        okm = hkdf_sha512(salt=self.chaining_key, ikm=ikm, info=b"", size=2 * HASH_SIZE)
        self.chaining_key = okm[:HASH_SIZE]
        self._cipher = CipherState(okm[HASH_SIZE : HASH_SIZE + KEY_SIZE])

    def mix_hash(self, data: bytes) -> None:
        """Make everything that is sealed from now on depend on ``data``."""
        self.handshake_hash = sha512(self.handshake_hash + data).digest()

    def mix_key_and_hash(self, ikm: bytes) -> None:
        """Both at once, for a pre-shared key (9.1)."""
        okm = hkdf_sha512(salt=self.chaining_key, ikm=ikm, info=b"", size=3 * HASH_SIZE)
        self.chaining_key = okm[:HASH_SIZE]
        self.mix_hash(okm[HASH_SIZE : 2 * HASH_SIZE])
        self._cipher = CipherState(okm[2 * HASH_SIZE : 2 * HASH_SIZE + KEY_SIZE])

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """Seal under the hash so far, then hash the result."""
        ciphertext = self._cipher.encrypt(self.handshake_hash, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """Open under the hash so far, then hash the ciphertext.

        Raises:
            DecryptionError: it does not open.
        """
        plaintext = self._cipher.decrypt(self.handshake_hash, ciphertext)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        """The two 32-byte transport keys: initiator's sending, responder's sending."""
        okm = hkdf_sha512(salt=self.chaining_key, ikm=b"", info=b"", size=2 * HASH_SIZE)
        return okm[:KEY_SIZE], okm[HASH_SIZE : HASH_SIZE + KEY_SIZE]
