"""XChaCha20-Poly1305 with a random nonce in front: what is sealed here is kept, not sent.

Laws: a sealed value is nonce ‖ ciphertext ‖ tag and nothing else; opening fails in one way only and never
says why. Ratchet and link have constructions of their own and do not use this.
"""

from __future__ import annotations

from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError as NaclError

from ..errors import DecryptionError
from . import RandomSource

KEY_SIZE: Final = bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES
NONCE_SIZE: Final = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
OVERHEAD: Final = NONCE_SIZE + bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES
"""Bytes that sealing adds: 24 of nonce and 16 of tag."""


def seal(key: bytes, plaintext: bytes, *, ad: bytes, random: RandomSource) -> bytes:
    """Seal ``plaintext`` under a 32-byte key, bound to ``ad``.

    The nonce is random: 24 bytes are enough for any number of values under one key.

    Source: draft-irtf-cfrg-xchacha-03, section 2.3.
    """
    nonce = random(NONCE_SIZE)
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, ad, nonce, key)


def unseal(key: bytes, sealed: bytes, *, ad: bytes) -> bytes:
    """Open what `seal` made under the same key and ``ad``.

    Raises:
        DecryptionError: another key, another ``ad``, or other bytes.
    """
    if len(sealed) < OVERHEAD:
        raise DecryptionError
    nonce, ciphertext = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, ad, nonce, key)
    except NaclError:
        raise DecryptionError from None
