"""Courses: when a link's slots begin, one kind for each level (docs/protocol.md, «The schedule»).

Laws: no clock, no socket, no cell. A slot of `Grid` and `Gaps` follows from numbers alone: nothing that is
laid, and no lateness, moves it. Only `Bursts` looks at what waits, and protects nobody's timing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, Protocol

from ..protocol.constants import (
    BURST_GAP_MS,
    KEEP_ALIVE_MS,
    LEAST_TICK_MS,
    MAX_DELAY_MS,
    MAX_GAP_TICKS,
)

MAX_DELAY: Final = MAX_DELAY_MS / 1000
"""Seconds. The upper bound of the random delay of each batch within its slot."""

LEAST_TICK: Final = LEAST_TICK_MS / 1000
LEAST_GAP: Final = LEAST_TICK + MAX_DELAY
"""Seconds between two random slots, at least: so that batches, with their delays, are 25 ms apart."""

_CUT: Final = -math.expm1(-MAX_GAP_TICKS)
"""What of the exponential distribution lies below `MAX_GAP_TICKS` means."""


class Lot:
    """Numbers that are drawn by name: equal seeds and names give equal numbers, in whatever order.

    Args:
        seed: 32 random bytes, one link's.
    """

    __slots__ = ("_seed",)

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    def draw(self, kind: bytes, course: int, slot: int) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        name = kind + course.to_bytes(4, "big") + slot.to_bytes(8, "big")
        return int.from_bytes(blake2b(name, key=self._seed, digest_size=4).digest(), "big") / 2**32


class Course(Protocol):
    """Slots, of which one is the present one. Moments are seconds of the monotonic clock."""

    number: int
    """Of the present slot."""
    begin: float
    """When the present slot begins."""

    @property
    def end(self) -> float:
        """When the present slot is over, and what was to leave in it is too late."""

    def step(self, now: float) -> None:
        """To the next slot; something left at ``now``, or a slot was lost."""

    def resume(self, after: float) -> None:
        """Forward to the first slot that begins no sooner than ``after``."""


class Grid:
    """Slot k begins at ``base + k * tick``."""

    __slots__ = ("_base", "_tick", "begin", "number")

    def __init__(self, *, base: float, tick: float) -> None:
        self._base = base
        self._tick = tick
        self.number = 0
        self.begin = base

    @property
    def end(self) -> float:
        """See `Course.end`."""
        return self._base + (self.number + 1) * self._tick

    def step(self, now: float) -> None:
        """See `Course.step`."""
        self.number += 1
        self.begin = self._base + self.number * self._tick

    def resume(self, after: float) -> None:
        """See `Course.resume`."""
        self.number = max(self.number, math.ceil((after - self._base) / self._tick))
        self.begin = self._base + self.number * self._tick


class Gaps:
    """Slots after exponential gaps.

    A gap is `LEAST_GAP` and an exponential part that is cut off at `MAX_GAP_TICKS` of its means. The part's
    mean is ``mean - LEAST_GAP``, so that the bound below costs nothing in the mean; the cut makes the slots
    0.3 % more frequent than ``mean`` says. A mean below `LEAST_GAP` gives gaps of just that.

    Args:
        after: the moment of the slot before the first.
        mean: seconds.
        draw: gives the number, from 0 to below 1, of a gap that is named by the slot at its end.
    """

    __slots__ = ("_draw", "_part", "begin", "end", "number")

    def __init__(self, *, after: float, mean: float, draw: Callable[[int], float]) -> None:
        self._part = max(0.0, mean - LEAST_GAP)
        self._draw = draw
        self.number = 0
        self.begin = after + self._gap()
        self.end = self.begin + self._gap(1)

    def step(self, now: float) -> None:
        """See `Course.step`."""
        self.number += 1
        self.begin = self.end
        self.end += self._gap(1)

    def resume(self, after: float) -> None:
        """See `Course.resume`."""
        while self.begin < after:
            self.step(after)

    def _gap(self, ahead: int = 0) -> float:
        return LEAST_GAP - self._part * math.log1p(-_CUT * self._draw(self.number + ahead))


class Bursts:
    """A batch when there is something to send, at most every 250 ms; after 30 s without one a sign of life.

    Args:
        now: the first batch may leave at once.
    """

    __slots__ = ("_soonest", "begin", "number")

    end: Final = math.inf
    """Nothing comes too late here."""

    def __init__(self, *, now: float) -> None:
        self.number = 0
        self.begin = self._soonest = now

    def step(self, now: float) -> None:
        """See `Course.step`."""
        self.number += 1
        self.begin = now + KEEP_ALIVE_MS / 1000
        self._soonest = now + BURST_GAP_MS / 1000

    def resume(self, after: float) -> None:
        """See `Course.resume`: as if a batch had left then."""
        self.step(after)

    def hurry(self, now: float) -> None:
        """Something waits: as soon as may be."""
        self.begin = min(self.begin, max(now, self._soonest))
