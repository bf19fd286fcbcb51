"""The suite ``start`` with real processes. What it measures is not judged here, only that it measures."""

from __future__ import annotations

import os
import pty

import pytest

from onionchat.errors import ControlError
from onionchat.lab.ending import lifeline
from onionchat.lab.startup import HELD_SECONDS, _read_until, measure
from onionchat.lab.workplace import workplace


@pytest.mark.realtor
def test_every_figure_is_there_and_the_control_is_detected() -> None:
    with workplace() as folder, lifeline() as line:
        found = measure(folder, lifeline=line, tell=lambda _part, _words: None, quick=True)
    values = {figure.name: figure.value for figure in found.figures}
    assert {"help_s", "tui_first_frame_s", "engine_rss_mb"} <= set(values)
    assert all(value > 0 for value in values.values())
    assert {figure.name for figure in found.figures if figure.goal} == {
        "help_s",
        "tui_first_frame_s",
        "engine_rss_mb",
    }
    assert found.controls[0].seen >= HELD_SECONDS


def test_a_word_is_found_among_what_moves_the_cursor() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"\x1b[2J\x1b[1;31mCon\x1b[0mtact10\x1b[?25l")
    _read_until(reading, b"Contact10", deadline=float("inf"))
    os.close(writing)
    os.close(reading)


def test_a_program_that_ended_is_an_error() -> None:
    ours, theirs = pty.openpty()
    os.close(theirs)
    with pytest.raises(ControlError, match="ended"):
        _read_until(ours, b"Contact10", deadline=float("inf"))
    os.close(ours)


def test_a_screen_that_never_comes_is_an_error() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"something else")
    with pytest.raises(ControlError, match="main screen"):
        _read_until(reading, b"Contact10", deadline=0.0)
    os.close(writing)
    os.close(reading)
