"""Evidence: when it holds, how it is printed."""

from __future__ import annotations

import json

import pytest

from onionchat.lab.evidence import at_most, between, evidence, fact, print_evidence


@pytest.mark.parametrize(
    ("value", "seen", "ok"),
    [(9.9, 50, True), (10.0, 40, True), (10.01, 50, False), (1, 39.9, False), (1, 70.1, False)],
)
def test_it_holds_only_where_all_of_it_does(value: float, seen: float, ok: bool) -> None:
    figures = [at_most("latency_ms", value, "ms", 10), fact("tick_ms", 250, "ms")]
    assert evidence("link", figures, [between("slowed", seen, 40, 70)]).ok is ok


def test_without_figures_it_does_not_hold() -> None:
    assert not evidence("link", []).ok


def test_a_missed_goal_is_not_rounded_away() -> None:
    figure = at_most("latency_ms", 10.00001, "ms", 10)
    assert figure.value == 10
    assert not figure.met


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = evidence("link", [at_most("latency_ms", 1.23456, "ms", 10)], [between("slowed", 50, 40, 70)])
    assert print_evidence(found, as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["suite", "ok", "machine", "figures", "controls"]
    assert printed["figures"] == [
        {"name": "latency_ms", "value": 1.235, "unit": "ms", "goal": "<= 10", "met": True}
    ]
    assert printed["controls"] == [{"name": "slowed", "expected": "40 to 70", "seen": 50.0, "ok": True}]
    assert set(printed["machine"]) == {"system", "processor", "cores", "memory_mb", "python"}


def test_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [at_most("latency_ms", 11, "ms", 10), fact("tick_ms", 250, "ms")]
    assert print_evidence(evidence("link", figures, [between("slowed", 1, 40, 70)]), as_json=False) == 1
    printed = capsys.readouterr().out
    assert "goal <= 10: MISSED" in printed
    assert "expected 40 to 70: NOT AS EXPECTED" in printed
    assert printed.endswith("not all of it holds\n")
