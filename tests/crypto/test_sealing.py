from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.crypto.sealing import KEY_SIZE, NONCE_SIZE, OVERHEAD, seal, unseal
from onionchat.errors import DecryptionError

# draft-irtf-cfrg-xchacha-03, appendix A.3.1
KEY = bytes(range(0x80, 0xA0))
NONCE = bytes(range(0x40, 0x58))
AD = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
PLAINTEXT = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
TAG = bytes.fromhex("c0875924c1c7987947deafd8780acf49")
CIPHERTEXT_START = bytes.fromhex("bd6d179d3e83d43b9576579493c0e939")


def test_published_vector() -> None:
    sealed = seal(KEY, PLAINTEXT, ad=AD, random=lambda size: NONCE[:size])
    assert sealed[:NONCE_SIZE] == NONCE
    assert sealed[NONCE_SIZE:][:16] == CIPHERTEXT_START
    assert sealed[-16:] == TAG
    assert unseal(KEY, sealed, ad=AD) == PLAINTEXT


@given(plaintext=st.binary(max_size=300), ad=st.binary(max_size=40))
def test_what_is_sealed_opens(plaintext: bytes, ad: bytes) -> None:
    key = os.urandom(KEY_SIZE)
    sealed = seal(key, plaintext, ad=ad, random=os.urandom)
    assert len(sealed) == len(plaintext) + OVERHEAD
    assert unseal(key, sealed, ad=ad) == plaintext


def test_every_seal_has_a_nonce_of_its_own() -> None:
    assert len({seal(KEY, b"same", ad=b"", random=os.urandom)[:NONCE_SIZE] for _ in range(100)}) == 100


def test_any_change_is_refused_alike() -> None:
    sealed = seal(KEY, b"a value", ad=AD, random=os.urandom)
    forged = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    cut = [sealed[:size] for size in range(len(sealed))]
    attempts = [(KEY, other, AD) for other in (*forged, *cut, sealed + b"\0")]
    attempts += [(KEY, sealed, b""), (KEY, sealed, AD + b"\0"), (bytes(KEY_SIZE), sealed, AD)]
    for key, other, ad in attempts:
        with pytest.raises(DecryptionError) as caught:
            unseal(key, other, ad=ad)
        assert caught.value.message == "could not be decrypted"
        assert caught.value.__cause__ is None
