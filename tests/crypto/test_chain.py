from __future__ import annotations

from hashlib import blake2b

from onionchat.crypto.chain import chain_step

from .pairs import source


def test_a_step_is_one_keyed_hash() -> None:
    key = source(1)(32)
    expected = blake2b(b"\x01", key=key, person=b"onionchat/1 ck", digest_size=64).digest()
    assert chain_step(key) == (expected[:32], expected[32:])


def test_a_chain_never_comes_back() -> None:
    key, seen = source(2)(32), set()
    for _ in range(1000):
        key, message_key = chain_step(key)
        seen |= {key, message_key}
    assert len(seen) == 2000
