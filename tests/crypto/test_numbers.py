"""Every number of the crypto package that docs/protocol.md fixes, written out once more."""

from __future__ import annotations

from types import ModuleType

import pytest

from onionchat.crypto import (
    epoch,
    handshake,
    header,
    kem,
    keys,
    link,
    onion,
    passphrase,
    ratchet,
    sealing,
    session,
    skipped,
    symmetric,
)

NUMBERS: list[tuple[ModuleType, dict[str, object]]] = [
    (epoch, {"MIXED_SIZE": 64}),
    (handshake, {"PAYLOAD_SIZES": (704, 800, 1888), "INVITE_SECRET_SIZE": 16}),
    (header, {"NONCE_SIZE": 24, "HEADER_SIZE": 44, "SEALED_HEADER_SIZE": 60, "MAX_NUMBER": 4_294_967_295}),
    (kem, {"KEM_SEED_SIZE": 64, "KEM_KEY_SIZE": 1184, "KEM_CIPHERTEXT_SIZE": 1088}),
    (keys, {"KEY_SIZE": 32}),
    (
        link,
        {
            "CELL_SIZE": 1952,
            "CELL_PLAINTEXT_SIZE": 1936,
            "REKEY_INTERVAL": 1024,
            "COUNTER_LIMIT": 18_446_744_073_709_551_615,
        },
    ),
    (onion, {"ADDRESS_SIZE": 62}),
    (passphrase, {"MIB": 1_048_576, "KEY_SIZE": 32, "SALT_SIZE": 16}),
    (ratchet, {"BODY_SIZE": 1833, "ENVELOPE_SIZE": 1933, "MAX_STATE_SIZE": 160_000}),
    (sealing, {"KEY_SIZE": 32, "NONCE_SIZE": 24, "OVERHEAD": 40}),
    (session, {"STATE_VERSION": 1, "AD_SIZE": 64, "EPOCH_MESSAGES": 20, "EPOCH_SECONDS": 3600}),
    (
        skipped,
        {
            "MAX_SKIPPED_PER_STEP": 1000,
            "MAX_SKIPPED": 2000,
            "MAX_OLD_CHAINS": 5,
            "MAX_SKIPPED_AGE": 2_764_800,
        },
    ),
    (symmetric, {"HASH_SIZE": 64, "TAG_SIZE": 16}),
]


@pytest.mark.parametrize(("module", "numbers"), NUMBERS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_number_that_both_sides_must_agree_on_stays(module: ModuleType, numbers: dict[str, object]) -> None:
    assert {name: getattr(module, name) for name in numbers} == numbers
