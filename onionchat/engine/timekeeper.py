"""When the machines want to be told that their deadline has passed.

Laws: a deadline is an appointment with the wall clock, which may jump when the machine was suspended, so it
is looked at every few seconds whatever happens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

import trio

LOOK_SECONDS = 5.0

M = TypeVar("M")


class Timekeeper(Generic[M]):
    """One deadline for each machine; ``due`` gets those whose has passed."""

    def __init__(self, now: Callable[[], float], due: Callable[[M], None]) -> None:
        self._now = now
        self._due = due
        self._deadlines: dict[M, float] = {}
        self._changed = trio.Event()

    def expect(self, machine: M, deadline: float | None) -> None:
        """Call ``due`` at ``deadline``, in seconds since 1970; None for never."""
        if deadline is None:
            self._deadlines.pop(machine, None)
        elif deadline != self._deadlines.get(machine):
            self._deadlines[machine] = deadline
            self._changed.set()

    async def serve(self) -> None:
        """Run until cancelled."""
        while True:
            self._changed = trio.Event()
            wait = min(self._deadlines.values(), default=math.inf) - self._now()
            with trio.move_on_after(min(max(0.0, wait), LOOK_SECONDS)):
                await self._changed.wait()
            self._tell_due()
            await trio.lowlevel.checkpoint()

    def _tell_due(self) -> None:
        """A function of its own: a task that sleeps must hold no machine, which has keys in it."""
        now = self._now()
        for machine in [m for m, deadline in self._deadlines.items() if deadline <= now]:
            if self._deadlines.pop(machine, None) is not None:  # it may have gone with the one before
                self._due(machine)
