"""The state of one side of a ratchet, as it is kept. docs/protocol.md, «Ratchet».

Laws: only data and its shape; what moves it is in ``turn.py``. Everything inside is immutable, so that
a copy is a copy of references. A state that is read back is checked against every rule before it is believed.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec

from . import labels
from .epoch import Epoch
from .handshake import SessionSeed
from .header import MAX_NUMBER
from .keys import KEY_SIZE
from .secret import Secret
from .skipped import MAX_OLD_CHAINS, MAX_SKIPPED, Chains, stored

STATE_VERSION: Final = 1
AD_SIZE: Final = 64

EPOCH_MESSAGES: Final = 20
"""Envelopes, both directions together, after which a new KEM epoch is due."""

EPOCH_SECONDS: Final = 3600
"""Seconds after which one is due, however few the envelopes."""

_Key = Annotated[bytes, msgspec.Meta(min_length=KEY_SIZE, max_length=KEY_SIZE)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]


class ChainState(Secret, msgspec.Struct, frozen=True, array_like=True, eq=False, forbid_unknown_fields=True):
    """A chain's next key, and the key that seals its headers."""

    key: _Key
    header_key: _Key


class SessionState(
    Secret, msgspec.Struct, array_like=True, kw_only=True, eq=False, forbid_unknown_fields=True
):
    """One side's state.

    Attributes:
        version: of this layout.
        ad: what every body is bound to: 64 bytes that name the session and both sides.
        root: the root key.
        own_secret: our ratchet key's secret.
        own_public: its public half, which our headers carry.
        sending: our chain; none at a responder before the first envelope.
        next_sending_header: the header key of our next chain.
        receiving: the peer's chain; none before its first envelope.
        next_receiving_header: the header key of the peer's next chain.
        sent: envelopes in our chain.
        received: envelopes of the peer's chain that were opened or skipped.
        previous: envelopes in our chain before this one.
        epoch: KEM epochs.
        messages: envelopes since the last epoch began, counted up to ``EPOCH_MESSAGES``.
        due_at: when the next epoch is, or was, due; seconds since 1970.
        skipped: message keys of envelopes that did not arrive yet.
    """

    version: Literal[1] = STATE_VERSION
    ad: Annotated[bytes, msgspec.Meta(min_length=AD_SIZE, max_length=AD_SIZE)]
    root: _Key
    own_secret: _Key
    own_public: _Key
    sending: ChainState | None = None
    next_sending_header: _Key
    receiving: ChainState | None = None
    next_receiving_header: _Key
    sent: _Number = 0
    received: _Number = 0
    previous: _Number = 0
    epoch: Epoch
    messages: Annotated[int, msgspec.Meta(ge=0, le=EPOCH_MESSAGES)] = 0
    due_at: Annotated[int, msgspec.Meta(ge=0)]
    skipped: Annotated[Chains, msgspec.Meta(max_length=MAX_OLD_CHAINS + 1)] = ()

    def __post_init__(self) -> None:
        if stored(self.skipped) > MAX_SKIPPED:
            raise ValueError("more skipped keys than may be stored")


def associated_data(seed: SessionSeed) -> bytes:
    """The 64 bytes that bind every body to its session and to both sides' static keys, initiator's first."""
    return blake2b(
        labels.SESSION_AD + seed.session_id + seed.initiator_static + seed.responder_static
    ).digest()
