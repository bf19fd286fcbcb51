"""Somebody who took one side's whole state and sees the wire; he runs the real ratchet from what he took.

Laws: a thief is passive, and believes nothing that he did not open. What he draws himself is not what his
victim draws, unless ``curves`` says that he computes every X25519 secret, as a quantum computer would.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Final

from onionchat.crypto.chain import chain_step
from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.ratchet import Ratchet
from onionchat.errors import DecryptionError, RemoteProtocolError

KEY: Final = 32
STEPS: Final = 2
"""How far every string in a state is followed as if it were a chain key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An envelope and what its sender knows about it.

    Attributes:
        sender: 0 for the initiator, 1 for the responder.
        chain: how many chains the sender had begun, with this one.
        answers: how many chains of the other side the sender had answered when this chain began.
        number: in its chain.
        previous: envelopes in the sender's chain before.
        epoch: KEM epochs in the chain's root key.
    """

    envelope: bytes
    body: bytes
    part: KemKey | KemCiphertext | None
    sender: int
    chain: int
    answers: int
    number: int
    previous: int
    epoch: int


class Thief:
    """He has ``state`` from ``victim``, who had begun ``chain`` chains by then."""

    def __init__(self, state: bytes, *, victim: int, chain: int, now: int, curves: bool) -> None:
        self.victim = victim
        self.chain = chain
        self.curves = curves
        self._now = now
        self._ghost = Ratchet.from_bytes(state)
        epoch = self._ghost._state.epoch
        under_way = epoch.offer is not None or epoch.mixed is not None
        self.epoch = epoch.number + under_way
        """The last KEM epoch whose secret he has, or can have."""
        self._readers: dict[bytes, Ratchet] = {}
        self._follow()

    def healed(self, letter: Letter) -> bool:
        """Whether this letter is beyond what he took, so that he must not open it."""
        if letter.epoch > self.epoch:
            return True
        reached = letter.chain if letter.sender == self.victim else letter.answers
        return not self.curves and reached > self.chain

    def tap(self, letter: Letter) -> bool:
        """The victim sends: whether he can read it."""
        for reader in self._readers.values():
            try:
                return reader.decrypt(letter.envelope, random=os.urandom, now=self._now) == letter.body
            except DecryptionError:
                continue
        return False

    def overhear(self, letter: Letter, victim: Ratchet) -> bool:
        """The victim has just opened a letter: whether he can, too; then he does as the victim did."""
        drawn = victim._state.own_secret
        try:
            body = self._ghost.decrypt(
                letter.envelope, random=lambda size: drawn if self.curves else os.urandom(size), now=self._now
            )
        except DecryptionError:
            return False
        if letter.part is not None:
            with contextlib.suppress(RemoteProtocolError):  # an answer to a key that the victim made later
                self._ghost.accept_rekey(letter.part, now=self._now)
        self._follow()
        return body == letter.body

    def _follow(self) -> None:
        """Be able to read what the victim sends in the chain that this state would send in."""
        state = Ratchet.from_bytes(self._ghost.to_bytes())._state
        if state.sending is None or state.sending.header_key in self._readers:
            return
        state.receiving, state.received, state.skipped = state.sending, state.sent, ()
        state.next_receiving_header = os.urandom(KEY)
        self._readers[state.sending.header_key] = Ratchet(state)


def within_reach(*states: bytes) -> set[bytes]:
    """Every 32-byte string in these states, and the message keys that it leads to as a chain key."""
    found: set[bytes] = set()
    for state in states:
        for start in range(len(state) - KEY + 1):
            chain = state[start : start + KEY]
            found.add(chain)
            for _ in range(STEPS):
                chain, key = chain_step(chain)
                found.add(key)
    return found
