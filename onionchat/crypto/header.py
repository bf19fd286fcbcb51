"""The sealed header of an envelope. docs/protocol.md, «Ratchet»; Double Ratchet, section 4.

Laws: a header is sealed under a header key and the envelope's own random nonce, so that a state that was
rolled back repeats none. Nobody without the header key can tell which chain, or which number, an envelope
has.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as _open
from nacl.exceptions import CryptoError as _SodiumError

NONCE_SIZE: Final = 24
HEADER_SIZE: Final = 44
SEALED_HEADER_SIZE: Final = 60

MAX_NUMBER: Final = 2**32 - 1
"""The last epoch, and the most envelopes that a chain has: a header gives them four bytes."""

_LAYOUT: Final = Struct(">32sIII")

pack_header = _LAYOUT.pack
"""``pack_header(dh, previous, number, epoch)``: the 44 bytes that are sealed."""


class Header(NamedTuple):
    """What a header says.

    Attributes:
        dh: the sender's ratchet key of this chain, 32 bytes.
        previous: how many envelopes the sender's chain before this one had (pn).
        number: this envelope's place in its chain, from 0 (n).
        epoch: the KEM epoch that this chain's root key has reached.
    """

    dh: bytes
    previous: int
    number: int
    epoch: int


def open_header(header_key: bytes, nonce: bytes, sealed: bytes) -> Header | None:
    """The header in 60 sealed bytes, or None where ``header_key`` does not open it."""
    try:
        return Header._make(_LAYOUT.unpack(_open(sealed, None, nonce, header_key)))
    except _SodiumError:
        return None
