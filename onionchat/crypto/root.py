"""The root key's step. docs/protocol.md, «Ratchet», KDF_RK.

Laws: a root key is used once, for the step that replaces it. With a KEM secret the label is another one, so
that a step with and a step without can never give the same keys.
"""

from __future__ import annotations

from typing import NamedTuple

from . import labels
from .kdf import hkdf_sha512
from .keys import KEY_SIZE


class RootStep(NamedTuple):
    """The next root key, a fresh chain's key, and the header key of the chain after it; 32 bytes each."""

    root: bytes
    chain: bytes
    next_header: bytes


def root_step(root: bytes, shared: bytes, kem: bytes | None) -> RootStep:
    """One step of the root key.

    Args:
        root: the 32-byte root key so far.
        shared: the 32-byte result of the ratchet keys' exchange.
        kem: secret ‖ binding of the KEM epoch that begins with this step, where one does.
    """
    if kem is None:
        okm = hkdf_sha512(salt=root, ikm=shared, info=labels.ROOT, size=3 * KEY_SIZE)
    else:
        okm = hkdf_sha512(salt=root, ikm=shared + kem, info=labels.ROOT_WITH_KEM, size=3 * KEY_SIZE)
    return RootStep(okm[:KEY_SIZE], okm[KEY_SIZE : 2 * KEY_SIZE], okm[2 * KEY_SIZE :])
