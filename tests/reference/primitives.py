"""What «Notation» names: every primitive under the name that the text gives it.

Nothing here knows a key's purpose, a label or a message.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl import bindings
from nacl.exceptions import CryptoError

KEM_KEY_SIZE = 1184
KEM_CIPHERTEXT_SIZE = 1088
KEM_MODULUS = 3329


class Refused(Exception):
    """The other side did what the text forbids, or something does not open: the link ends."""


def hkdf(*, salt: bytes, ikm: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-512."""
    key = hmac.digest(salt, ikm, "sha512")
    out = block = b""
    for counter in range(1, 2 + size // 64):
        block = hmac.digest(key, block + info + bytes([counter]), "sha512")
        out += block
    return out[:size]


def blake2b(data: bytes, size: int, *, key: bytes = b"", person: bytes = b"") -> bytes:
    """RFC 7693; hashlib fills the person with zeros."""
    return hashlib.blake2b(data, digest_size=size, key=key, person=person).digest()


def aead_seal(key: bytes, nonce: bytes, ad: bytes, plain: bytes) -> bytes:
    return ChaCha20Poly1305(key).encrypt(nonce, plain, ad)


def aead_open(key: bytes, nonce: bytes, ad: bytes, sealed: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, ad)
    except InvalidTag:
        raise Refused("does not open") from None


def xaead_seal(key: bytes, nonce: bytes, ad: bytes, plain: bytes) -> bytes:
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, ad, nonce, key)


def xaead_open(key: bytes, nonce: bytes, ad: bytes, sealed: bytes) -> bytes:
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, ad, nonce, key)
    except CryptoError:
        raise Refused("does not open") from None


def new_secret() -> bytes:
    return os.urandom(32)


def public_key(secret: bytes) -> bytes:
    return bindings.crypto_scalarmult_base(secret)


def x25519(secret: bytes, public: bytes) -> bytes:
    """RFC 7748; an all-zero result is refused (libsodium says so by an error)."""
    try:
        shared = bindings.crypto_scalarmult(secret, public)
    except CryptoError:
        raise Refused("an all-zero exchange") from None
    if shared == bytes(32):
        raise Refused("an all-zero exchange")
    return shared


def kem_pair() -> tuple[bytes, bytes]:
    """A seed of 64 bytes, which is the secret key, and the encapsulation key."""
    secret = MLKEM768PrivateKey.generate()
    return secret.private_bytes_raw(), secret.public_key().public_bytes_raw()


def check_kem_key(key: bytes) -> None:
    """FIPS 203, 7.2: the right length, and every coefficient is below the modulus."""
    if len(key) != KEM_KEY_SIZE:
        raise Refused("a KEM key of another length")
    for at in range(0, KEM_KEY_SIZE - 32, 3):
        three = int.from_bytes(key[at : at + 3], "little")
        if three & 0xFFF >= KEM_MODULUS or three >> 12 >= KEM_MODULUS:
            raise Refused("a malformed KEM key")


def encapsulate(key: bytes) -> tuple[bytes, bytes]:
    """The secret and the ciphertext."""
    check_kem_key(key)
    return MLKEM768PublicKey.from_public_bytes(key).encapsulate()


def decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
    return MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)
