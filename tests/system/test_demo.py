"""The demo without a screen: what it reports, and that nothing is left of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from .processes import PATIENCE, processes_in, seen_folder

pytestmark = pytest.mark.realtor

DEMO = [sys.executable, "-P", "-m", "onionchat", "demo"]


def test_without_a_screen_everything_holds_and_nothing_is_left() -> None:
    with subprocess.Popen(
        [*DEMO, "--headless", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        folder = seen_folder(process)
        out, told = process.communicate(timeout=PATIENCE)
    report = json.loads(out)
    assert process.returncode == 0, out
    assert report["ok"] is True
    assert report["sent"] == report["delivered"] == 40
    assert report["lost"] == report["duplicates"] == 0
    assert report["expired"] is True
    assert report["deleted_for_both"] is True
    assert report["cells"] == {"size": 1952, "distinct_sizes_on_wire": 1}
    assert report["latency_ms"]["median"] > 0
    assert all(json.loads(line)["words"] for line in told.splitlines())
    assert not processes_in(folder)
    assert not folder.exists()


def test_ended_half_way_it_leaves_nothing() -> None:
    with subprocess.Popen(
        [*DEMO, "--headless", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        folder = seen_folder(process)
        for line in process.stderr:
            if "publishing" in line:
                break
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert out == ""
    assert not processes_in(folder)
    assert not folder.exists()
