"""Schedules, presence, budget and windows through two whole engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.engine.policy import schedule
from onionchat.errors import ControlError
from onionchat.protocol.pace import Level, Pace
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import TICK, Mortal, Person, people, until

SLOW = Pace(tick_ms=5_000)
DEFAULT = Pace(tick_ms=round(TICK * 1000))


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


async def introduce(inviter: Person, joiner: Person) -> None:
    joiner.accept(inviter.invite())
    await until(lambda: all(met(person) for person in (inviter, joiner)))


def met(person: Person) -> bool:
    contacts = list(person.engine.opened().contacts.values())
    return bool(contacts) and contacts[0].record.introduced and contacts[0].presence == "online"


def policy(person: Person, request: requests.AnyRequest) -> replies.Policy:
    found = person.ask(request)
    assert isinstance(found, replies.Policy)
    return found


def contact(person: Person) -> replies.Contact:
    found = person.ask(requests.ContactList())
    assert isinstance(found, replies.Contacts)
    return found.contacts[0]


def sent_at(person: Person) -> list[tuple[Pace, int, int]]:
    """At which pace and from which place the metronome was told to send, on each link."""
    links = person.engine.sender._links.values()
    return [(sending.pace, sending.place, sending.places) for sending in links]


async def test_a_schedule_holds_for_the_link_that_is_up_once_the_peer_knows(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        assert sent_at(ada) == [(DEFAULT, 0, 0)]
        asked = requests.ScheduleSet(contact=ada.handle, tick=5.0)
        assert policy(ada, asked).source == "contact"
        assert sent_at(ada) == [(DEFAULT, 0, 0)]  # bob does not know yet
        await until(lambda: sent_at(ada) == [(SLOW, 0, 0)])
        assert sent_at(bob) == [(DEFAULT, 0, 0)]
        assert contact(ada).schedule.tick == 5.0
        assert contact(bob).schedule.tick == TICK
        policy(ada, requests.ScheduleSet(contact=ada.handle, inherit=True))
        await until(lambda: sent_at(ada) == [(DEFAULT, 0, 0)])


async def test_a_schedule_of_the_vault_or_an_identity_holds_for_their_contacts(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        policy(ada, requests.ScheduleSet(tick=5.0))
        await until(lambda: sent_at(ada) == [(SLOW, 0, 0)])
        policy(ada, requests.ScheduleSet(identity=ada.identity(), level="poisson"))
        random = Pace(level=Level.POISSON, tick_ms=5_000)
        await until(lambda: sent_at(ada) == [(random, 0, 0)])
        shown = policy(ada, requests.PolicyShow(contact=ada.handle))
        assert (shown.source, shown.schedule.level) == ("identity", "poisson")


async def test_policies_survive_the_engine(tmp_path: Path, clock: MockClock) -> None:
    vaults = (Mortal(), Mortal())
    async with people(tmp_path, *vaults) as (ada, bob):
        await introduce(ada, bob)
        policy(ada, requests.ScheduleSet(contact=ada.handle, tick=5.0))
        policy(ada, requests.BudgetSet(kilobytes=20.0))
        policy(ada, requests.PresenceSet(visible=False, identity=ada.identity()))
    async with people(tmp_path, *vaults) as (ada, bob):
        shown = policy(ada, requests.PolicyShow(contact=ada.handle))
        assert (shown.budget, shown.source, shown.hidden_by) == (20.0, "budget", "identity")
        policy(ada, requests.BudgetSet())
        assert policy(ada, requests.PolicyShow(contact=ada.handle)).schedule.tick == 5.0


@pytest.mark.parametrize("scope", ["contact", "identity", "vault"])
async def test_who_appears_offline_is_gone_at_once_and_comes_back(
    tmp_path: Path, clock: MockClock, scope: str
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        where = {
            "contact": {"contact": ada.handle},
            "identity": {"identity": ada.identity()},
            "vault": {},
        }[scope]
        hidden = policy(ada, requests.PresenceSet(visible=False, **where))  # type: ignore[arg-type]  # one of the two
        assert (hidden.visible, hidden.hidden_by) == (False, scope)
        assert not contact(ada).visible
        await until(lambda: not sent_at(ada), seconds=TICK)
        assert len(ada.engine.services) == 0
        await until(lambda: contact(bob).presence != "online", seconds=TICK)
        bob.send("are you there?")
        ada.send("I am away")
        await trio.sleep(1000)
        assert contact(bob).presence != "online"
        assert contact(ada).presence == "offline"
        assert [one.text for one in bob.messages()] == ["are you there?"]
        policy(ada, requests.PresenceSet(visible=True, **where))  # type: ignore[arg-type]  # as above
        await until(lambda: len(ada.messages()) == len(bob.messages()) == 2)


async def test_an_invite_of_a_hidden_identity_cannot_be_used(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        code = ada.invite()
        policy(ada, requests.PresenceSet(visible=False))
        bob.accept(code)
        await trio.sleep(600)
        assert not ada.engine.opened().contacts
        policy(ada, requests.PresenceSet(visible=True))
        await until(lambda: met(ada) and met(bob))


async def test_who_appears_offline_makes_no_invite_and_uses_none(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        code = ada.invite()
        policy(bob, requests.PresenceSet(visible=False, identity=bob.identity()))
        for meet in (bob.invite, lambda: bob.accept(code)):
            with pytest.raises(ControlError, match="nobody could meet you"):
                meet()
        assert not bob.engine.opened().contacts
        policy(bob, requests.PresenceSet(visible=True, identity=bob.identity()))
        bob.accept(code)
        await until(lambda: met(ada) and met(bob))


async def test_a_budget_puts_every_link_into_one_rotation(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault(), MemoryVault()) as (ada, bob, eve):
        for other in (bob, eve):
            other.accept(ada.invite())
        await until(lambda: met(bob) and met(eve))
        shown = policy(ada, requests.BudgetSet(kilobytes=1.952))
        assert (shown.source, shown.places, shown.schedule.tick) == ("budget", 2, 2.0)
        await until(lambda: sorted(sent_at(ada), key=str) == [(Pace(), 0, 2), (Pace(), 1, 2)])
        policy(ada, requests.BudgetSet(kilobytes=0.976))
        slow = Pace(tick_ms=4_000)
        await until(lambda: sorted(sent_at(ada), key=str) == [(slow, 0, 2), (slow, 1, 2)])
        with pytest.raises(ControlError, match="less than a cell"):
            ada.ask(requests.BudgetSet(kilobytes=0.1))
        policy(ada, requests.BudgetSet())
        await until(lambda: sent_at(ada) == [(DEFAULT, 0, 0)] * 2)


async def test_a_budget_without_room_for_another_refuses_the_invite(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        policy(ada, requests.BudgetSet(kilobytes=0.1))
        with pytest.raises(ControlError, match="less than a cell") as refused:
            ada.invite()
        assert "policy --budget" in refused.value.hint


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        (requests.PolicyShow(level="burst"), Pace(level=Level.BURST, tick_ms=DEFAULT.tick_ms)),
        (requests.PolicyShow(level="poisson", batch=8), Pace(level=Level.POISSON, batch=8)),
        (requests.PolicyShow(tick=0.5, batch=2), Pace(tick_ms=500, batch=2)),
        (requests.PolicyShow(kilobytes=0.5), Pace(tick_ms=3_904)),
    ],
    ids=["level", "level and batch", "tick and batch", "budget"],
)
async def test_asking_what_something_would_cost_changes_nothing(
    tmp_path: Path, clock: MockClock, question: requests.PolicyShow, meant: Pace
) -> None:
    vault = Mortal()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        before = policy(ada, requests.PolicyShow(contact=ada.handle))
        commits = vault.commits
        ada.told.clear()
        shown = policy(ada, replace(question, contact=ada.handle))
        assert shown.asked == schedule(meant)
        assert replace(shown, asked=None) == before
        assert policy(ada, requests.PolicyShow(contact=ada.handle)) == before
        assert vault.commits == commits
        assert not ada.told
        assert sent_at(ada) == [(DEFAULT, 0, 0)]


async def test_what_is_asked_about_is_what_would_come_of_it(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        policy(ada, requests.ScheduleSet(level="poisson"))
        asked = policy(ada, requests.PolicyShow(contact=ada.handle, tick=5.0)).asked
        assert asked == policy(ada, requests.ScheduleSet(contact=ada.handle, tick=5.0)).schedule
        assert asked == schedule(Pace(level=Level.POISSON, tick_ms=5_000))
        shared = policy(ada, requests.PolicyShow(kilobytes=0.5)).asked
        held = policy(ada, requests.BudgetSet(kilobytes=0.5))
        assert shared == held.schedule
        assert held.otherwise == schedule(Pace(level=Level.POISSON, tick_ms=DEFAULT.tick_ms))


async def test_a_budget_that_would_be_refused_is_refused_when_it_is_asked_about(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        policy(ada, requests.PolicyShow(kilobytes=0.1))
        ada.invite()
        for request in (requests.PolicyShow(kilobytes=0.1), requests.BudgetSet(kilobytes=0.1)):
            with pytest.raises(ControlError, match="less than a cell"):
                ada.ask(request)
        with pytest.raises(ControlError, match="no level, tick or batch"):
            ada.ask(requests.PolicyShow(kilobytes=20.0, tick=1.0))


async def test_a_policy_is_of_one_thing(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        with pytest.raises(ControlError, match="a contact's or an identity's"):
            ada.ask(requests.PolicyShow(contact=ada.handle, identity=ada.identity()))


async def test_a_change_of_schedule_is_told_to_who_watches(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        ada.told.clear()
        policy(ada, requests.ScheduleSet(contact=ada.handle, tick=5.0))
        told = [one.contact.schedule.tick for one in ada.told if isinstance(one, notices.ContactChanged)]
        assert told[-1] == 5.0


async def test_a_window_is_asked_for_agreed_and_runs_to_its_end(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        with pytest.raises(ControlError, match="has not asked"):
            bob.ask(requests.WindowAnswer(contact=bob.handle, agree=True))
        ada.ask(requests.WindowAsk(contact=ada.handle, seconds=16))
        assert contact(ada).window.state == "asked"
        with pytest.raises(ControlError, match="already"):
            ada.ask(requests.WindowAsk(contact=ada.handle, seconds=16))
        await until(lambda: contact(bob).their_window == replies.Window(state="asked", seconds=16))
        bob.ask(requests.WindowAnswer(contact=bob.handle, agree=True))
        await until(lambda: contact(ada).window.state == "open")
        assert contact(bob).their_window.state == "open"
        began = trio.current_time()
        await until(lambda: contact(ada).window.state == "none")
        assert trio.current_time() - began > 15
        await until(lambda: contact(bob).their_window.state == "none", seconds=60)


async def test_a_window_that_is_declined_never_begins(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        ada.ask(requests.WindowAsk(contact=ada.handle, seconds=16))
        await until(lambda: contact(bob).their_window.state == "asked")
        bob.ask(requests.WindowAnswer(contact=bob.handle, agree=False))
        await until(lambda: contact(ada).window.state == "none")
        assert contact(bob).their_window.state == "none"


async def test_a_window_needs_both_on_line(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        await bob.kill()
        await until(lambda: contact(ada).presence != "online")
        with pytest.raises(ControlError, match="not on line"):
            ada.ask(requests.WindowAsk(contact=ada.handle, seconds=16))
