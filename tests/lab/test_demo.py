"""The demo's edges; the demo itself is tried as a process."""

from __future__ import annotations

import msgspec
import pytest

from onionchat.errors import ConfigError
from onionchat.lab.demo import _in_words, run_demo
from onionchat.lab.verdict import judge

from .test_verdict import good


def test_without_a_terminal_it_says_how_to_go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(ConfigError, match="terminal") as caught:
        run_demo(headless=False, json=False)
    assert "--headless" in caught.value.hint


def test_a_screen_and_json_do_not_go_together() -> None:
    with pytest.raises(ConfigError):
        run_demo(headless=False, json=True)


def test_the_report_for_people() -> None:
    report = judge(good())
    assert "40 sent, 40 delivered, 0 lost" in _in_words(report)
    assert _in_words(report).endswith("yes\n")
    assert _in_words(msgspec.structs.replace(report, ok=False)).endswith("no\n")
