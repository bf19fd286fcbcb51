"""``onionchat lock``: now, or whenever nobody was there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from onionchat.control.replies import StatusReport
from onionchat.control.requests import AnyRequest, Lock, LockAfter, LockDefault

from .actor import Actor, Answer, answer


def receiving(links: int) -> Callable[[AnyRequest], Answer]:
    """An engine that, locked, still receives on so many links."""

    def play(request: AnyRequest) -> Answer:
        said = answer(request)
        return replace(said, receiving=links) if isinstance(said, StatusReport) else said

    return play


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


@pytest.mark.parametrize(
    ("links", "says"),
    [
        (0, "The vault is locked. No link could stay up: nothing is received.\n"),
        (1, "The vault is locked. Receiving from 1 contact: read after unlocking.\n"),
        (2, "The vault is locked. Receiving from 2 contacts: read after unlocking.\n"),
    ],
)
def test_locked_and_still_receiving(links: int, says: str) -> None:
    with Actor(answer=receiving(links)) as engine:
        assert engine.run("lock", "--receive").output == says
        assert engine.asked_for(Lock) == Lock(receive=True)


def test_locked_and_not_receiving_whatever_the_default() -> None:
    with Actor() as engine:
        assert engine.run("lock", "--no-receive").output == "The vault is locked.\n"
        assert engine.asked_for(Lock) == Lock(receive=False)


@pytest.mark.parametrize(("default", "says"), [("receive", "stay up and receive"), ("end", "Links end")])
def test_what_a_lock_does_by_default(default: str, says: str) -> None:
    with Actor() as engine:
        result = engine.run("lock", "--default", default, "--after", "5")
        assert says in result.output
        assert "locks itself" in result.output
        assert engine.asked_for(LockDefault) == LockDefault(receive=default == "receive")
        assert engine.asked_for(LockAfter) == LockAfter(seconds=300)
        assert not [each for each in engine.asked if isinstance(each, Lock)]


@pytest.mark.parametrize("other", [("--after", "5"), ("--default", "end")])
def test_now_or_later_but_not_both(other: tuple[str, str]) -> None:
    with Actor() as engine:
        assert engine.run("lock", "--receive", *other).exit_code == 2
        assert engine.asked == []
