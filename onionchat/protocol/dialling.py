"""When a contact is dialled. docs/protocol.md, «Dialling».

Laws: depends on liveness and time only, never on what the user does, not even for its randomness, which is
drawn from a seed of its own; waits double and are random, so that two sides do not keep meeting half-way and
tor is not flooded.
"""

from __future__ import annotations

from hashlib import blake2b

from ..crypto import RandomSource
from .constants import DIAL_FIRST_SECONDS, DIAL_MAX_SECONDS

REFUSALS_TO_TELL = 2
FAILURES_TO_TELL = 4


class Dialling:
    """The next time to dial, with which of the pair's psks."""

    def __init__(self, random: RandomSource) -> None:
        self._seed = random(32)
        self._waits = 0
        self._failures = 0
        self.refusals = 0
        """How often the peer ended a connection at message 1, since a link was last completed."""
        self.due: float | None = None

    @property
    def refused(self) -> bool:
        """Whether somebody answers but closes at message 1, again and again."""
        return self.refusals >= REFUSALS_TO_TELL

    @property
    def fruitless(self) -> bool:
        """Whether nobody answered for several dials."""
        return self._failures >= FAILURES_TO_TELL

    def start(self, now: float) -> None:
        """Dial as soon as may be."""
        self.due = now

    def pause(self) -> None:
        """A link is there or being made."""
        self.due = None

    def failed(self, now: float, *, refused: bool) -> None:
        """Nobody answered, or (``refused``) the connection ended at message 1: then another psk is next."""
        self.refusals += refused
        self._failures += not refused or self.refusals > 1
        self._wait(now)

    def succeeded(self) -> None:
        """A link was completed."""
        self._failures = self.refusals = 0

    def lost(self, now: float) -> None:
        """A complete link ended."""
        self._wait(now)

    def _wait(self, now: float) -> None:
        span = min(DIAL_MAX_SECONDS, DIAL_FIRST_SECONDS * 2.0 ** min(self._failures, 16))
        drawn = blake2b(self._waits.to_bytes(8, "big"), key=self._seed, digest_size=4).digest()
        self._waits += 1
        share = int.from_bytes(drawn, "big") / 2**32
        self.due = now + span * (0.5 + share / 2)
