"""The adversary as a user starts it: it reports, can be ended, goes on, and leaves nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from onionchat.lab.series import MAIN, quick

from .processes import processes_in, seen_folder

pytestmark = pytest.mark.realtor

SECONDS = 600.0
OBSERVE = [sys.executable, "-P", "-m", "onionchat", "lab", "observe", "--quick", "--json"]


def kept(folder: Path) -> int:
    """How many blocks of the main series there are."""
    file = folder / f"{MAIN}.jsonl"
    return len(file.read_bytes().splitlines()) - 1 if file.exists() else 0


def observed(kept_in: Path) -> dict[str, Any]:
    """The report of a run that is let come to its end."""
    plot = kept_in / "traces.png"
    with subprocess.Popen(
        [*OBSERVE, "--keep", str(kept_in), "--plot", str(plot)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        folder = seen_folder(process)
        out, told = process.communicate(timeout=SECONDS)
    assert all(json.loads(line)["words"] for line in told.splitlines())
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert not processes_in(folder)
    assert not folder.exists()
    report: dict[str, Any] = json.loads(out)
    assert process.returncode == (0 if report["ok"] else 1)
    return report


def test_ended_half_way_it_goes_on_and_tells_nobody_apart_but_the_controls(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*OBSERVE, "--keep", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        folder = seen_folder(process)
        for line in process.stderr:
            if "block 3 of" in line:
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGINT
    assert out == ""
    assert not processes_in(folder)
    assert not folder.exists()
    before = kept(tmp_path)
    assert before >= 2

    report = observed(tmp_path)
    assert kept(tmp_path) == next(one.blocks for one in quick() if one.name == MAIN) > before
    missed = [(one["name"], one["value"]) for one in report["figures"] if not one["met"]]
    missed += [(one["name"], one["seen"]) for one in report["controls"] if not one["ok"]]
    assert not missed
    assert report["ok"] is True
    assert {one["name"] for one in report["controls"]} >= {"burst_chat_guard_auc", "burst_chat_socks_auc"}
