"""What a peer's pace allows it, and no more."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.errors import RemoteProtocolError
from onionchat.protocol.constants import (
    AHEAD_SECONDS,
    KEEP_ALIVE_MS,
    LEAST_CELL_MS,
    MAX_GAP_TICKS,
    RANDOM_AHEAD_TICKS,
    RATE_MARGIN,
    SILENCE_SECONDS,
    SILENCE_TICKS,
    WINDOW_TICK_MS,
)
from onionchat.protocol.pace import BATCHES, Level, Pace
from onionchat.protocol.tolerance import Tolerance

PACES = st.builds(
    Pace,
    level=st.sampled_from(Level),
    tick_ms=st.integers(80, 30_000),
    batch=st.sampled_from(BATCHES),
)


def at_once(tolerance: Tolerance) -> int:
    """How many cells may come in one moment."""
    for count in range(1_000_000):
        try:
            tolerance.came(0.0)
        except RemoteProtocolError:
            return count
    raise AssertionError("there is no end to it")


def refused(pace: Pace) -> bool:
    try:
        Tolerance(Pace()).greeted(pace)
    except RemoteProtocolError:
        return True
    return False


def gaps(pace: Pace, random: Random) -> float:
    """Seconds between two batches of a pace, in the worst way that is allowed."""
    tick = pace.tick_ms / 1000
    if pace.level is Level.BURST:
        return 0.25
    if pace.level is Level.CONSTANT:
        return tick
    return min(random.expovariate(1 / tick), MAX_GAP_TICKS * tick)


@given(PACES, st.integers(0, 2**32))
def test_a_peer_that_keeps_its_pace_is_never_too_quick_nor_taken_for_dead(pace: Pace, seed: int) -> None:
    random, tolerance = Random(seed), Tolerance(Pace())
    tolerance.greeted(pace)
    for _ in range(300):
        gap = gaps(pace, random)
        assert gap < tolerance.silence
        for _ in range(pace.batch):
            tolerance.came(gap)
            gap = 0.0


@given(PACES, st.integers(0, 2**32))
def test_what_a_stalled_circuit_held_back_may_come_at_once(pace: Pace, seed: int) -> None:
    random, tolerance = Random(seed), Tolerance(Pace())
    tolerance.greeted(pace)
    for _ in range(50):
        tolerance.came(pace.cell_ms / 1000)
    stalled, held = tolerance.silence - 0.001, 0.0
    came = 0
    while held + (gap := gaps(pace, random)) <= stalled and came < 20_000:
        held += gap
        came += pace.batch
    if pace.level is Level.POISSON:  # chance on top of a stall: as much as fits the mean
        came = min(came, int(stalled / (pace.tick_ms / 1000)) * pace.batch)
    tolerance.came(stalled)
    for _ in range(came - 1):
        tolerance.came(0.0)


@pytest.mark.parametrize(
    ("pace", "silence"),
    [
        (Pace(), SILENCE_SECONDS + SILENCE_TICKS * 2),
        (Pace(batch=8), SILENCE_SECONDS + SILENCE_TICKS * 2),
        (Pace(tick_ms=30_000), SILENCE_SECONDS + SILENCE_TICKS * 30),
        (
            Pace(level=Level.POISSON, tick_ms=30_000),
            SILENCE_SECONDS + (MAX_GAP_TICKS + SILENCE_TICKS - 1) * 30,
        ),
        (Pace(level=Level.BURST, tick_ms=250), SILENCE_SECONDS + SILENCE_TICKS * KEEP_ALIVE_MS / 1000),
    ],
)
def test_the_silence_after_which_a_peer_is_dead_has_room_for_its_longest_gap(
    pace: Pace, silence: float
) -> None:
    tolerance = Tolerance(Pace(tick_ms=1000))
    tolerance.greeted(pace)
    assert tolerance.silence == silence


@pytest.mark.parametrize(
    ("pace", "most"),
    [
        (Pace(), AHEAD_SECONDS / 2),
        (Pace(batch=8), AHEAD_SECONDS / 2 * 8),
        (Pace(tick_ms=10_000), (SILENCE_SECONDS + (SILENCE_TICKS + 1) * 10) / 10),
        (Pace(level=Level.POISSON, tick_ms=30_000, batch=2), RANDOM_AHEAD_TICKS * 2),
        (Pace(level=Level.BURST), (SILENCE_SECONDS + SILENCE_TICKS * 30 + 0.25) / 0.25),
    ],
)
def test_so_many_cells_may_come_at_once(pace: Pace, most: float) -> None:
    tolerance = Tolerance(Pace(tick_ms=250))
    tolerance.greeted(pace)
    assert at_once(tolerance) == int(most)


def test_half_as_much_again_as_the_pace_may_come_for_ever_and_no_more() -> None:
    def lasts(share: float) -> bool:
        tolerance = Tolerance(Pace())
        try:
            for _ in range(10_000):
                tolerance.came(2 / share)
        except RemoteProtocolError:
            return False
        return True

    assert lasts(RATE_MARGIN - 0.01)
    assert not lasts(RATE_MARGIN + 0.01)


def test_what_was_not_used_is_not_saved_up_beyond_the_bound() -> None:
    tolerance = Tolerance(Pace())
    tolerance.came(1e9)
    assert at_once(tolerance) == AHEAD_SECONDS / 2 - 1


def test_the_quickest_pace_that_was_said_counts_for_the_rate_and_the_slowest_for_the_silence() -> None:
    slow, quick = Pace(tick_ms=20_000), Pace(tick_ms=500)
    for first, second in ((slow, quick), (quick, slow)):
        tolerance = Tolerance(Pace())
        tolerance.greeted(first)
        tolerance.announced(second)
        assert tolerance.silence == SILENCE_SECONDS + SILENCE_TICKS * 20
        assert at_once(tolerance) == AHEAD_SECONDS / 0.5


def test_a_pace_that_is_said_late_gives_what_it_would_have_given_at_first() -> None:
    early, late = Tolerance(Pace()), Tolerance(Pace())
    for tolerance in (early, late):
        tolerance.greeted(Pace(tick_ms=30_000))
    early.announced(Pace(level=Level.POISSON, tick_ms=30_000))
    early.came(0.0)
    late.came(0.0)
    late.announced(Pace(level=Level.POISSON, tick_ms=30_000))
    assert at_once(early) == at_once(late) == RANDOM_AHEAD_TICKS - 1


def test_a_window_that_was_agreed_to_lets_its_cells_come() -> None:
    tolerance = Tolerance(Pace())
    tolerance.window_agreed()
    for _ in range(20 * 1024):
        tolerance.came(WINDOW_TICK_MS / 1000)
    assert tolerance.silence == SILENCE_SECONDS + SILENCE_TICKS * 2
    without = Tolerance(Pace())
    assert at_once(without) < 20 * 16


@given(PACES)
def test_no_side_may_have_a_pace_that_a_receiver_could_not_take(pace: Pace) -> None:
    assert refused(pace) is (pace.cell_ms < LEAST_CELL_MS)


def test_the_least_time_for_a_cell_is_allowed() -> None:
    assert not refused(Pace(tick_ms=80, batch=8))
    assert refused(Pace(tick_ms=79, batch=8))
    assert refused(Pace(tick_ms=25, batch=4))
    tolerance = Tolerance(Pace())
    with pytest.raises(RemoteProtocolError):
        tolerance.announced(Pace(tick_ms=25, batch=8))


def test_paces_count_by_the_millisecond() -> None:
    tolerance = Tolerance(Pace(tick_ms=30_000))
    ahead = SILENCE_SECONDS + (SILENCE_TICKS + 1) * 30
    assert (tolerance._rate, tolerance._most) == (RATE_MARGIN / 30, ahead / 30)
    tolerance.announced(Pace(tick_ms=250))
    assert (tolerance._rate, tolerance._most) == (RATE_MARGIN / 0.25, AHEAD_SECONDS / 0.25)


def test_a_greeting_replaces_what_was_assumed() -> None:
    tolerance = Tolerance(Pace(tick_ms=250, batch=8))
    tolerance.greeted(Pace(tick_ms=30_000))
    assert at_once(tolerance) == int((SILENCE_SECONDS + (SILENCE_TICKS + 1) * 30) / 30)
    assert math.isclose(tolerance.silence, SILENCE_SECONDS + SILENCE_TICKS * 30)
