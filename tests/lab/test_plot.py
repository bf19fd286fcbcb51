"""The picture is a PNG, or an error in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from onionchat.errors import ConfigError
from onionchat.lab.plot import Panel, draw
from onionchat.lab.trace import Seen, Window


def panel(name: str) -> Panel:
    seen = Seen(at=(0.1, 0.12), size=(2078, -536))
    return name, 0.3, [Window(scenario="idle", begin=1.0, life=1, legs={"guard": seen})] * 3


@pytest.mark.parametrize("count", [1, 2, 5])
def test_it_is_a_png(tmp_path: Path, count: int) -> None:
    file = tmp_path / "traces.png"
    draw(file, [panel(f"constant: {number}") for number in range(count)])
    assert file.read_bytes().startswith(b"\x89PNG\r\n")


def test_windows_in_which_nothing_passed_are_drawn_too(tmp_path: Path) -> None:
    file = tmp_path / "traces.png"
    silent = Window(scenario="idle", begin=1.0, life=1, legs={"guard": Seen(at=(), size=())})
    draw(file, [("burst: idle", 1.0, [silent]), panel("burst: chat")])
    assert file.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(tmp_path / "nowhere" / "traces.png", [panel("constant: idle")])
