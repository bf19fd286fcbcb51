"""Sealing to a public key: who seals keeps nothing that opens, not even what it has just sealed.

Laws: each value is sealed under a key that is made for it from an ephemeral pair and the box's public key;
a sealed value names neither. X25519 alone: for what is sealed within already.
"""

from __future__ import annotations

from typing import Final

from . import RandomSource
from .kdf import hkdf_sha512
from .keys import KEY_SIZE, KeyPair
from .sealing import OVERHEAD, seal, unseal

LABEL: Final = b"onionchat/1 box"

BOX_OVERHEAD: Final = KEY_SIZE + OVERHEAD
"""Bytes that sealing adds: an ephemeral public key, nonce and tag."""


def seal_to(public: bytes, plaintext: bytes, *, ad: bytes, random: RandomSource) -> bytes:
    """Seal ``plaintext`` so that only the owner of ``public`` opens it, bound to ``ad``.

    Source: an ephemeral-static X25519 exchange as in RFC 9180 (base mode), with this package's HKDF and AEAD.

    Raises:
        CryptoError: ``public`` is not usable.
    """
    ephemeral = KeyPair.generate(random)
    key = _key(ephemeral.exchange(public), ephemeral.public, public)
    return ephemeral.public + seal(key, plaintext, ad=ad, random=random)


def open_sealed(owner: KeyPair, sealed: bytes, *, ad: bytes) -> bytes:
    """Open what `seal_to` made for ``owner`` with the same ``ad``.

    Raises:
        CryptoError: it is another's, was bound to another ``ad``, or has other bytes.
    """
    public, rest = sealed[:KEY_SIZE], sealed[KEY_SIZE:]
    return unseal(_key(owner.exchange(public), public, owner.public), rest, ad=ad)


def _key(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    return hkdf_sha512(salt=b"", ikm=shared, info=LABEL + ephemeral + public, size=KEY_SIZE)
