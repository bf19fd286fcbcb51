"""The engine's time: seconds since 1970 that never run backwards, nor behind what its vault has seen.

Laws: whoever sets the machine's clock back lengthens no life; a jump forward is followed, for nobody can tell
it from a suspended machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

TOLERATED: Final = 60.0
"""Seconds that the machine's clock may be behind before it is worth a word."""


def since_boot() -> float:
    """Seconds that never run backwards, with those in which the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Wall-clock time, carried on by a clock that cannot be set; a jump forward is followed."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = since_boot,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self.start_over()

    def start_over(self) -> None:
        """Go by the machine's clock alone: what a vault had seen says nothing about the next one."""
        self._offset = self._wall() - self._monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        self._offset = max(self._offset, self._wall() - self._monotonic())
        return self._monotonic() + self._offset

    def wall(self) -> float:
        """What the machine's clock says, right or wrong."""
        return self._wall()

    def carry_on(self, seen: float, wall: float) -> None:
        """Go on from the time ``seen``, noted when the machine's clock said ``wall``, if that is later.

        Where the machine's clock is behind, it still tells how long nothing ran, unless it was set back.
        """
        reached = self._wall()
        if reached < seen:
            self._offset = max(self._offset, seen + max(0.0, reached - wall) - self._monotonic())

    def behind(self) -> float:
        """Seconds that the machine's clock is behind; 0 where that is too little to matter."""
        gap = self.now() - self._wall()
        return gap if gap > TOLERATED else 0.0
