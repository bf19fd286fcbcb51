"""What a peer's pace allows it: how quick, how long silent. docs/protocol.md, «The schedule».

Laws: one side's own judgement of one link; knows paces and moments, nothing of what the cells carry. A pace
that was announced once on a link counts to the link's end, for nobody knows from which cell on it holds.
"""

from __future__ import annotations

from ..errors import RemoteProtocolError
from .constants import (
    AHEAD_SECONDS,
    LEAST_CELL_MS,
    MAX_GAP_TICKS,
    RANDOM_AHEAD_TICKS,
    RATE_MARGIN,
    SILENCE_SECONDS,
    SILENCE_TICKS,
    WINDOW_TICK_MS,
)
from .pace import Level, Pace


class Tolerance:
    """Of one peer on one link.

    Args:
        pace: what the peer is held to until it has said its own.
    """

    silence: float
    """Seconds without a cell after which the peer is taken for dead."""
    _rate: float
    """Cells a second that may come for ever."""
    _most: float
    """Cells that may come at once."""
    _left: float
    """How many of them may still come."""

    def __init__(self, pace: Pace) -> None:
        self._begin(pace)

    def greeted(self, pace: Pace) -> None:
        """The peer's greeting says its pace: what was assumed until then is forgotten.

        Raises:
            RemoteProtocolError: no side may be so quick.
        """
        _check(pace)
        self._begin(pace)

    def announced(self, pace: Pace) -> None:
        """The peer has another pace beside those that it said on this link.

        Raises:
            RemoteProtocolError: no side may be so quick.
        """
        _check(pace)
        self._widen(pace)

    def window_agreed(self) -> None:
        """The peer may send at a window's rate."""
        self._widen(Pace(tick_ms=WINDOW_TICK_MS))

    def came(self, elapsed: float) -> None:
        """A cell came, ``elapsed`` seconds after the one before.

        Raises:
            RemoteProtocolError: more came than the peer's own schedule allows.
        """
        self._left = min(self._left + elapsed * self._rate, self._most) - 1
        if self._left < 0:
            raise RemoteProtocolError("cells faster than the peer's own schedule")

    def _begin(self, pace: Pace) -> None:
        cell = pace.cell_ms / 1000
        self.silence = _silence(pace)
        self._rate = RATE_MARGIN / cell
        self._most = self._left = _ahead(pace) / cell

    def _widen(self, pace: Pace) -> None:
        cell = pace.cell_ms / 1000
        more = max(0.0, _ahead(pace) / cell - self._most)
        self._most += more
        self._left += more
        self._rate = max(self._rate, RATE_MARGIN / cell)
        self.silence = max(self.silence, _silence(pace))


def _check(pace: Pace) -> None:
    if pace.cell_ms < LEAST_CELL_MS:
        raise RemoteProtocolError("a pace that no side may have")


def _silence(pace: Pace) -> float:
    longest = MAX_GAP_TICKS if pace.level is Level.POISSON else 1
    return SILENCE_SECONDS + (longest + SILENCE_TICKS - 1) * pace.silence_ms / 1000


def _ahead(pace: Pace) -> float:
    """Seconds of schedule that may come at once: what a circuit held back, or what chance may bring."""
    batch = pace.cell_ms * pace.batch / 1000
    chance = RANDOM_AHEAD_TICKS * batch if pace.level is Level.POISSON else 0.0
    return max(AHEAD_SECONDS, _silence(pace) + batch, chance)
