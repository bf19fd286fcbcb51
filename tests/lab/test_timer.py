"""The suite ``timer``: its statistics, and that it measures at all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from onionchat.errors import ConfigError, PeerUnreachable
from onionchat.lab import timer
from onionchat.lab.ending import lifeline
from onionchat.lab.near import connect
from onionchat.lab.near_sender import Departure, Record
from onionchat.lab.timer import Outcome, _controls, chance, distance, measure
from onionchat.metronome import Left


def test_the_distance_of_samples_is_the_greatest_between_their_distributions() -> None:
    assert distance([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 0.0
    assert distance([1.0, 2.0], [3.0, 4.0]) == 1.0
    assert distance([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0]) == 0.5
    assert distance([1.0, 1.0, 2.0], [1.0]) == pytest.approx(1 / 3)


def test_chance_exceeds_its_bound_seldom_and_a_shift_does_often() -> None:
    source = random.Random(1)
    exceeded = shifted = 0
    for _ in range(200):
        one, other = ([source.gauss(0, 1) for _ in range(count)] for count in (80, 200))
        exceeded += distance(one, other) > chance(80, 200)
        shifted += distance([value + 1 for value in one], other) > chance(80, 200)
    assert exceeded <= 2
    assert shifted > 190


def outcome(*late: float, attached: bool = True) -> Outcome:
    cells = [Departure(scheduled=1.0, sent=1.0 + one, real=at % 2 == 0) for at, one in enumerate(late)]
    return Outcome(
        cells=cells, cpu_engine=0.1, cpu_metronome=0.05, realtime=False, messages=1, attached=attached
    )


def test_the_percentile_counts_what_is_too_early_as_well() -> None:
    assert outcome(*[0.001] * 99, -0.5).p99_ms == pytest.approx(1.0)
    assert outcome(*[0.001] * 98, -0.5, 0.5).p99_ms == pytest.approx(500.0)


def test_a_run_without_its_tui_does_not_count() -> None:
    for attached in (True, False):
        steady, control = outcome(0.001, 0.001, attached=attached), outcome(0.001, 0.001)
        *_, seen = _controls(steady, control)
        assert (seen.name, seen.ok) == ("tui_attached", attached)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record(tmp_path / "sent")
    record.add(Left(link=1, real=0, waiting=0, scheduled=1.5, sent=1.75))
    record.add(Left(link=2, real=2, waiting=0, scheduled=2.5, sent=2.5))
    record.save()
    assert Record.read(tmp_path / "sent") == [
        Departure(scheduled=1.5, sent=1.75, real=False),
        Departure(scheduled=2.5, sent=2.5, real=True),
    ]


def test_a_record_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no record"):
        Record.read(tmp_path / "sent")


def test_who_is_not_there_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    with pytest.raises(PeerUnreachable):
        connect(tmp_path, bytes(32))


def test_every_figure_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "LINKS", 6)
    monkeypatch.setattr(timer, "EVERY", 1.0)  # or every cell would carry something
    monkeypatch.setattr(timer, "SECONDS_QUICK", 4.0)
    monkeypatch.setattr(timer, "CONTROL_SECONDS_QUICK", 4.0)
    told: list[float] = []
    with lifeline() as line:
        found = measure(lifeline=line, tell=lambda part, _words: told.append(part), quick=True)
    values = {figure.name: figure.value for figure in found.figures}
    assert {figure.name for figure in found.figures if figure.goal} == {
        "timer_p99_ms",
        "ks_real_cover",
        "cpu_share",
    }
    assert 0 < values["real_cells"] < values["cells"]
    assert values["cpu_metronome"] > 0
    assert [control.name for control in found.controls] == [
        "in_loop_p99_ms",
        "in_loop_ks_real_cover",
        "tui_attached",
    ]
    assert found.controls[-1].ok, "the TUI was cut off, or never there"
    assert told == sorted(told)
    assert told[-1] == 1.0
