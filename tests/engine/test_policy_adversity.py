"""Policies where something goes wrong half-way: whoever hides is hidden all the same."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.errors import DiskFull, PeerUnreachable
from onionchat.protocol.body import MAX_PARTS, Step, WindowPart
from onionchat.protocol.pace import Level, Pace
from onionchat.store import MemoryVault, Name, Record
from tests.engine import core
from tests.engine.core import Person, people, until


class FullSoon(MemoryVault):
    """A vault on a disk that has room for so many more commits."""

    room: float = float("inf")

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        if self.room <= 0:
            raise DiskFull("no room")
        self.room -= 1
        super().commit(puts, drops)


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


def in_touch(person: Person, contacts: int = 1) -> bool:
    found = list(person.engine.opened().contacts.values())
    return len(found) == contacts and all(one.record.introduced and one.presence == "online" for one in found)


async def meet(ada: Person, *others: Person) -> None:
    for other in others:
        other.accept(ada.invite())
    await until(lambda: in_touch(ada, len(others)) and all(map(in_touch, others)))


def sent_at(person: Person) -> list[tuple[Pace, int, int]]:
    links = person.engine.sender._links.values()
    return sorted(((link.pace, link.place, link.places) for link in links), key=str)


def answers(person: Person) -> bool:
    """Whether anybody takes a call at one of a person's pair addresses."""
    for one in person.engine.opened().contacts.values():
        with contextlib.suppress(PeerUnreachable):
            core.connect([person.folder], one.onion.public).close()
            return True
    return False


@pytest.mark.parametrize("level", ["poisson", "burst"])
async def test_a_budget_takes_over_links_that_had_no_slots_to_rotate(
    tmp_path: Path, clock: MockClock, level: requests.Level
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault(), MemoryVault()) as (ada, bob, eve):
        await meet(ada, bob, eve)
        ada.ask(requests.ScheduleSet(level=level))
        held = Pace(level=Level[level.upper()])
        await until(lambda: sent_at(ada) == [(held, 0, 0)] * 2)
        ada.ask(requests.BudgetSet(kilobytes=0.976))
        assert sent_at(ada) == [(held, 0, 0)] * 2  # nobody knows yet
        slow = Pace(tick_ms=4_000)
        await until(lambda: sent_at(ada) == [(slow, 0, 2), (slow, 1, 2)])
        ada.ask(requests.BudgetSet())
        await until(lambda: sent_at(ada) == [(held, 0, 0)] * 2)


async def test_whoever_is_hidden_is_gone_for_all_though_nothing_more_can_be_stored(
    tmp_path: Path, clock: MockClock
) -> None:
    vault = FullSoon()
    async with people(tmp_path, vault, MemoryVault(), MemoryVault()) as (ada, bob, eve):
        await meet(ada, bob, eve)
        ada.invite()
        assert answers(ada)
        vault.room = 1  # for the vault's settings, and for no contact's record
        with pytest.raises(DiskFull):
            ada.ask(requests.PresenceSet(visible=False))
        assert not any(one.visible for one in ada.engine.opened().contacts.values())
        assert len(ada.engine.services) == 0
        await until(lambda: not sent_at(ada) and not answers(ada))
        vault.room = float("inf")
        ada.ask(requests.PresenceSet(visible=True))
        await until(lambda: in_touch(ada, 2))


async def test_whoever_could_not_be_shown_again_is_shown_at_the_next_try(
    tmp_path: Path, clock: MockClock
) -> None:
    vault = FullSoon()
    async with people(tmp_path, vault, MemoryVault(), MemoryVault()) as (ada, bob, eve):
        await meet(ada, bob, eve)
        ada.ask(requests.PresenceSet(visible=False))
        vault.room = 1
        with pytest.raises(DiskFull):
            ada.ask(requests.PresenceSet(visible=True))
        vault.room = float("inf")
        ada.ask(requests.PresenceSet(visible=True))
        assert len(ada.engine.services) == 2
        await until(lambda: in_touch(ada, 2))


async def test_a_removed_contact_leaves_the_others_with_one_rotation(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault(), MemoryVault()) as (ada, bob, eve):
        await meet(ada, bob, eve)
        ada.ask(requests.BudgetSet(kilobytes=0.976))
        await until(lambda: sent_at(ada) == [(Pace(tick_ms=4_000), 0, 2), (Pace(tick_ms=4_000), 1, 2)])
        listed = ada.ask(requests.ContactList())
        assert isinstance(listed, replies.Contacts)
        ada.ask(requests.ContactRemove(contact=listed.contacts[1].contact))
        shown = ada.ask(requests.PolicyShow(contact=listed.contacts[0].contact))
        assert isinstance(shown, replies.Policy)
        assert (shown.places, shown.schedule.tick) == (1, 2.0)
        await until(lambda: sent_at(ada) == [(Pace(), 0, 1)])


async def test_a_peer_who_proposes_and_withdraws_windows_floods_nobody_who_watches(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await meet(ada, bob)
        steps = itertools.cycle([Step.PROPOSE, Step.END])
        said = [WindowPart(id=bytes(16), seconds=16, step=next(steps)) for _ in range(MAX_PARTS - 1)]
        bob.contact.talk.terms._waiting += said
        ada.told.clear()
        bob.ask(requests.WindowAsk(contact=bob.handle, seconds=32))
        await until(lambda: contact_window(ada).seconds == 32)
        told = [one for one in ada.told if isinstance(one, notices.ContactChanged)]
        assert [one.contact.their_window.seconds for one in told] == [32]


def contact_window(person: Person) -> replies.Window:
    listed = person.ask(requests.ContactList())
    assert isinstance(listed, replies.Contacts)
    return listed.contacts[0].their_window
