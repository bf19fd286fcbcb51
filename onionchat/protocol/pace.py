"""How often, how evenly and how many at once: a link's schedule as data, and what it costs.

docs/protocol.md, «The schedule». Laws: nothing here knows what is said, to whom, or when it was typed. Costs
follow from the constants alone, so that they can be shown before a setting is chosen.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

import msgspec

from .constants import (
    BURST_GAP_MS,
    CELL_SIZE,
    DEFAULT_TICK_MS,
    KEEP_ALIVE_MS,
    LEAST_TICK_MS,
    MAX_DELAY_MS,
    MAX_TICK_MS,
    WIRE_BYTES,
    WIRE_BYTES_BACK,
)

DAY: Final = 24 * 3600
BATCHES: Final = (1, 2, 4, 8)

TickMs = Annotated[int, msgspec.Meta(ge=LEAST_TICK_MS, le=MAX_TICK_MS)]


class Level(IntEnum):
    """What decides when cells leave."""

    CONSTANT = 0
    """At every tick, whatever happens."""
    POISSON = 1
    """After random gaps with the same mean, whatever happens."""
    BURST = 2
    """When there is something to send: **no protection against who watches the timing**."""


class Pace(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """A link's schedule in one direction. ``batch`` is 1, 2, 4 or 8 cells that leave together."""

    level: Level = Level.CONSTANT
    tick_ms: TickMs = DEFAULT_TICK_MS
    """Mean time between two batches; a link in bursts uses it for nothing."""
    batch: Annotated[int, msgspec.Meta(ge=1, le=BATCHES[-1])] = 1

    def __post_init__(self) -> None:
        if self.batch not in BATCHES:
            raise ValueError("a batch has 1, 2, 4 or 8 cells")

    @property
    def covered(self) -> bool:
        """Whether cells leave also where nothing is said."""
        return self.level is not Level.BURST

    @property
    def cell_ms(self) -> float:
        """The shortest mean time in which a cell may follow another."""
        return (self.tick_ms if self.covered else BURST_GAP_MS) / self.batch

    @property
    def silence_ms(self) -> int:
        """The mean time between two batches where nothing is said."""
        return self.tick_ms if self.covered else KEEP_ALIVE_MS

    @property
    def mean_delay(self) -> float:
        """Seconds that a short message waits for its slot in the mean, on an idle link.

        The cell that lies ready when it is written leaves before it: half a gap until that one (a whole one
        where gaps are random: memoryless), and the gap after it.
        """
        own = MAX_DELAY_MS / 2000
        if self.level is Level.BURST:
            return own
        return (1.5 if self.level is Level.CONSTANT else 2.0) * self.tick_ms / 1000 + own

    @property
    def bytes_per_day(self) -> float:
        """What an idle link costs one way on the local network, a contact being on line all day.

        With tor's and TCP's own bytes, and the peer's acknowledgements; the peer's cells come on top of it.
        """
        batches = DAY * 1000 / self.silence_ms
        return batches * (self.batch if self.covered else 1) * (WIRE_BYTES + WIRE_BYTES_BACK)


def rotation(budget: float, contacts: int) -> tuple[int, int]:
    """How an engine's budget is shared by its contacts.

    Every contact has a place in a fixed rotation, taken or not; the number of places is a power of two, so
    that a new contact seldom changes anybody's tick.

    Args:
        budget: bytes of cells per second for all links together.
        contacts: how many there are.

    Returns:
        The number of places, and each contact's tick in ms (rounded up, so that the budget holds).
    """
    places = 1 << max(0, contacts - 1).bit_length()
    return places, -int(-1000 * places * CELL_SIZE // budget)
