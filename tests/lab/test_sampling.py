"""Blocks of windows off a made-up stage: each scenario once, in random order, and none without its link."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from onionchat.errors import ConnectionLost, ControlError
from onionchat.lab import sampling
from onionchat.lab.legs import Packets
from onionchat.lab.load import Load
from onionchat.lab.scenario import Person
from onionchat.lab.stage import Stage
from onionchat.lab.trace import Keep, Settings

SETTINGS = Settings(tick=0.01, ticks=4, gap=1, scenarios=("idle", "online", "chat"), seed=1)
LAYOUT = np.dtype([("leg", "u1"), ("out", "u1"), ("connection", "<u2"), ("size", "<u4"), ("at", "<f8")])


class MadeUpLeg:
    def __init__(self, number: int) -> None:
        self.number = number


class MadeUpSide:
    legs: ClassVar = {"guard": MadeUpLeg(0), "socks": MadeUpLeg(1)}


class MadeUpStage(Stage):
    """Cells leave at each tick while there is a link; there is none at the blocks that are named."""

    def __init__(self, *without_link: int) -> None:
        self.watched = MadeUpSide()  # type: ignore[assignment] # all that sampling looks at
        self.blocks = -1
        self.found = 0
        self.opened = 0
        self._without_link = without_link
        self._last = time.monotonic()

    def news(self) -> Packets:
        self.blocks += 1
        begin, self._last = self._last, time.monotonic()
        end = begin if self.blocks in self._without_link else self._last
        times = np.arange(begin, end, SETTINGS.tick)
        rows = [(leg, 1, 0, 1952, at) for at in times for leg in (0, 1)]
        return np.array(rows, dtype=LAYOUT)

    def find_link(self) -> None:
        self.found += 1

    def open_screen(self) -> None:
        self.opened += 1

    def unread(self) -> int:
        return 0


@pytest.fixture(autouse=True)
def _nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Person, "prepare", lambda _: None)
    monkeypatch.setattr(Person, "act", lambda _self, _scenario, span, _tick: time.sleep(span))
    monkeypatch.setattr(Person, "timely", lambda _self, _windows, _seconds: True)
    monkeypatch.setattr(sampling, "_ARRIVAL_SECONDS", 0.0)


def run(stage: MadeUpStage, keep: Keep, blocks: int) -> list[int]:
    """Sample; gives how far it was told to be."""
    told: list[int] = []
    sampling.sample(
        stage, keep, SETTINGS, blocks=blocks, present=0.5, load=Load(steps_back=True), tell=told.append
    )
    return told


def test_each_block_has_each_scenario_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    keep = Keep(tmp_path / "one", SETTINGS)
    assert run(MadeUpStage(), keep, 12) == list(range(12))
    orders = {tuple(window.scenario for window in block) for block in keep.blocks}
    assert all(sorted(order) == ["chat", "idle", "online"] for order in orders)
    assert len(orders) > 2
    for block in keep.blocks:
        begins = [window.begin for window in block]
        assert begins == sorted(begins)
        assert all(sum(size > 0 for size in window.legs["socks"].size) >= 2 for window in block)


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    run(MadeUpStage(), Keep(tmp_path / "one", SETTINGS), 2)
    assert run(MadeUpStage(), Keep(tmp_path / "one", SETTINGS), 4) == [2, 3]
    assert len(Keep(tmp_path / "one", SETTINGS).blocks) == 4


def test_a_block_without_its_link_counts_for_nothing(tmp_path: Path) -> None:
    keep = Keep(tmp_path / "one", SETTINGS)
    stage = MadeUpStage(2)
    run(stage, keep, 4)
    assert (stage.blocks, len(keep.blocks)) == (5, 4)
    assert stage.found == 0


def test_a_link_that_was_dialled_anew_is_looked_for(tmp_path: Path) -> None:
    keep = Keep(tmp_path / "one", SETTINGS)
    stage = MadeUpStage(1, 2)
    run(stage, keep, 2)
    assert stage.found == 1


def test_a_link_that_is_gone_for_good_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLost, match="went down"):
        run(MadeUpStage(*range(1, 50)), Keep(tmp_path / "one", SETTINGS), 2)


def test_the_screen_is_opened_anew_from_time_to_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_FRESH_SCREEN", 2)
    stage = MadeUpStage()
    run(stage, Keep(tmp_path / "one", SETTINGS), 5)
    assert stage.opened == 2


def test_a_block_in_which_something_came_late_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True, False, True])
    monkeypatch.setattr(Person, "timely", lambda _self, _windows, _seconds: next(answers))
    keep = Keep(tmp_path / "one", SETTINGS)
    stage = MadeUpStage()
    run(stage, keep, 2)
    assert (stage.blocks, len(keep.blocks), stage.opened) == (3, 2, 1)


def test_a_machine_that_is_always_too_busy_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Person, "timely", lambda _self, _windows, _seconds: False)
    with pytest.raises(ControlError, match="in time"):
        run(MadeUpStage(), Keep(tmp_path / "one", SETTINGS), 2)
