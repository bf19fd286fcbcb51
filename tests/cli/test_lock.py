"""``onionchat lock``: now, or whenever nobody was there."""

from __future__ import annotations

import pytest

from onionchat.control.requests import Lock, LockAfter

from .actor import Actor


def test_the_vault_is_locked_now() -> None:
    with Actor() as engine:
        result = engine.run("lock")
        assert (result.exit_code, result.output) == (0, "The vault is locked.\n")
        assert engine.asked_for(Lock) == Lock()
        assert engine.json("lock")["type"] == "done"


@pytest.mark.parametrize(
    ("minutes", "seconds", "says"),
    [("10", 600, "nobody was there for 10 min"), ("0", None, "no longer locks itself")],
)
def test_the_vault_is_to_lock_itself(minutes: str, seconds: int | None, says: str) -> None:
    with Actor() as engine:
        result = engine.run("lock", "--after", minutes)
        assert result.exit_code == 0
        assert says in result.output
        assert engine.asked_for(LockAfter) == LockAfter(seconds=seconds)


def test_no_idle_time_is_longer_than_a_week() -> None:
    with Actor() as engine:
        assert engine.run("lock", "--after", "10081").exit_code == 2
        assert not [each for each in engine.asked if isinstance(each, LockAfter)]
