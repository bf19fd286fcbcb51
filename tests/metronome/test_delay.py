"""A short message waits as long as its pace says: laid at random moments, timed as it leaves."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from onionchat.metronome import Begin, Lay
from onionchat.metronome.course import MAX_DELAY
from onionchat.metronome.loop import QUIET, Arrival, Metronome
from onionchat.protocol.cell import CellType
from onionchat.protocol.constants import KEEP_ALIVE_MS
from onionchat.protocol.pace import BATCHES, Level, Pace

from .simulation import KEY, SimulatedEdge, SimulatedOutlet

COUNT = 3000
APART = (6.0, 8.0)
"""Ticks between two messages: whole ones, so that every moment of a tick is as likely as any other. Few wait
so long that two would leave together, or one behind the other."""
LONGEST = 20
"""Ticks that none waits: two gaps at most, each of at most eight."""


class Forgetful(SimulatedOutlet):
    """Keeps nothing of all that is sent."""

    def send(self, cell: bytes) -> int:
        return len(cell)


def waits(pace: Pace) -> list[float]:
    """Seconds from laying to leaving, of messages that come one by one to an idle link."""
    draw, tick = random.Random(11), pace.tick_ms / 1000
    moments = [10.0]
    while len(moments) < COUNT:
        moments.append(moments[-1] + draw.uniform(*APART) * tick)
    edge = SimulatedEdge(end=moments[-1] + LONGEST * tick)
    begin = Arrival(message=Begin(link=0, key=KEY, pace=pace), outlet=Forgetful(edge.clock))
    lay = Arrival(message=Lay(link=0, cell_type=CellType.HAVE, body=bytes(16)))
    edge.script([(0.0, begin), *((moment, lay) for moment in moments)])
    Metronome(edge=edge, random=random.Random(7).randbytes).run()
    left = [report.sent for report in edge.left for _ in range(report.real)]
    return [sent - laid for sent, laid in zip(left, moments, strict=True)]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("level", [Level.CONSTANT, Level.POISSON])
def test_a_message_waits_as_long_as_its_pace_says(level: Level, batch: int) -> None:
    pace = Pace(level=level, tick_ms=5_000, batch=batch)
    assert fmean(waits(pace)) == pytest.approx(pace.mean_delay, rel=0.05)


@pytest.mark.parametrize("batch", BATCHES)
def test_in_bursts_it_waits_for_its_random_delay_alone(batch: int) -> None:
    pace = Pace(level=Level.BURST, batch=batch)
    # sooner than the next sign of life, behind which it would wait
    assert APART[1] * pace.tick_ms < KEEP_ALIVE_MS
    assert fmean(waits(pace)) == pytest.approx(pace.mean_delay, rel=0.05)


def test_a_message_on_an_even_link_waits_one_tick_to_two() -> None:
    pace = Pace(tick_ms=5_000)
    found = waits(pace)
    assert min(found) >= 5.0 - MAX_DELAY
    # what comes in the last moment before a deadline is heard after it
    assert max(found) <= 10.0 + MAX_DELAY + 2 * QUIET
