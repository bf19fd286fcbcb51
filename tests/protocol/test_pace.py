from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.protocol.constants import CELL_SIZE
from onionchat.protocol.pace import Level, Pace, rotation

LEVELS = st.sampled_from(Level)
PACES = st.builds(Pace, level=LEVELS, tick_ms=st.integers(25, 30_000), batch=st.sampled_from((1, 2, 4, 8)))


@given(PACES)
def test_a_pace_survives_the_wire(pace: Pace) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(pace), type=Pace) == pace


@pytest.mark.parametrize(
    "packed", [[0, 2000, 3], [0, 2000, 16], [0, 24, 1], [0, 30_001, 1], [3, 2000, 1], [0, 2000, 1, 1]]
)
def test_a_pace_that_nobody_may_have_is_refused(packed: list[int]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(packed), type=Pace)


def test_the_default_costs_what_was_measured() -> None:
    assert round(Pace().bytes_per_day / 1e6) == 98
    assert Pace().mean_delay == pytest.approx(3.01)


def test_a_slower_tick_costs_less_and_takes_longer() -> None:
    slow, quick = Pace(tick_ms=4000), Pace(tick_ms=1000)
    assert slow.bytes_per_day * 4 == pytest.approx(quick.bytes_per_day)
    assert slow.mean_delay > quick.mean_delay


def test_bursts_cost_neither_delay_nor_cover() -> None:
    burst = Pace(level=Level.BURST)
    assert burst.mean_delay < 0.1
    assert burst.bytes_per_day < Pace().bytes_per_day / 10


@pytest.mark.parametrize(
    ("pace", "delay", "cells_a_day"),
    [
        (Pace(), 3.01, 43_200),
        (Pace(batch=8), 3.01, 345_600),
        (Pace(level=Level.POISSON), 4.01, 43_200),
        (Pace(level=Level.POISSON, tick_ms=500, batch=2), 1.01, 345_600),
        (Pace(level=Level.BURST), 0.01, 2_880),
        (Pace(level=Level.BURST, tick_ms=500, batch=8), 0.01, 2_880),
    ],
)
def test_what_each_level_costs(pace: Pace, delay: float, cells_a_day: int) -> None:
    assert pace.mean_delay == pytest.approx(delay)
    assert pace.bytes_per_day == pytest.approx(cells_a_day * (2136 + 123))


@pytest.mark.parametrize(
    ("budget", "contacts", "expected"),
    [
        (CELL_SIZE, 0, (1, 1000)),
        (CELL_SIZE, 1, (1, 1000)),
        (CELL_SIZE, 2, (2, 2000)),
        (CELL_SIZE, 3, (4, 4000)),
        (2 * CELL_SIZE, 5, (8, 4000)),
        (CELL_SIZE + 1, 1, (1, 1000)),
        (3000, 1, (1, 651)),
    ],
)
def test_a_rotation_has_a_tick_for_each_place(
    budget: float, contacts: int, expected: tuple[int, int]
) -> None:
    assert rotation(budget, contacts) == expected


@given(PACES)
def test_cells_are_never_further_apart_than_silence(pace: Pace) -> None:
    assert pace.cell_ms <= pace.silence_ms


@given(st.floats(500, 1e6), st.integers(0, 500))
def test_a_rotation_keeps_its_budget_and_has_a_place_for_each(budget: float, contacts: int) -> None:
    places, tick_ms = rotation(budget, contacts)
    assert places >= contacts
    assert places & (places - 1) == 0
    assert places * CELL_SIZE / (tick_ms / 1000) <= budget * (1 + 1e-9)


@given(st.integers(2, 256))
def test_a_rotation_changes_only_when_contacts_double(contacts: int) -> None:
    if contacts & (contacts - 1):
        assert rotation(20_000, contacts) == rotation(20_000, contacts + 1)
