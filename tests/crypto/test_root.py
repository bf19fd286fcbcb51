from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from onionchat.crypto.root import root_step

from .pairs import source


def expected(root: bytes, ikm: bytes, label: bytes) -> tuple[bytes, ...]:
    okm = HKDF(algorithm=SHA512(), length=96, salt=root, info=label).derive(ikm)
    return okm[:32], okm[32:64], okm[64:]


def test_a_step_with_and_without_a_kem_secret() -> None:
    random = source(1)
    root, shared, mixed = random(32), random(32), random(64)
    assert root_step(root, shared, None) == expected(root, shared, b"onionchat/1 root")
    assert root_step(root, shared, mixed) == expected(root, shared + mixed, b"onionchat/1 root with kem")


def test_the_label_keeps_the_two_kinds_apart() -> None:
    random = source(2)
    root, shared, mixed = random(32), random(32), random(64)
    assert set(root_step(root, shared + mixed, None)).isdisjoint(root_step(root, shared, mixed))
