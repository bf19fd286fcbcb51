"""What is burned is burned after one yes, and never without one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onionchat.cli import burn
from onionchat.control.requests import ConversationBurn, IdentityBurn

from .actor import Actor


@pytest.fixture
def engine() -> Iterator[Actor]:
    with Actor() as actor:
        yield actor


@pytest.mark.parametrize("words", [["conversation", "Bob"], ["identity", "Ada"]])
def test_nothing_is_burned_where_nobody_can_be_asked(engine: Actor, words: list[str]) -> None:
    result = engine.run("burn", *words)
    assert result.exit_code == 2
    assert "add --yes" in result.stderr
    assert not [each for each in engine.asked if isinstance(each, ConversationBurn | IdentityBurn)]


@pytest.mark.parametrize(("typed", "burned"), [("y", True), ("n", False), ("", False)])
def test_one_yes_is_asked_for(
    engine: Actor, monkeypatch: pytest.MonkeyPatch, typed: str, burned: bool
) -> None:
    monkeypatch.setattr(burn, "_at_a_terminal", lambda: True)
    result = engine.run("burn", "conversation", "Bob", typed=f"{typed}\n")
    assert "Burn every message with Bob?" in result.stderr
    asked = [each.contact for each in engine.asked if isinstance(each, ConversationBurn)]
    assert asked == (["cafe0001"] if burned else [])
    assert (result.exit_code == 0) is burned
