"""The suite ``protocol``: what it measures is what it says. Its figures are not asserted here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from onionchat.crypto.handshake import Handshake
from onionchat.errors import ConfigError, DecryptionError
from onionchat.lab import protocol_bench, stopwatch
from onionchat.lab.door import Door, refusing
from onionchat.lab.evidence import at_least
from onionchat.lab.handshake_doors import message_1_door
from onionchat.lab.rejection import DOORS
from onionchat.lab.stopwatch import Contestant, fastest


@pytest.mark.parametrize("door", DOORS)
def test_every_door_takes_and_refuses_what_it_says(door: Callable[[], Door]) -> None:
    made = door()
    for contestant in (*made.taken.values(), *made.refused.values()):
        contestant.prepare()()


def test_a_bad_input_that_is_taken_ends_the_measurement() -> None:
    with pytest.raises(AssertionError, match="was taken"):
        refusing(lambda: None)()


def test_an_input_that_is_refused_although_it_is_good_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise DecryptionError

    door = message_1_door()
    monkeypatch.setattr(Handshake, "read", refuse)
    with pytest.raises(DecryptionError):
        fastest(door.taken, 1)


def test_each_contestant_is_prepared_once_a_turn_and_called_as_often_as_it_says() -> None:
    log: list[str] = []

    def prepare() -> Callable[[], object]:
        log.append("prepared")
        return lambda: log.append("called")

    seconds = fastest({"one": Contestant(prepare=prepare, calls=3)}, 2)
    assert log == ["prepared", "called", "called", "called"] * 2
    assert seconds["one"] >= 0


def test_every_figure_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol_bench, "QUICK_TURNS", 4)
    told: list[float] = []
    found = protocol_bench.measure(tmp_path, lifeline=-1, tell=lambda part, _: told.append(part), quick=True)
    assert (told[0], told[-1]) == (0.0, 1.0)
    with_goals = {figure.name: figure.goal for figure in found.figures if figure.goal}
    assert with_goals == {
        "one_way_over_floor": "<= 1.5",
        "ping_pong_over_floor": "<= 1.3",
        "doubleratchet_over_ours": ">= 4",
        "handshake_ms": "<= 1",
        "cell_us": "<= 25",
        "skip_1000_ms": "<= 2",
        "state_bytes": "<= 2000",
        "state_full_bytes": "<= 160000",
        "reject_over_accept": "<= 1.1",
    }
    values = {figure.name: figure for figure in found.figures}
    assert values["state_bytes"].met
    assert values["state_full_bytes"].met
    assert values["state_full_bytes"].value > 2_000 * 44
    assert len(found.controls) == 3
    assert stopwatch.TURNS > stopwatch.QUICK_TURNS


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "doubleratchet", None)
    monkeypatch.delitem(sys.modules, "onionchat.lab.doubleratchet", raising=False)
    with pytest.raises(ConfigError, match="not installed"):
        import onionchat.lab.doubleratchet  # noqa: F401 - importing it is what is tried


def test_at_least() -> None:
    assert at_least("x", 4.0, "", 4).met
    assert not at_least("x", 3.99, "", 4).met
