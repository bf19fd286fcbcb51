from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from .actor import run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the demo and the benchmarks were started with; they take seconds and are tried elsewhere."""
    seen: list[Any] = []

    def started(*words: str, **options: bool) -> int:
        seen.append((*words, options))
        return 1

    for name, function in (("demo", "run_demo"), ("bench", "run_bench")):
        module = ModuleType(f"onionchat.lab.{name}")
        setattr(module, function, started)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return seen


def test_the_demo_gets_its_options_and_its_status_is_ours(asked: list[Any]) -> None:
    assert run("demo").exit_code == 1
    assert run("demo", "--headless", "--json").exit_code == 1
    assert asked == [({"headless": False, "json": False},), ({"headless": True, "json": True},)]


def test_so_does_a_benchmark(asked: list[Any]) -> None:
    assert run("bench", "start").exit_code == 1
    assert run("bench", "link", "--quick", "--json").exit_code == 1
    assert asked == [("start", {"quick": False, "json": False}), ("link", {"quick": True, "json": True})]


def test_a_suite_that_nobody_knows(asked: list[Any]) -> None:
    assert run("bench", "nonsense").exit_code == 2
    assert asked == []
