"""Features are numbers whatever was seen, and each kind shows what it is there for."""

from __future__ import annotations

import numpy as np

from onionchat.lab.features import gaps_out, table
from onionchat.lab.trace import Seen, Settings, Window

SETTINGS = Settings(tick=0.025, ticks=12, gap=3, scenarios=("idle", "chat"), seed=1)


def window(at: list[float], size: list[int], *, begin: float = 100.0, life: int = 1) -> Window:
    return Window(scenario="idle", begin=begin, life=life, legs={"guard": Seen(at=at, size=size)})


def steady(begin: float, *, late: float = 0.0, life: int = 1) -> Window:
    """Cells on a grid that begins at 0, and the answers to them; one of them may be late."""
    first = -begin % 0.025
    at = [first + 0.025 * slot for slot in range(11)]
    at[5] += late
    return window(sorted([*at, *(one + 0.003 for one in at)]), [2078, -536] * 11, begin=begin, life=life)


def test_whatever_was_seen_makes_a_row_of_the_same_finite_numbers() -> None:
    seen = [
        window([], []),
        window([0.1], [2078]),
        window([0.1, 0.1], [2078, 2078]),
        window([0.1, 0.2], [-536, -536]),
        steady(100.0),
    ]
    rows = table(seen, "guard", SETTINGS)
    assert rows.shape[0] == len(seen)
    assert rows.shape[1] > 90
    assert np.isfinite(rows).all()


def test_where_in_the_tick_a_window_begins_makes_no_difference_to_phases_but_a_late_cell_does() -> None:
    begins = [100.0 + 0.0061 * number for number in range(20)]
    rows = table([*(steady(begin) for begin in begins), steady(200.0, late=0.006)], "guard", SETTINGS)
    moved = np.flatnonzero(np.ptp(rows[:20], axis=0) < 1e-3)
    differ = [column for column in moved if abs(rows[20, column] - rows[0, column]) > 0.3]
    assert differ, "a cell that is 6 ms late shows against windows that begin anywhere"


def test_a_link_that_began_anew_has_slots_of_its_own() -> None:
    first = [steady(100.0 + number) for number in range(10)]
    moved = [
        window([one + 0.01 for one in seen.legs["guard"].at], list(seen.legs["guard"].size), life=2)
        for seen in first
    ]
    rows = table([*first, *moved], "guard", SETTINGS)
    assert np.allclose(rows[:10].std(axis=0), rows[10:].std(axis=0), atol=0.5)


def test_gaps_are_those_between_what_went_out_within_a_window() -> None:
    windows = [window([0.0, 0.05, 0.1], [1, -1, 1]), window([0.0, 0.02], [1, 1])]
    assert gaps_out(windows, "guard").tolist() == [0.1, 0.02]
