from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp

from onionchat.crypto.onion import OnionKey, onion_address, onion_public
from onionchat.errors import CryptoError

from .pairs import source

# An address that Tor's own specification gives as an example.
PUBLISHED = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"


def test_a_published_address_is_understood() -> None:
    assert onion_address(onion_public(PUBLISHED)) == PUBLISHED


def test_a_seed_brings_its_key_back() -> None:
    key = OnionKey.generate(source(1))
    again = OnionKey.from_seed(key.seed())
    assert (again.public, again.address) == (key.public, key.address)
    assert onion_public(key.address) == key.public


def test_the_expanded_key_is_the_scalar_of_the_public_one() -> None:
    key = OnionKey.generate(source(2))
    expanded = key.expanded()
    assert len(expanded) == 64
    assert (expanded[0] & 7, expanded[31] & 0xC0) == (0, 0x40)
    assert crypto_scalarmult_ed25519_base_noclamp(expanded[:32]) == key.public


@given(public=st.binary(min_size=32, max_size=32), place=st.integers(0, 55), other=st.sampled_from("abcz27"))
def test_one_wrong_character_is_noticed(public: bytes, place: int, other: str) -> None:
    address = onion_address(public)
    typo = address[:place] + other + address[place + 1 :]
    if typo == address:
        assert onion_public(typo) == public
    else:
        with pytest.raises(CryptoError, match="not an onion address"):
            onion_public(typo)


@pytest.mark.parametrize(
    "address",
    [
        "",
        PUBLISHED.upper(),
        PUBLISHED[:-1],
        PUBLISHED[1:],
        PUBLISHED + "n",
        PUBLISHED.replace(".onion", ".union"),
        "é" + PUBLISHED[1:],
        "1" + PUBLISHED[1:],
        PUBLISHED[:55] + "e" + ".onion",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(CryptoError, match="not an onion address"):
        onion_public(address)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_wrong_length_is_refused(size: int) -> None:
    with pytest.raises(CryptoError, match="32 bytes"):
        onion_address(bytes(size))
    with pytest.raises(CryptoError, match="32 bytes"):
        OnionKey.from_seed(bytes(size))
