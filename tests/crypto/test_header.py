from __future__ import annotations

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as seal

from onionchat.crypto.header import HEADER_SIZE, SEALED_HEADER_SIZE, Header, open_header, pack_header

from .pairs import source

random = source(1)
KEY, NONCE, DH = random(32), random(24), random(32)


def test_a_header_is_big_endian_and_44_bytes() -> None:
    packed = pack_header(DH, 1, 2, 3)
    assert packed == DH + bytes.fromhex("000000010000000200000003")
    assert len(packed) == HEADER_SIZE


def test_it_opens_under_its_key_alone() -> None:
    sealed = seal(pack_header(DH, 4, 5, 2**32 - 1), None, NONCE, KEY)
    assert len(sealed) == SEALED_HEADER_SIZE
    assert open_header(KEY, NONCE, sealed) == Header(DH, 4, 5, 2**32 - 1)
    assert open_header(DH, NONCE, sealed) is None
    assert open_header(KEY, NONCE[::-1], sealed) is None
    assert open_header(KEY, NONCE, sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
