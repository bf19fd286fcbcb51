from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from onionchat.crypto.kdf import hkdf_sha512


@given(
    salt=st.binary(max_size=200),
    ikm=st.binary(max_size=200),
    info=st.binary(max_size=100),
    size=st.integers(min_value=1, max_value=400),
)
def test_agrees_with_another_implementation(salt: bytes, ikm: bytes, info: bytes, size: int) -> None:
    expected = HKDF(algorithm=SHA512(), length=size, salt=salt, info=info).derive(ikm)
    assert hkdf_sha512(salt=salt, ikm=ikm, info=info, size=size) == expected
