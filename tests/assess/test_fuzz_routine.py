"""The routine ``fuzz`` counts what was run, stops at a bug, goes on where it was, and says what it found."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from onionchat.lab.evidence import Evidence

from .fuzz import progress, routine
from .fuzz.progress import Done, Progress
from .fuzz.target import Run, Target
from .fuzz.targets import PLANTED, TARGETS

SAID = "#9 DONE cov: 12 ft: 34 corp: 5/6b\nstat::number_of_executed_units: {count}\n"
RAISED = " === Uncaught Python exception: ===\n"


class Stretches:
    """Stands for the processes; each answer is an exit status and what was said."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, _folder: Path, target: Target, runs: int) -> tuple[int, str]:
        self.asked.append((target.name, runs))
        return self.answers.pop(0) if self.answers else (0, SAID.format(count=runs))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Evidence, Mapping[str, object]]]:
    """What the routine reports; its state is in a folder of this test's."""
    reports: list[tuple[Evidence, Mapping[str, object]]] = []
    monkeypatch.setattr(routine, "state_folder", lambda _: tmp_path)
    monkeypatch.setattr(routine, "find_spec", lambda name: ModuleSpec(name, None))
    monkeypatch.setattr(
        routine, "write_report", lambda found, details, text: reports.append((found, details))
    )
    return reports


def test_it_goes_on_where_it_was(
    told: list[tuple[Evidence, Mapping[str, object]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = dict.fromkeys(PLANTED, 5)
    progress.write(
        tmp_path / "progress.json", Progress(targets={"cell": Done(executions=2_500_000)}, planted=planted)
    )
    stretches = Stretches()
    monkeypatch.setattr(routine, "_stretch", stretches)
    assert routine.main(["--target", "cell"]) == 1
    assert stretches.asked == [("cell", 500_000 // 16)]
    kept = progress.read(tmp_path / "progress.json").targets["cell"]
    assert (kept.executions, kept.edges, kept.features, kept.corpus) == (3_000_000, 12, 34, 5)
    assert {one.name: one.met for one in told[0][0].figures}["open_findings"]
    assert all(one.ok for one in told[0][0].controls)


def test_it_is_met_where_every_target_has_had_enough(
    told: list[tuple[Evidence, Mapping[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = [(77, RAISED + SAID.format(count=9))] * len(PLANTED)
    stretches = Stretches(*planted)
    monkeypatch.setattr(routine, "_stretch", stretches)
    assert routine.main([]) == 0
    assert {name for name, _ in stretches.asked} == {*TARGETS, *PLANTED}
    assert [one.seen for one in told[0][0].controls] == [9] * len(PLANTED)


def test_it_stops_at_a_bug_and_says_so(
    told: list[tuple[Evidence, Mapping[str, object]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Run:
        def run(data: bytes) -> str:
            raise KeyError(data)

        return run

    found = tmp_path / "lifetime" / "found"
    found.mkdir(parents=True)
    (found / "crash-1").write_bytes(b"x")
    target = TARGETS["lifetime"]
    bad = Target(name="lifetime", make=broken, seeds=target.seeds, longest=target.longest)
    monkeypatch.setattr(routine, "TARGETS", {"lifetime": bad, "message-1": TARGETS["message-1"]})
    planted = [(0, SAID.format(count=200_000))] * len(PLANTED)
    stretches = Stretches(*planted, (77, RAISED + SAID.format(count=40)))
    monkeypatch.setattr(routine, "_stretch", stretches)
    assert routine.main(["--target", "lifetime"]) == 1
    assert stretches.asked[len(PLANTED) :] == [("lifetime", 3_000_000 // 16)]
    assert {one.name: one.value for one in told[0][0].figures}["open_findings"] == 1
    assert not any(one.ok for one in told[0][0].controls)


def test_a_process_that_does_not_run_is_no_result(
    told: list[tuple[Evidence, Mapping[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routine, "_stretch", Stretches((1, "ModuleNotFoundError")))
    with pytest.raises(SystemExit, match="did not run"):
        routine.main([])
    assert not told


def test_without_atheris_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(routine, "find_spec", lambda _: None)
    assert routine.main([]) == 2
    assert "pip install" in capsys.readouterr().err
