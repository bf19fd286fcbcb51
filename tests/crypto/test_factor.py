from __future__ import annotations

import itertools

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from onionchat.crypto.factor import NO_FACTORS, Factors, way_key

STRETCHED = bytes(range(32))
ONE, OTHER = b"1" * 32, b"2" * 32


def test_agrees_with_another_implementation() -> None:
    other = HKDF(SHA512(), 32, salt=None, info=b"label\1\1").derive(STRETCHED + ONE + OTHER)
    assert way_key(STRETCHED, Factors(key_file=ONE, security_key=OTHER), label=b"label") == other


def test_every_part_matters_and_so_does_which_it_is() -> None:
    sets = [
        Factors(key_file=key_file, security_key=security_key)
        for key_file, security_key in itertools.product((b"", ONE, OTHER), repeat=2)
    ]
    keys = {
        way_key(stretched, factors, label=label)
        for stretched in (STRETCHED, ONE)
        for factors in sets
        for label in (b"label", b"lab")
    }
    assert len(keys) == 2 * len(sets) * 2


def test_a_factor_that_was_not_presented_is_empty() -> None:
    assert Factors() == NO_FACTORS == Factors(key_file=b"", security_key=b"")


def test_secrets_stay_out_of_the_repr() -> None:
    assert repr(Factors(key_file=ONE, security_key=OTHER)) == repr(NO_FACTORS)
