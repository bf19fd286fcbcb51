from __future__ import annotations

import pytest

from onionchat.crypto.kem import KEM_CIPHERTEXT_SIZE, KEM_KEY_SIZE, KemPair, encapsulate
from onionchat.errors import CryptoError

from .pairs import source


def test_both_sides_have_the_secret() -> None:
    pair = KemPair.generate()
    secret, ciphertext = encapsulate(pair.public)
    assert (len(pair.public), len(ciphertext), len(secret)) == (KEM_KEY_SIZE, KEM_CIPHERTEXT_SIZE, 32)
    assert pair.decapsulate(ciphertext) == secret
    assert KemPair.from_seed(pair.seed()).decapsulate(ciphertext) == secret


def test_another_key_gives_another_secret() -> None:
    pair = KemPair.from_seed(source(1)(64))
    secret, ciphertext = encapsulate(pair.public)
    assert KemPair.from_seed(source(2)(64)).decapsulate(ciphertext) != secret


def test_each_encapsulation_is_fresh() -> None:
    public = KemPair.from_seed(source(1)(64)).public
    assert encapsulate(public) != encapsulate(public)


def test_what_is_malformed_is_refused() -> None:
    pair = KemPair.from_seed(source(1)(64))
    with pytest.raises(CryptoError, match="64 bytes"):
        KemPair.from_seed(bytes(63))
    with pytest.raises(CryptoError, match="1,088"):
        pair.decapsulate(bytes(KEM_CIPHERTEXT_SIZE - 1))
    with pytest.raises(CryptoError, match="1,184"):
        encapsulate(pair.public + b"\0")
    with pytest.raises(CryptoError, match="not usable"):
        encapsulate(b"\xff" * KEM_KEY_SIZE)
