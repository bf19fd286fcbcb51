"""KEM epochs: how a fresh ML-KEM-768 secret reaches the root key. docs/protocol.md, «Ratchet», KEM epochs.

Laws: one side proposes at a time, and the roles change with every epoch, so that two proposals can never
cross. The proposer repeats its key until it has the ciphertext, mixes the secret at its next sending turn
and marks the chain; the peer encapsulates once, repeats the ciphertext until it sees the mark, mixes, and
proposes next. Values never change; each function gives the epoch after.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Final

import msgspec

from ..errors import CryptoError, RemoteProtocolError
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
    offer: Annotated[bytes, msgspec.Meta(min_length=KEM_CIPHERTEXT_SIZE, max_length=KEM_KEY_SIZE)] | None = (
        None
    )
    seed: Annotated[bytes, msgspec.Meta(min_length=KEM_SEED_SIZE, max_length=KEM_SEED_SIZE)] | None = None
    mixed: Annotated[bytes, msgspec.Meta(min_length=MIXED_SIZE, max_length=MIXED_SIZE)] | None = None

    def __post_init__(self) -> None:
        offered = KEM_KEY_SIZE if self.proposer else KEM_CIPHERTEXT_SIZE
        holds = (self.offer is not None, self.seed is not None, self.mixed is not None)
        allowed = ((True, True, False), (False, False, True)) if self.proposer else ((True, False, True),)
        if any(holds) and (holds not in allowed or (self.offer and len(self.offer) != offered)):
            raise ValueError("an epoch's parts do not fit each other")

    @property
    def awaits_proposal(self) -> bool:
        """Whether the next proposal is ours and was not made."""
        return self.proposer and self.offer is None and self.mixed is None and self.number < MAX_NUMBER

    def propose(self) -> Epoch:
        """With a key of ours on offer; only where ``awaits_proposal``."""
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
        expected = self.number + 1
        if (
            part.epoch != expected
            or expected > MAX_NUMBER
            or self.proposer != isinstance(part, KemCiphertext)
        ):
            raise RemoteProtocolError("the peer sent a key exchange that nobody asked for")
        if self.mixed is not None:
            return self
        try:
            return self._answered(part) if isinstance(part, KemCiphertext) else self._answering(part)
        except CryptoError:
            raise RemoteProtocolError("the peer sent a malformed key exchange") from None

    def begin_next(self) -> Epoch:
        """After ``mixed`` entered the root key: the roles change, and every secret of this epoch is gone."""
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
        if self.seed is None or self.offer is None:
            raise RemoteProtocolError("the peer sent a key exchange that nobody asked for")
        secret = KemPair.from_seed(self.seed).decapsulate(part.ciphertext)
        return Epoch(
            number=self.number,
            proposer=True,
            mixed=secret + _binding(part.epoch, self.offer, part.ciphertext),
        )


def _binding(epoch: int, key: bytes, ciphertext: bytes) -> bytes:
    """32 bytes that stand for this epoch, key and ciphertext, and no others."""
    data = epoch.to_bytes(4, "big") + key + ciphertext
    return blake2b(data, digest_size=KEY_SIZE, person=labels.KEM_BINDING).digest()
