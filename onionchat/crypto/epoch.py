"""KEM epochs: how a fresh ML-KEM-768 secret reaches the root key. docs/protocol.md, «Ratchet», KEM epochs.

Laws: one side proposes at a time, and the roles change with every epoch, so that two proposals can never
cross. The proposer repeats its key until it has the ciphertext, mixes the secret at its next sending turn
and marks the chain; the peer encapsulates once, repeats the ciphertext until it sees the mark, mixes, and
proposes next. Values never change; each function gives the epoch after.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Annotated, Final, cast

import msgspec

from ..errors import CryptoError, LocalProtocolError, RemoteProtocolError
from . import labels
from .header import MAX_NUMBER
from .kem import KEM_CIPHERTEXT_SIZE, KEM_KEY_SIZE, KEM_SEED_SIZE, KemPair, encapsulate
from .keys import KEY_SIZE
from .secret import Secret

MIXED_SIZE: Final = 2 * KEY_SIZE
"""Bytes that enter the root key: the KEM secret and its binding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KemKey:
    """The proposer's part: the epoch that it would begin and a 1,184-byte ML-KEM-768 key."""

    epoch: int
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KemCiphertext:
    """The answer: the same epoch and the 1,088 bytes that only the proposer can open."""

    epoch: int
    ciphertext: bytes


class EpochState(Enum):
    """Where one side stands with the next epoch: three states of the proposer, two of its peer."""

    IDLE = "idle"
    OFFERING = "offering"
    READY = "ready"
    WAITING = "waiting"
    ANSWERING = "answering"


ON_PROPOSAL: Final = {EpochState.IDLE: EpochState.OFFERING}
"""What it does to make a key; in any other state that is our own bug."""

ON_PART: Final[dict[tuple[EpochState, type], EpochState]] = {
    (EpochState.OFFERING, KemCiphertext): EpochState.READY,
    (EpochState.READY, KemCiphertext): EpochState.READY,
    (EpochState.WAITING, KemKey): EpochState.ANSWERING,
    (EpochState.ANSWERING, KemKey): EpochState.ANSWERING,
}
"""What the peer's part for the next epoch does; any other is one that no honest peer sends."""

ON_TURN: Final = {EpochState.READY: EpochState.WAITING, EpochState.ANSWERING: EpochState.IDLE}
"""What it does to mix the secret into the root key; in any other state that is our own bug."""

_BY_HELD: Final = {
    (True, False, False, False): EpochState.IDLE,
    (True, True, True, False): EpochState.OFFERING,
    (True, False, False, True): EpochState.READY,
    (False, False, False, False): EpochState.WAITING,
    (False, True, False, True): EpochState.ANSWERING,
}
"""The state, by whether the proposal is ours and whether we hold an offer, a seed and a mixed secret."""


class Epoch(
    Secret, msgspec.Struct, frozen=True, array_like=True, kw_only=True, eq=False, forbid_unknown_fields=True
):
    """The last epoch that began, and what is under way for the next.

    Attributes:
        number: of the last epoch that began, 0 for the handshake's.
        proposer: whether the next proposal is ours.
        offer: what our bodies repeat: our key as proposer, our ciphertext as its peer.
        seed: the seed of the key that we offer, while we do.
        mixed: secret ‖ binding, once we have it.
    """

    number: Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]
    proposer: bool
    offer: bytes | None = None
    seed: Annotated[bytes, msgspec.Meta(min_length=KEM_SEED_SIZE, max_length=KEM_SEED_SIZE)] | None = None
    mixed: Annotated[bytes, msgspec.Meta(min_length=MIXED_SIZE, max_length=MIXED_SIZE)] | None = None

    def __post_init__(self) -> None:
        offered = KEM_KEY_SIZE if self.proposer else KEM_CIPHERTEXT_SIZE
        if self._held not in _BY_HELD or (self.offer is not None and len(self.offer) != offered):
            raise ValueError("an epoch's parts do not fit each other")

    @property
    def _held(self) -> tuple[bool, bool, bool, bool]:
        return self.proposer, self.offer is not None, self.seed is not None, self.mixed is not None

    @property
    def state(self) -> EpochState:
        """Where this side stands."""
        return _BY_HELD[self._held]

    @property
    def awaits_proposal(self) -> bool:
        """Whether the next proposal is ours and was not made."""
        return self.state in ON_PROPOSAL and self.number < MAX_NUMBER

    def propose(self) -> Epoch:
        """With a key of ours on offer.

        Raises:
            LocalProtocolError: not ``awaits_proposal``.
        """
        if not self.awaits_proposal:
            raise LocalProtocolError(f"an epoch that is {self.state.value} cannot be proposed")
        pair = KemPair.generate()
        return Epoch(number=self.number, proposer=True, offer=pair.public, seed=pair.seed())

    def part(self) -> KemKey | KemCiphertext | None:
        """What our next body should carry."""
        if self.offer is None:
            return None
        if self.proposer:
            return KemKey(epoch=self.number + 1, key=self.offer)
        return KemCiphertext(epoch=self.number + 1, ciphertext=self.offer)

    def accept(self, part: KemKey | KemCiphertext) -> Epoch:
        """After the peer's part, which came in a body that opened.

        Raises:
            RemoteProtocolError: no honest peer sends this part now.
        """
        if 0 <= part.epoch <= self.number:
            return self
        after = ON_PART.get((self.state, type(part)))
        if after is None or part.epoch != self.number + 1 or part.epoch > MAX_NUMBER:
            raise RemoteProtocolError("the peer sent a key exchange that nobody asked for")
        if after is self.state:
            return self
        try:
            return self._answered(part) if isinstance(part, KemCiphertext) else self._answering(part)
        except CryptoError:
            raise RemoteProtocolError("the peer sent a malformed key exchange") from None

    def begin_next(self) -> Epoch:
        """After ``mixed`` entered the root key: the roles change, and every secret of this epoch is gone.

        Raises:
            LocalProtocolError: there is no secret to mix yet.
        """
        if self.state not in ON_TURN:
            raise LocalProtocolError(f"an epoch that is {self.state.value} cannot begin")
        return Epoch(number=self.number + 1, proposer=not self.proposer)

    def _answering(self, part: KemKey) -> Epoch:
        secret, ciphertext = encapsulate(part.key)
        return Epoch(
            number=self.number,
            proposer=False,
            offer=ciphertext,
            mixed=secret + _binding(part.epoch, part.key, ciphertext),
        )

    def _answered(self, part: KemCiphertext) -> Epoch:
        seed, offer = cast(bytes, self.seed), cast(bytes, self.offer)  # who is OFFERING holds both
        secret = KemPair.from_seed(seed).decapsulate(part.ciphertext)
        return Epoch(
            number=self.number,
            proposer=True,
            mixed=secret + _binding(part.epoch, offer, part.ciphertext),
        )


def _binding(epoch: int, key: bytes, ciphertext: bytes) -> bytes:
    """32 bytes that stand for this epoch, key and ciphertext, and no others."""
    data = epoch.to_bytes(4, "big") + key + ciphertext
    return blake2b(data, digest_size=KEY_SIZE, person=labels.KEM_BINDING).digest()
