"""What the loop does with a link at a deadline is the same, step for step, for real cells and for cover."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from onionchat.metronome.link import SendingLink
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.pace import BATCHES, Level, Pace

from .simulation import KEY

if TYPE_CHECKING:
    from _typeshed import TraceFunction

Step = tuple[str, int]
"""A line of Python: its file, and its number there."""
DEADLINES = 8


def steps(act: Callable[[], object]) -> list[Step]:
    """Every line that ``act`` runs, in whatever file, in order."""
    found: list[Step] = []

    def note(frame: FrameType, event: str, _: object) -> TraceFunction:
        if event == "line":
            found.append((frame.f_code.co_filename, frame.f_lineno))
        return note

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()  # others have themselves called when memory is collected
    sys.settrace(note)
    try:
        act()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return found


def beat(link: SendingLink) -> None:
    """What the loop does with a link at a deadline, in its order."""
    link.seal()
    if not link.missed(link.due):
        _ = (link.real, link.closing)
        link.advance(link.due)


def at_deadlines(pace: Pace, *, laid: int) -> tuple[list[list[Step]], int]:
    """The steps at each of some deadlines, ``laid`` cells having been laid before, and how many have left."""
    link = SendingLink(key=KEY, pace=pace, now=100.0, seed=bytes(32))
    for number in range(laid):
        assert link.lay(lay_out(CellType.HAVE, number.to_bytes(16, "big")), 100.0)
    return [steps(lambda: beat(link)) for _ in range(DEADLINES)], laid - link.waiting


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("level", [Level.CONSTANT, Level.POISSON])
def test_real_cells_and_cover_take_the_same_steps(level: Level, batch: int) -> None:
    pace = Pace(level=level, batch=batch)
    idle, _ = at_deadlines(pace, laid=0)
    assert all(len(each) > 10 for each in idle)
    for laid in (1, 2, 5, 8):
        busy, left = at_deadlines(pace, laid=laid)
        assert left >= min(laid, DEADLINES - 1)
        assert busy == idle


def test_a_step_that_only_real_cells_take_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = SendingLink.seal

    def bent(self: SendingLink) -> None:
        waits = bool(self._queue)
        seal(self)
        if waits:
            self.batch += b""

    monkeypatch.setattr(SendingLink, "seal", bent)
    idle, _ = at_deadlines(Pace(), laid=0)
    busy, _ = at_deadlines(Pace(), laid=1)
    assert busy != idle
