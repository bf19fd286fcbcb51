"""The engine's time: seconds since 1970 that never run backwards while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Wall-clock time, carried on by the monotonic clock; a jump forward (suspend) is followed."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        self._offset = max(self._offset, self._wall() - self._monotonic())
        return self._monotonic() + self._offset
