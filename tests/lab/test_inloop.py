"""The in-loop sender, watched: a cell at each tick, whatever is typed, and nothing is left of it."""

from __future__ import annotations

import os
from pathlib import Path

from onionchat.lab.inloop import sample_inloop
from onionchat.lab.trace import Keep, Settings
from onionchat.protocol.constants import CELL_SIZE

SETTINGS = Settings(tick=0.025, ticks=12, gap=3, scenarios=("idle", "typing"), seed=1)


def test_cells_leave_in_every_window(tmp_path: Path) -> None:
    keep = Keep(tmp_path / "kept", SETTINGS)
    told: list[int] = []
    sample_inloop(tmp_path / "work", keep, SETTINGS, blocks=2, tell=told.append)
    assert told == [0, 1]
    assert len(keep.blocks) == 2
    for block in keep.blocks:
        assert sorted(window.scenario for window in block) == ["idle", "typing"]
    out = [
        size for block in keep.blocks for window in block for size in window.legs["socks"].size if size > 0
    ]
    assert sum(out) >= 10 * CELL_SIZE
    assert all(size % CELL_SIZE == 0 for size in out), "in its haste it may send two at once"
    pid = os.getpid()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert not any(b"onionchat.lab" in Path(f"/proc/{one}/cmdline").read_bytes() for one in children)
