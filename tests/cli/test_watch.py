from __future__ import annotations

import json

import msgspec
import pytest

from onionchat.control import notices as n
from onionchat.control.replies import TorState
from onionchat.control.requests import Shown

from .actor import ADA, BOB, HELLO, MINE, OPEN, READY, Actor

STORY: list[tuple[n.AnyNotice, str]] = [
    (n.TorChanged(tor=READY), "tor  ready"),
    (n.TorChanged(tor=TorState(mode="managed", percent=10, words="connecting")), "tor  10 %, connecting"),
    (n.TorChanged(tor=TorState(mode="managed", problem="no tor")), "tor  no tor"),
    (n.ReachabilityChanged(services=3, reachable=2), "addresses  2 of 3 proven reachable"),
    (
        n.ReachabilityChanged(services=3, reachable=2, elsewhere=1),
        "addresses  2 of 3 proven reachable, 1 answered by another copy",
    ),
    (n.VaultChanged(vault="open"), "vault  open"),
    (n.IdentityChanged(identity=ADA), "identity  Ada"),
    (n.InviteChanged(invite=OPEN, state="used"), "invite  eeee0001 used"),
    (
        n.InviteChanged(invite=msgspec.structs.replace(OPEN, reachable=True), state="open"),
        "invite  eeee0001 open, reachable",
    ),
    (n.ContactChanged(contact=BOB), "contact  Bob: offline, 1 unread"),
    (n.MessageChanged(message=MINE), "message  ffff0002  Bob: delivered"),
    (n.MessageGone(contact="cafe0001", message="ffff0002", why="expired"), "message  ffff0002  Bob: expired"),
    (
        n.DeletionConfirmed(contact="cafe0001", message="ffff0002"),
        "message  ffff0002  Bob: deleted there too",
    ),
    (
        n.ContactChanged(contact=msgspec.structs.replace(BOB, name="Robert")),
        "contact  Robert: offline, 1 unread",
    ),
    (n.ContactRemoved(contact="cafe0001"), "contact  Robert: removed"),
    (
        n.MessageGone(contact="cafe0001", message="ffff0002", why="deleted"),
        "message  ffff0002  Bob: deleted",
    ),
    (n.IdentityRemoved(identity="aaaa1111"), "identity  aaaa1111: burned"),
    (n.StoreTroubled(problem="the disk is full", hint="free some"), "vault  the disk is full; free some"),
    (n.StoreTroubled(problem="the disk is full"), "vault  the disk is full"),
    (n.Starved(milliseconds=301.7), "engine  waited 302 ms for the processor"),
    (n.Stopping(), "engine  ends"),
]


def test_every_notice_is_told() -> None:
    assert {type(notice) for notice, _ in STORY} | {n.MessageArrived} == set(n.Notice.__subclasses__())
    with Actor(notices=[notice for notice, _ in STORY]) as engine:
        result = engine.run("watch")
    assert result.exit_code == 0
    assert [line.partition("  ")[2] for line in result.stdout.splitlines()] == [told for _, told in STORY]


def test_with_json_notices_come_as_they_are() -> None:
    with Actor(notices=[notice for notice, _ in STORY]) as engine:
        result = engine.run("watch", "--json")
    lines = result.stdout.splitlines()
    assert [msgspec.json.decode(line, type=n.AnyNotice) for line in lines] == [notice for notice, _ in STORY]


@pytest.mark.parametrize("shown", [True, False])
def test_what_is_printed_counts_as_shown_if_that_was_asked(shown: bool) -> None:
    arrived: list[n.AnyNotice] = [
        n.MessageArrived(message=HELLO),
        n.MessageArrived(message=MINE),
        n.Stopping(),
    ]
    with Actor(notices=arrived) as engine:
        result = engine.run("watch", *(["--shown"] if shown else []))
        told = [each for each in engine.asked if isinstance(each, Shown)]
    assert "hello" in result.stdout
    assert [(each.contact, each.messages) for each in told] == ([("cafe0001", ["ffff0001"])] if shown else [])


def test_an_engine_that_goes_without_a_word_is_an_error() -> None:
    with Actor(notices=[n.VaultChanged(vault="open")]) as engine:
        result = engine.run("watch", "--json")
    *_, last = result.stdout.splitlines()
    assert json.loads(last)["error"]["code"] == "engine-gone"
    assert result.exit_code == 6
