from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from onionchat.crypto.factor import NO_FACTORS, Factors
from onionchat.errors import StoreError, VaultCorrupt
from onionchat.store.slot import MAX_VALUE
from onionchat.store.ways import (
    DURESS,
    MAX_CREDENTIAL,
    PASSPHRASE,
    RECOVERY,
    WAYS_SIZE,
    Keyring,
    Needs,
    Ways,
)

VAULT_KEY = b"v" * 32
AD = b"header"
FULL = Keyring(
    passphrase=b"p" * 32,
    recovery=b"r" * 32,
    duress=b"d" * 32,
    factors=Factors(key_file=b"k" * 32, security_key=b"s" * 32),
)
BARE = Keyring(passphrase=b"p" * 32)
BOTH = Needs(key_file=True, credential=b"credential")


def made(keyring: Keyring, needs: Needs = BOTH) -> Ways:
    return Ways.make(keyring, needs, VAULT_KEY, ad=AD, random=os.urandom)


def test_each_way_opens_with_its_key_alone() -> None:
    ways = Ways.decode(made(FULL).encode())
    roles = {PASSPHRASE: FULL.passphrase, RECOVERY: FULL.recovery, DURESS: FULL.duress}
    opened = {
        (role, of): ways.open(role, key, ad=AD)
        for role in roles
        for of, key in [*roles.items(), (b"none", bytes(32))]
    }
    assert {pair: found for pair, found in opened.items() if found is not None} == {
        (PASSPHRASE, PASSPHRASE): VAULT_KEY,
        (RECOVERY, RECOVERY): VAULT_KEY,
        (DURESS, DURESS): bytes(32),
    }
    assert ways.open_keyring(VAULT_KEY, ad=AD) == FULL


def test_nobody_can_tell_a_way_in_use_from_one_that_is_not() -> None:
    full, bare = made(FULL), made(BARE)
    assert len(full.encode()) == len(bare.encode()) == WAYS_SIZE
    assert [len(one) for one in full.sealed] == [len(one) for one in bare.sealed]
    assert len(set(full.sealed + bare.sealed)) == 6
    assert not [one for one in bare.sealed if one.count(0) > 16]
    assert bare.open_keyring(VAULT_KEY, ad=AD) == BARE


def test_all_of_it_fits_the_slot_beside_a_root() -> None:
    assert WAYS_SIZE + 77 <= MAX_VALUE


@pytest.mark.parametrize("keyring", [FULL, BARE])
def test_what_is_asked_for_is_authentic(keyring: Keyring) -> None:
    data = bytearray(made(keyring).encode())
    data[0] ^= 1
    changed = Ways.decode(bytes(data))
    assert changed.needs == Needs(credential=b"credential")
    assert changed.open(PASSPHRASE, keyring.passphrase, ad=AD) is None
    with pytest.raises(VaultCorrupt):
        changed.open_keyring(VAULT_KEY, ad=AD)
    assert made(keyring).open(PASSPHRASE, keyring.passphrase, ad=b"another header") is None


def _first_byte(data: bytearray) -> None:
    data[0] = 2


def _too_long(data: bytearray) -> None:
    data[1:3] = b"\xff\xff"


def _past_the_end(data: bytearray) -> None:
    data[514] = 1


@pytest.mark.parametrize("damage", [_first_byte, _too_long, _past_the_end])
def test_what_is_asked_for_has_one_form(damage: Callable[[bytearray], None]) -> None:
    data = bytearray(made(FULL).encode())
    damage(data)
    with pytest.raises(VaultCorrupt):
        Ways.decode(bytes(data))


def test_any_other_length_is_damage() -> None:
    data = made(FULL).encode()
    for other in (b"", data[:-1], data + b"\0"):
        with pytest.raises(VaultCorrupt):
            Ways.decode(other)


def test_a_credential_has_a_bound() -> None:
    longest = Needs(credential=b"c" * MAX_CREDENTIAL)
    assert Ways.decode(made(FULL, longest).encode()).needs == longest
    with pytest.raises(StoreError, match="too long"):
        made(FULL, Needs(credential=b"c" * (MAX_CREDENTIAL + 1)))


def test_needs_are_met_by_what_is_asked_for_at_least() -> None:
    given = Factors(key_file=b"k" * 32, security_key=b"s" * 32)
    assert BOTH.met_by(given)
    assert Needs().met_by(NO_FACTORS)
    assert Needs().met_by(given)
    assert Needs().of(given) == NO_FACTORS
    assert not BOTH.met_by(Factors(key_file=b"k" * 32))
    assert not BOTH.met_by(Factors(security_key=b"s" * 32))


def test_secrets_stay_out_of_the_repr() -> None:
    assert repr(FULL) == repr(BARE) == "Keyring()"
