from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from onionchat.crypto.keys import KeyPair
from onionchat.errors import CryptoError

from .pairs import source

SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 30 + b"\x7f",
    b"\xee" + b"\xff" * 30 + b"\x7f",
]


def test_agrees_with_another_implementation() -> None:
    random = source(1)
    ours, peer = KeyPair.generate(random), KeyPair.generate(random)
    theirs = X25519PrivateKey.from_private_bytes(ours.secret())
    assert ours.public == theirs.public_key().public_bytes_raw()
    shared = theirs.exchange(X25519PublicKey.from_public_bytes(peer.public))
    assert ours.exchange(peer.public) == peer.exchange(ours.public) == shared


def test_a_secret_brings_its_pair_back() -> None:
    pair = KeyPair.generate(source(2))
    assert KeyPair.from_secret(pair.secret()).public == pair.public


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_an_all_zero_result_is_refused(point: bytes) -> None:
    with pytest.raises(CryptoError, match="not usable"):
        KeyPair.generate(source(3)).exchange(point)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_wrong_length_is_refused(size: int) -> None:
    with pytest.raises(CryptoError, match="32 bytes"):
        KeyPair.from_secret(bytes(size))
    with pytest.raises(CryptoError, match="32 bytes"):
        KeyPair.generate(source(4)).exchange(b"\x09" + bytes(size - 1) if size else b"")
