"""Windows are cut out exactly, and a file of them goes on where it stopped, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onionchat.errors import ConfigError
from onionchat.lab.legs import Packets
from onionchat.lab.trace import Keep, Seen, Settings, Window, cut_out
from onionchat.lab.wire import RECORD

SETTINGS = Settings(tick=0.5, ticks=2, gap=1, scenarios=("idle", "chat"), seed=1)
LAYOUT = np.dtype([("leg", "u1"), ("out", "u1"), ("connection", "<u2"), ("size", "<u4"), ("at", "<f8")])


def packets(*rows: tuple[float, int, int]) -> Packets:
    """Of (time, size, 1 where it went out)."""
    return np.array([(0, out, 0, size, at) for at, size, out in rows], dtype=LAYOUT)


def block(begin: float) -> list[Window]:
    seen = Seen(at=(0.25,), size=(1952,))
    return [Window(scenario=name, begin=begin, life=1, legs={"socks": seen}) for name in ("idle", "chat")]


def test_the_layout_is_the_one_that_the_process_writes() -> None:
    row = packets((1.5, 7, 1)).tobytes()
    assert RECORD.unpack(row) == (0, 1, 0, 7, 1.5)


def test_a_window_has_what_passed_from_its_begin_to_before_its_end_in_order() -> None:
    passed = packets((9.99, 1, 1), (10.5, 3, 0), (10.0, 2, 1), (11.0, 4, 1))
    assert cut_out(passed, 10.0, 1.0) == Seen(at=[0.0, 0.5], size=[2, -3])


def test_blocks_that_were_kept_are_there_again(tmp_path: Path) -> None:
    keep = Keep(tmp_path / "one", SETTINGS)
    keep.add(block(1.0))
    keep.add(block(2.0))
    again = Keep(tmp_path / "one", SETTINGS)
    assert [[window.begin for window in one] for one in again.blocks] == [[1.0, 1.0], [2.0, 2.0]]
    assert again.blocks[0][0].legs["socks"].size == [1952]


def test_a_block_that_was_cut_off_counts_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "one"
    keep = Keep(file, SETTINGS)
    keep.add(block(1.0))
    keep.add(block(2.0))
    file.write_bytes(file.read_bytes()[:-10])
    again = Keep(file, SETTINGS)
    assert len(again.blocks) == 1
    again.add(block(3.0))
    assert [one[0].begin for one in Keep(file, SETTINGS).blocks] == [1.0, 3.0]


def test_other_settings_and_other_files_are_refused(tmp_path: Path) -> None:
    Keep(tmp_path / "one", SETTINGS)
    other = Settings(tick=0.25, ticks=2, gap=1, scenarios=("idle", "chat"), seed=1)
    with pytest.raises(ConfigError, match="other settings"):
        Keep(tmp_path / "one", other)
    (tmp_path / "two").write_text("something else\n")
    with pytest.raises(ConfigError, match="cannot be used"):
        Keep(tmp_path / "two", SETTINGS)
