"""The symmetric half of the ratchet: chain keys and message keys. docs/protocol.md, «Ratchet», KDF_CK.

Laws: a step goes forward only; whoever takes one forgets the chain key that it came from. Each message key
opens or seals one body.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from . import labels
from .keys import KEY_SIZE

_STEP: Final = b"\x01"


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """The next chain key and this message's key, 32 bytes each, from a 32-byte chain key."""
    okm = blake2b(_STEP, key=chain_key, person=labels.CHAIN).digest()
    return okm[:KEY_SIZE], okm[KEY_SIZE:]
