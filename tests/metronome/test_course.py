from __future__ import annotations

import itertools
import math
from statistics import fmean

import pytest

from onionchat.metronome.course import LEAST_GAP, Bursts, Gaps, Grid, Lot
from onionchat.protocol.constants import MAX_GAP_TICKS

SEED = bytes(range(32))
COUNT = 20_000


def gaps(mean: float, count: int = COUNT) -> list[float]:
    lot = Lot(SEED)
    course = Gaps(after=0.0, mean=mean, draw=lambda slot: lot.draw(b"gap", 1, slot))
    begins = [0.0]
    for _ in range(count):
        begins.append(course.begin)
        course.step(begins[-1])
    return [later - earlier for earlier, later in itertools.pairwise(begins)]


def test_a_name_gives_its_number_whenever_it_is_drawn() -> None:
    there = [Lot(SEED).draw(b"delay", 1, slot) for slot in range(1000)]
    lot = Lot(SEED)
    back = [lot.draw(b"delay", 1, slot) for slot in reversed(range(1000))]
    assert there == back[::-1]
    assert len(set(there)) == 1000
    assert all(0.0 <= number < 1.0 for number in there)
    assert fmean(there) == pytest.approx(0.5, abs=0.03)


def test_every_part_of_a_name_counts() -> None:
    names = [(b"delay", 1, 2), (b"phase", 1, 2), (b"delay", 2, 2), (b"delay", 1, 3)]
    drawn = {lot.draw(*name) for lot in (Lot(SEED), Lot(bytes(32))) for name in names}
    assert len(drawn) == 8


@pytest.mark.parametrize("mean", [0.25, 2.0, 30.0])
def test_random_gaps_have_their_mean(mean: float) -> None:
    # the standard error of a mean of 20,000 gaps is 0.7 %
    assert fmean(gaps(mean)) == pytest.approx(mean, rel=0.03)


@pytest.mark.parametrize("mean", [0.25, 2.0, 30.0])
def test_random_gaps_are_exponential_between_their_bounds(mean: float) -> None:
    found = sorted(gaps(mean))
    assert found[0] >= LEAST_GAP - 1e-6
    assert found[-1] < MAX_GAP_TICKS * mean
    part = mean - LEAST_GAP
    whole = -math.expm1(-MAX_GAP_TICKS)
    distance = max(
        abs(-math.expm1(-(gap - LEAST_GAP) / part) / whole - (rank + 0.5) / COUNT)
        for rank, gap in enumerate(found)
    )
    assert distance < 1.95 / math.sqrt(COUNT)  # Kolmogorov and Smirnov's bound at one in a thousand


def test_random_gaps_do_not_tell_of_each_other() -> None:
    found = gaps(2.0)
    mean = fmean(found)
    spread = fmean((gap - mean) ** 2 for gap in found)
    for lag in (1, 2, 3):
        along = fmean((a - mean) * (b - mean) for a, b in zip(found, found[lag:], strict=False))
        assert abs(along / spread) < 4 / math.sqrt(COUNT)


def test_a_mean_below_the_least_gap_gives_the_least_gap() -> None:
    assert gaps(0.030, 5) == pytest.approx([LEAST_GAP] * 5)


def test_a_grid_is_found_again_from_far_away() -> None:
    grid = Grid(base=0.7, tick=0.25)
    grid.resume(1e7)
    assert 1e7 <= grid.begin < 1e7 + 0.25
    assert (grid.begin - 0.7) / 0.25 == grid.number
    assert grid.end == pytest.approx(grid.begin + 0.25)


@pytest.mark.parametrize("after", [-5.0, 0.0, 0.7])
def test_a_grid_never_goes_back(after: float) -> None:
    grid = Grid(base=0.7, tick=0.25)
    grid.resume(after)
    assert (grid.number, grid.begin) == (0, 0.7)


def test_random_slots_are_resumed_where_they_would_have_been() -> None:
    def course() -> Gaps:
        lot = Lot(SEED)
        return Gaps(after=0.0, mean=1.0, draw=lambda slot: lot.draw(b"gap", 1, slot))

    steady, begins = course(), []
    for _ in range(50):
        begins.append(steady.begin)
        steady.step(0.0)
    resumed = course()
    resumed.resume(20.0)
    assert resumed.begin == min(begin for begin in begins if begin >= 20.0)
    assert resumed.end == begins[begins.index(resumed.begin) + 1]


def test_bursts_hurry_only_for_what_comes() -> None:
    bursts = Bursts(now=10.0)
    assert bursts.begin == 10.0
    bursts.step(10.0)
    assert bursts.begin == 40.0
    bursts.hurry(10.1)
    assert bursts.begin == 10.25
    bursts.hurry(10.2)
    assert bursts.begin == 10.25
    bursts.step(10.26)
    bursts.hurry(20.0)
    assert bursts.begin == 20.0
    bursts.hurry(21.0)
    assert bursts.begin == 20.0
