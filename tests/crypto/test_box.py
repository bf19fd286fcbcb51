from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult

from onionchat.crypto.box import BOX_OVERHEAD, LABEL, open_sealed, seal_to
from onionchat.crypto.kdf import hkdf_sha512
from onionchat.crypto.keys import KEY_SIZE, KeyPair
from onionchat.crypto.sealing import unseal
from onionchat.errors import CryptoError


@given(st.binary(max_size=3000), st.binary(max_size=40))
def test_what_is_sealed_to_somebody_opens_for_them_alone(plaintext: bytes, ad: bytes) -> None:
    owner, other = KeyPair.generate(os.urandom), KeyPair.generate(os.urandom)
    sealed = seal_to(owner.public, plaintext, ad=ad, random=os.urandom)
    assert len(sealed) == len(plaintext) + BOX_OVERHEAD
    assert open_sealed(owner, sealed, ad=ad) == plaintext
    with pytest.raises(CryptoError):
        open_sealed(other, sealed, ad=ad)
    with pytest.raises(CryptoError):
        open_sealed(owner, sealed, ad=ad + b"!")


def test_any_change_is_refused() -> None:
    owner = KeyPair.generate(os.urandom)
    sealed = seal_to(owner.public, b"text", ad=b"", random=os.urandom)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(CryptoError):
            open_sealed(owner, bytes(changed), ad=b"")
    for size in range(len(sealed)):
        with pytest.raises(CryptoError):
            open_sealed(owner, sealed[:size], ad=b"")


def test_each_value_has_a_key_of_its_own() -> None:
    owner = KeyPair.generate(os.urandom)
    heads = {seal_to(owner.public, b"same", ad=b"", random=os.urandom)[:KEY_SIZE] for _ in range(50)}
    assert len(heads) == 50


def test_it_is_put_together_as_it_is_said_to_be() -> None:
    assert LABEL == b"onionchat/1 box"
    owner = KeyPair.generate(os.urandom)
    sealed = seal_to(owner.public, b"text", ad=b"place", random=os.urandom)
    ephemeral, rest = sealed[:KEY_SIZE], sealed[KEY_SIZE:]
    shared = crypto_scalarmult(owner.secret(), ephemeral)
    key = hkdf_sha512(salt=b"", ikm=shared, info=LABEL + ephemeral + owner.public, size=KEY_SIZE)
    assert unseal(key, rest, ad=b"place") == b"text"


@pytest.mark.parametrize("public", [bytes(KEY_SIZE), b"short"])
def test_to_an_unusable_key_nothing_is_sealed(public: bytes) -> None:
    with pytest.raises(CryptoError):
        seal_to(public, b"text", ad=b"", random=os.urandom)
