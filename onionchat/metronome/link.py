"""The sending side of one link: when its next cell leaves, and which (docs/protocol.md, «The schedule»).

Laws: no clock, no socket. A cell is built once, right after the one before it left, and is never built
again: what is laid later leaves a slot later. Building takes the same steps whatever the cell holds: every
plaintext was laid out before, the cover's among them.

The grid: slot k of a link begins at ``base + k * tick``, and its cell is due a random 0 to 20 ms after
that, anew for each. A cell leaves within its slot. A slot that went by (the machine slept, or was
overloaded) is lost and never made up: the cell that was ready waits for the next slot that begins. So two
cells never share a slot, and lateness never adds up.
"""

from __future__ import annotations

import math
from collections import deque
from hashlib import blake2b
from typing import Final

from ..crypto.link import SendingCipher
from ..protocol.cell import CellType, lay_out
from .channel import QUEUE_LIMIT

MAX_DELAY: Final = 0.020
"""Seconds. The upper bound of the random delay of each cell."""

SEED_SIZE: Final = 32

_COVER: Final = lay_out(CellType.COVER)
_CLOSE: Final = lay_out(CellType.CLOSE)


class SendingLink:
    """Slots, queue and the cell that lies ready.

    Args:
        key: the link's sending key, used from its first cell on.
        tick: seconds between two slots.
        now: the moment on the clock; the first slot begins at a random moment within one tick from it.
            Random, so that links that begin together do not send together, and so that the first gap
            says nothing about what the engine did before it handed the link over.
        seed: 32 random bytes. Phase and delays follow from it and the slot's number alone, so nothing
            that happens on this link or another can shift them.
    """

    __slots__ = (
        "_base",
        "_cipher",
        "_finishing",
        "_queue",
        "_seed",
        "_slot",
        "_tick",
        "cell",
        "due",
        "plain",
    )

    def __init__(self, *, key: bytes, tick: float, now: float, seed: bytes) -> None:
        self._cipher = SendingCipher(key)
        self._tick = tick
        self._seed = seed
        self._base = now + self._fraction(b"phase") * tick
        self._queue: deque[bytes] = deque(maxlen=QUEUE_LIMIT)
        self._finishing = False
        self._enter(0)
        self._build()

    def lay(self, plaintext: bytes) -> bool:
        """Queue a plaintext that was laid out.

        Returns:
            False where there is no room. A link that is finishing takes nothing and has no complaint.
        """
        if self._finishing:
            return True
        if len(self._queue) == QUEUE_LIMIT:
            return False
        self._queue.append(plaintext)
        return True

    def finish(self) -> None:
        """Build a close cell next. What waits is discarded: delivery does not depend on the link."""
        if not self._finishing:
            self._finishing = True
            self._queue.clear()
            self._queue.append(_CLOSE)

    @property
    def real(self) -> bool:
        """Whether the cell that lies ready was laid by the engine."""
        return self.plain is not _COVER and self.plain is not _CLOSE

    @property
    def closing(self) -> bool:
        """Whether the cell that lies ready is the last one."""
        return self.plain is _CLOSE

    @property
    def waiting(self) -> int:
        """Laid cells that have not left."""
        return self.real + (0 if self._finishing else len(self._queue))

    def missed(self, now: float) -> bool:
        """Whether the slot of the ready cell is over; if so, the cell is due in the next one that begins."""
        if now < self._base + (self._slot + 1) * self._tick:
            return False
        self._enter(math.floor((now - self._base) / self._tick) + 1)
        return True

    def advance(self) -> None:
        """The ready cell has left: build the next and let it be due in the next slot."""
        self._enter(self._slot + 1)
        self._build()

    def _enter(self, slot: int) -> None:
        self._slot = slot
        self.due = self._base + slot * self._tick + self._fraction(slot.to_bytes(8, "big")) * MAX_DELAY

    def _build(self) -> None:
        self.plain = self._queue.popleft() if self._queue else _COVER
        self.cell = self._cipher.seal(self.plain)

    def _fraction(self, of: bytes) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        return int.from_bytes(blake2b(of, key=self._seed, digest_size=4).digest(), "big") / 2**32
