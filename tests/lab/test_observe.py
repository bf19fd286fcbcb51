"""The judgement of made-up windows: what is reported, with which goals, and that leaks are found."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from onionchat.cli.chat import onionchat
from onionchat.cli.commands import COMMANDS
from onionchat.errors import ConfigError
from onionchat.lab import observe, series
from onionchat.lab.evidence import Evidence
from onionchat.lab.recorder import Recorder
from onionchat.lab.series import BURST, IN_LOOP, LEVELS, LOOPBACK, MAIN, POISSON, TICKS, Series
from onionchat.lab.trace import Block, Keep, Seen, Window

SOME = ("chat", "typing")


def made_up(one: Series, blocks: int, *, leak: float) -> list[Block]:
    """Windows of cells with a random delay of 20 ms; in all but idle ones some are ``leak`` seconds later."""
    draw = random.Random(one.name)
    made: list[Block] = []
    begin = 0.0
    for _ in range(blocks):
        block: list[Window] = []
        order = list(one.settings.scenarios)
        draw.shuffle(order)
        for scenario in order:
            begin += one.settings.span + draw.uniform(0.1, 0.2)
            first = -begin % 0.025
            slots = one.settings.ticks - 2
            at = [first + 0.025 * slot + draw.uniform(0, 0.020) for slot in range(slots)]
            if scenario != "idle":
                at = sorted(moment + leak if number % 3 == 0 else moment for number, moment in enumerate(at))
            seen = Seen(at=at, size=[2078] * len(at))
            block.append(Window(scenario=scenario, begin=begin, life=1, legs=dict.fromkeys(one.legs, seen)))
        made.append(block)
    return made


def judged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, leak: float) -> Evidence:
    """What the quick form makes of made-up windows whose controls leak as they must."""
    import msgspec

    def record(_: Recorder, wanted: Sequence[Series]) -> dict[str, list[Block]]:
        return {
            one.name: made_up(one, 20, leak=0.015 if one.name in {BURST, IN_LOOP} else leak) for one in wanted
        }

    monkeypatch.setattr(Recorder, "record", record)
    monkeypatch.setattr(series, "LIGHT", SOME)
    status = observe.run_observe(quick=True, json=True, keep=None, plot=None, only=())
    found = msgspec.json.decode(capsys.readouterr().out, type=Evidence)
    assert status == (0 if found.ok else 1)
    return found


def test_where_nothing_leaks_everything_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = judged(monkeypatch, capsys, leak=0.0)
    assert found.ok
    assert found.suite == "observe"
    names = [figure.name for figure in found.figures]
    assert len(names) == len(set(names))
    for scenario in SOME:
        for leg in ("guard", "socks"):
            for what in ("auc", "auc_low", "auc_high", "p", "ks"):
                assert f"{scenario}_{leg}_{what}" in names
    goals = {figure.name: figure.goal for figure in found.figures}
    assert goals["chat_guard_p"] == ">= 0.001"
    assert goals["chat_guard_auc_high"] is None
    assert {"tick_s", "scale", "windows_per_class_constant", "bytes_per_day_per_contact"} <= set(names)
    assert [control.name for control in found.controls] == [
        "burst_chat_guard_auc",
        "burst_chat_socks_auc",
        "in_loop_typing_socks_auc",
    ]


def test_each_level_is_reported_with_its_interval_its_gaps_and_its_cost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def levels() -> list[Series]:
        return [one for one in series.full() if one.name in {*LEVELS, IN_LOOP}]

    monkeypatch.setattr(series, "quick", levels)
    found = judged(monkeypatch, capsys, leak=0.0)
    values = {figure.name: figure.value for figure in found.figures}
    assert all(figure.met for figure in found.figures)
    for prefix in ("chat_guard", f"{POISSON}_chat_socks", f"{BURST}_chat_guard", f"{IN_LOOP}_typing_socks"):
        assert values[f"{prefix}_auc_low"] <= values[f"{prefix}_auc_high"]
        assert 0 <= values[f"{prefix}_ks"] <= 1
    assert values[f"{BURST}_chat_guard_auc_low"] > 0.5
    a_cell, day, cells = 2078, 86_400, TICKS - 2
    for name in ("", f"{POISSON}_"):
        measured = values[f"{name}bytes_per_day_per_contact"]
        assert measured == pytest.approx(cells * a_cell / (TICKS * 2.0) * day, rel=1e-3)
        assert values[f"{name}bytes_per_day_per_contact_by_constants"] == pytest.approx(195.2e6, rel=1e-3)
    span, cells = series.BURST_TICKS * series.TICK, series.BURST_TICKS - 2
    measured = values[f"{BURST}_bytes_per_day_per_contact"]
    assert measured == pytest.approx(cells * a_cell / span * day, rel=1e-3)
    assert values[f"{BURST}_bytes_per_day_per_contact_by_constants"] < 20e6
    panels = [title for title, _, _ in observe._panels(levels(), {name: [] for name in LEVELS})]
    assert {title.partition(":")[0] for title in panels} == set(LEVELS)


def test_a_leak_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = judged(monkeypatch, capsys, leak=0.015)
    assert not found.ok
    missed = {figure.name for figure in found.figures if not figure.met}
    assert {f"{scenario}_{leg}_p" for scenario in SOME for leg in ("guard", "socks")} <= missed
    assert "loopback_typing_p" in missed
    assert all(control.ok for control in found.controls)


def test_controls_that_are_not_told_apart_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        Recorder, "record", lambda _, wanted: {one.name: made_up(one, 20, leak=0.0) for one in wanted}
    )
    assert observe.run_observe(quick=True, json=False, keep=None, plot=None, only=[BURST]) == 1
    assert "NOT AS EXPECTED" in capsys.readouterr().out


def test_the_full_form_has_the_strict_goals() -> None:
    full = {one.name: one for one in series.full()}
    assert full[MAIN].blocks >= 800
    assert full["heavy"].blocks >= 800
    assert full[LOOPBACK].blocks == full[IN_LOOP].blocks == 80
    assert (observe.GOAL_P, observe.GOAL_AUC, observe.CONTROL_AUC) == (0.05, 0.55, 0.9)
    assert len(full) == len(series.full())


@pytest.mark.parametrize("one", [*series.quick(), *series.full()], ids=lambda one: one.name)
def test_windows_are_made_as_their_series_says(one: Series) -> None:
    made = one.settings
    assert (made.tick, made.ticks, made.gap) == (one.tick, one.ticks, one.gap)
    assert made.scenarios == ("idle", *one.scenarios)


def test_the_quick_form_takes_less_than_five_minutes() -> None:
    assert sum(one.seconds for one in series.quick()) < 240


def test_kept_windows_are_judged_again_without_starting_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(series, "LIGHT", SOME)
    wanted = {one.name: one for one in series.quick()}
    for name, leak in ((MAIN, 0.0), (BURST, 0.015)):
        keep = Keep(tmp_path / f"{name}.jsonl", wanted[name].settings)
        for block in made_up(wanted[name], wanted[name].blocks, leak=leak):
            keep.add(block)
    monkeypatch.setattr("onionchat.lab.recorder.PrivateNetwork", None)
    plot = tmp_path / "traces.png"
    assert observe.run_observe(quick=True, json=True, keep=tmp_path, plot=plot, only=[MAIN]) == 0
    assert plot.stat().st_size > 1000
    said = capsys.readouterr().out
    assert "chat_guard_auc" in said
    assert "burst_chat_guard_auc" in said, "the control is in every report"


def test_a_series_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no series"):
        observe.run_observe(quick=True, json=True, keep=None, plot=None, only=["nothing"])


def test_the_command_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("observe", "classifier"):
        monkeypatch.delitem(sys.modules, f"onionchat.lab.{module}")
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    assert "lab" in {command.name for command in COMMANDS}
    result = CliRunner().invoke(onionchat, ["lab", "observe", "--quick"])
    assert result.exit_code == ConfigError.exit_code
    assert "sklearn.ensemble" in result.output
    assert "onionchat[lab]" in result.output
