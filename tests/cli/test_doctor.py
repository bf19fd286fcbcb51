"""``onionchat doctor``, and what every command does for itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.cli import doctor
from onionchat.control.requests import Watch
from onionchat.engine.doctor import Finding
from onionchat.engine.process import core_limit

from ..engine.world import eventually
from .actor import Actor

GOOD = Finding(name="swap", verdict="ok", text="there is none")
POOR = Finding(name="disk", verdict="warn", text="flash", hint="encrypt it")
BAD = Finding(name="file system", verdict="bad", text="btrfs", hint="move it")


@pytest.fixture
def engine() -> Iterator[Actor]:
    with Actor() as actor:
        yield actor


@pytest.mark.parametrize(("found", "status"), [([GOOD, POOR], 0), ([GOOD, BAD], 1)])
def test_each_finding_is_a_line_and_harm_is_a_status(
    engine: Actor, monkeypatch: pytest.MonkeyPatch, found: list[Finding], status: int
) -> None:
    monkeypatch.setattr(doctor, "_look", lambda _: found)
    result = engine.run("doctor")
    assert result.exit_code == status
    assert "there is none" in result.output
    assert f"→ {found[1].hint}" in result.output
    assert engine.json("doctor") == {
        "type": "doctor",
        "ok": status == 0,
        "findings": [
            {"name": one.name, "verdict": one.verdict, "text": one.text, "hint": one.hint} for one in found
        ],
    }


def test_it_needs_no_engine_and_no_vault(folder: Path) -> None:
    command = [sys.executable, "-m", "onionchat", "--vault", str(folder / "v"), "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}
    names = (
        "core dumps, locked memory, freed memory, new files, swap, hibernation, vault folder, file system, "
        "tor, real-time priority, clock"
    )
    for name in names.split(", "):
        assert name in done.stdout
    assert not (folder / "v").exists()


def test_a_command_leaves_no_core_dump_and_no_open_file() -> None:
    with Actor() as engine:
        words = [sys.executable, "-m", "onionchat", "--vault", str(engine.vault), "watch"]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as watching:
            try:
                eventually(lambda: [each for each in engine.asked if isinstance(each, Watch)])
                page = Path(f"/proc/{watching.pid}")
                assert core_limit((page / "limits").read_text()) == 0
                assert "Umask:\t0077" in (page / "status").read_text()
            finally:
                watching.kill()
