"""Which cell carries a message, and what is left when the schedule's part is taken away."""

from __future__ import annotations

import pytest

from onionchat.lab.latency import MARGIN, Journey, carrier


def test_the_cell_that_lay_ready_goes_first() -> None:
    assert carrier(10.1, [9.75, 10.0, 10.25, 10.5, 10.75]) == 10.5


def test_right_after_a_departure_it_is_the_next_but_one_as_well() -> None:
    assert carrier(10.0, [10.0, 10.25, 10.5]) == 10.5


def test_right_before_a_departure_nobody_can_tell() -> None:
    assert carrier(10.25 - MARGIN / 2, [10.0, 10.25, 10.5, 10.75]) is None
    assert carrier(10.25 - MARGIN * 2, [10.0, 10.25, 10.5, 10.75]) == 10.5


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.0), (0.05, 0.0), (0.0, 0.05), (0.02, 0.03)])
def test_only_the_wait_is_taken_away(before: float, after: float) -> None:
    way = 0.005
    journey = Journey(asked=1.0, laid=1.0 + before, left=1.6, told=1.6 + way + after)
    assert journey.beside_wait - way == pytest.approx(before + after)
