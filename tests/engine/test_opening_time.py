"""Opening takes as long whatever was opened, up to a fixed time."""

from __future__ import annotations

import pytest

from onionchat.engine.opening_time import EVEN_PART, OpeningTime


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


COST = 7.0
EVEN_SECONDS = EVEN_PART * COST


@pytest.mark.parametrize("work", [0.0, 0.1, EVEN_SECONDS])
def test_little_work_and_much_end_at_the_same_moment(work: float) -> None:
    time = Time()
    taken = OpeningTime(clock=lambda: time.now, sleep=time.sleep)
    time.now += COST
    taken.begin()
    time.now += work
    taken.wait()
    assert time.now == pytest.approx(1000 + COST + EVEN_SECONDS)


def test_nothing_is_added_to_what_takes_longer() -> None:
    time = Time()
    taken = OpeningTime(clock=lambda: time.now, sleep=time.sleep)
    time.now += COST
    taken.begin()
    time.now += 3 * EVEN_SECONDS
    taken.wait()
    assert time.now == pytest.approx(1000 + COST + 3 * EVEN_SECONDS)
