"""Locked, and still receiving: what comes waits in the box, unacknowledged, and counts once it is opened."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.engine import receiving
from onionchat.engine.panic import burn_everything
from onionchat.errors import ControlError, DiskFull, StoreError
from onionchat.protocol import box as box_module
from onionchat.store import BoxFile, MemoryVault, Name
from onionchat.store.box import PLACE_SIZE
from tests.engine import core
from tests.engine.core import Killed, Mortal, Person, no_real_time, people, random_text, until
from tests.engine.test_burn import introduce
from tests.engine.test_lock import LOCKED, texts

DAY = 24 * 3600
SAID = ["one", "two " + random_text(4000), "three"]


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


def box_of(person: Person) -> Path:
    return person.folder / "sealed" / "box"


def records(person: Person) -> list[Name]:
    assert isinstance(person.vault, MemoryVault)
    return [name for name in person.vault._values if name.kind == "box"]


def lock(person: Person, *, receive: bool | None = True) -> int:
    """Lock; on how many links it goes on receiving."""
    box_of(person).parent.mkdir(exist_ok=True)
    person.ask(requests.Lock(receive=receive))
    assert person.told[-1] == LOCKED
    status = person.ask(requests.Status())
    assert isinstance(status, replies.StatusReport)
    return status.receiving


def filled(person: Person, blank: bytes) -> int:
    """How many places were written since the box was ``blank``."""
    data = box_of(person).read_bytes()
    assert len(data) == len(blank)
    return sum(
        data[at : at + PLACE_SIZE] != blank[at : at + PLACE_SIZE] for at in range(0, len(data), PLACE_SIZE)
    )


async def rest() -> None:
    """Let everything that was laid arrive."""
    await trio.sleep(30)


async def test_what_comes_waits_and_comes_in_once_it_is_unlocked(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        bob.told.clear()
        assert lock(bob) == 1
        blank = box_of(bob).read_bytes()
        assert (bob.engine.book, bob.engine.vault) == (None, None)
        assert len(bob.engine.services) == 0
        for text in SAID:
            ada.send(text)
        await rest()
        assert ada.contact.presence == "online"
        assert not any(one.state == "delivered" for one in ada.messages())
        assert filled(bob, blank) >= len(SAID)
        assert not any(isinstance(notice, notices.MessageArrived) for notice in bob.told)
        with pytest.raises(ControlError) as refused:
            bob.ask(requests.ContactList())
        assert refused.value.code == "vault-locked"
        bob.engine.open(bob.vault)
        assert texts(bob) == SAID  # before there is another link
        assert not box_of(bob).exists()
        assert records(bob) == []
        await until(lambda: all(one.state == "delivered" for one in ada.messages()))
        bob.send("here again")
        await until(lambda: texts(ada) == [*SAID, "here again"])
        assert texts(bob) == [*SAID, "here again"]
        arrived = Counter(one.message.text for one in bob.told if isinstance(one, notices.MessageArrived))
        assert arrived == Counter([*SAID, "here again"])


async def test_what_has_died_in_the_box_is_not_shown(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        for text, lifetime in (("an hour", 3600), ("a day", DAY)):
            ada.ask(requests.Send(contact=ada.handle, text=text, lifetime=lifetime))
        await rest()
        clock.jump(28.5 * DAY)
        bob.told.clear()
        bob.engine.open(bob.vault)
        assert texts(bob) == ["a day"]
        clock.jump(DAY)
        await until(lambda: texts(bob) == [])
        arrived = [one.message.text for one in bob.told if isinstance(one, notices.MessageArrived)]
        assert arrived == ["a day"]


async def test_a_deletion_that_came_meanwhile_is_heeded(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        message = ada.send("not for long")
        await until(lambda: texts(bob) == ["not for long"])
        assert lock(bob) == 1
        ada.ask(requests.Delete(contact=ada.handle, message=message, both=True))
        await rest()
        bob.engine.open(bob.vault)
        assert texts(bob) == []


async def test_an_unlock_after_the_link_has_ended_opens_the_box(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        ada.send("before it ended")
        await rest()
        ada.ask(requests.PresenceSet(contact=ada.handle, visible=False))
        await until(lambda: len(bob.engine.receiver) == 0)
        ada.ask(requests.PresenceSet(contact=ada.handle, visible=True))
        await trio.sleep(600)  # nobody is let in, and nobody is dialled
        assert len(bob.engine.connections) == len(bob.engine.receiver) == 0
        bob.engine.open(bob.vault)
        assert texts(bob) == ["before it ended"]


async def test_a_peer_that_falls_silent_is_given_up(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core.PlayedMetronome, "_send", lambda *_, **__: None)
            await trio.sleep(10)
            assert len(bob.engine.receiver) == 1
            await trio.sleep(60)
            assert len(bob.engine.receiver) == len(bob.engine.connections) == 0


async def test_a_full_box_ends_the_link_and_loses_nothing(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "share", lambda links: 2)
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        blank = box_of(bob).read_bytes()
        said = [f"number {number}" for number in range(5)]
        for text in said:
            ada.send(text)
            await trio.sleep(3)
        await until(lambda: len(bob.engine.receiver) == 0)
        assert filled(bob, blank) == 2
        bob.engine.open(bob.vault)
        assert texts(bob) == said[:2]
        await until(lambda: texts(bob) == said)
        await until(lambda: all(one.state == "delivered" for one in ada.messages()))


async def test_a_disk_that_refuses_ends_the_link_and_loses_nothing(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: BoxFile, place: int, sealed: bytes) -> None:
        raise DiskFull("no room")

    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        monkeypatch.setattr(BoxFile, "put", refuse)
        ada.send("comes again")
        await until(lambda: len(bob.engine.receiver) == 0)
        bob.engine.open(bob.vault)
        assert texts(bob) == []
        await until(lambda: texts(bob) == ["comes again"])


@pytest.mark.parametrize("where", ["file", "vault"])
async def test_without_a_box_it_is_locked_all_the_same(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DiskFull("no room")

    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        with monkeypatch.context() as patch:
            patch.setattr(*{"file": (BoxFile, "make"), "vault": (Mortal, "commit")}[where], refuse)
            assert lock(bob) == 0
        assert any(isinstance(notice, notices.StoreTroubled) for notice in bob.told)
        assert records(bob) == []
        await until(lambda: len(bob.engine.connections) == 0)
        bob.engine.open(bob.vault)
        assert not box_of(bob).exists()


async def test_no_room_when_it_is_opened_loses_nothing(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Mortal.commit

    def erasing_only(self: Mortal, puts: object = (), drops: object = ()) -> None:
        if puts:
            raise DiskFull("no room")
        commit(self, (), drops)  # type: ignore[arg-type]  # as it came

    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        ada.send("comes again")
        await rest()
        with monkeypatch.context() as patch:
            patch.setattr(Mortal, "commit", erasing_only)
            bob.engine.open(bob.vault)
        assert texts(bob) == []
        assert records(bob) == []
        assert not box_of(bob).exists()
        await until(lambda: texts(bob) == ["comes again"])
        assert not [one for one in bob.messages() if one.system]  # the session went on


@pytest.mark.parametrize("gone", [True, False])
async def test_a_box_that_is_missing_or_cannot_be_opened_loses_nothing(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    def refuse(folder: Path) -> None:
        raise StoreError("the disk refuses")

    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        ada.send("comes again")
        await rest()
        if gone:
            box_of(bob).unlink()
        else:
            monkeypatch.setattr(BoxFile, "open", refuse)
        bob.engine.open(bob.vault)
        assert texts(bob) == []
        assert any(isinstance(one, notices.StoreTroubled) for one in bob.told) is not gone
        assert records(bob) == []
        await until(lambda: texts(bob) == ["comes again"])


async def test_what_lives_in_memory_is_not_received(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        bob.ask(requests.Keep(contact=bob.handle, where="memory"))
        assert lock(bob) == 0
        assert not box_of(bob).exists()
        bob.engine.open(bob.vault)
        await until(lambda: bob.contact.presence == "online")
        bob.ask(requests.Keep(contact=bob.handle, where="vault"))
        assert lock(bob) == 1


async def test_nor_what_a_disposable_identity_is_sent(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        bob.ask(requests.IdentityCreate(name="for now", disposable=True))
        await introduce(ada, bob)
        assert lock(bob) == 0
        assert not box_of(bob).exists()


async def test_in_the_middle_of_a_text_the_link_ends(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        bob.contact.talk.inbox._partial[bytes(16)] = bytearray()
        assert lock(bob) == 0


async def test_the_choice_is_kept_and_holds_by_itself(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        bob.ask(requests.LockDefault(receive=True))
        bob.ask(requests.LockAfter(seconds=60))
        box_of(bob).parent.mkdir()
        await until(lambda: LOCKED in bob.told)
        assert len(bob.engine.receiver) == 1
        assert lock(bob, receive=None) == 1  # it is locked already
        assert lock(bob, receive=False) == 0
        bob.engine.open(bob.vault)
        status = bob.ask(requests.Status())
        assert isinstance(status, replies.StatusReport)
        assert status.lock_receives
        await until(lambda: bob.contact.presence == "online")
        assert lock(bob, receive=False) == 0
        bob.engine.open(bob.vault)
        await until(lambda: bob.contact.presence == "online")
        assert lock(bob, receive=None) == 1


async def test_panic_leaves_no_box(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        assert lock(bob) == 1
        (box_of(bob).parent / "root").write_bytes(b"root" * 2048)
        ada.send("never read")
        await rest()
        burn_everything(bob.engine)
        assert bob.stopped
        assert list(bob.folder.rglob("*box*")) == []
        await until(lambda: len(bob.engine.connections) == len(bob.engine.receiver) == 0)


async def test_an_empty_vault_after_duress_leaves_no_box(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        ada.send("never read")
        await rest()
        bob.engine.open(Mortal())
        assert not box_of(bob).exists()
        assert not bob.engine.opened().contacts
        await until(lambda: len(bob.engine.connections) == 0)


async def test_a_contact_that_is_burned_takes_its_key_along(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        lock(bob)
        assert len(records(bob)) == 1
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(box_module, "take_out", lambda *_: None)
            patch.setattr("onionchat.protocol.talk.take_out", lambda *_: None)  # as if it had failed
            bob.engine.open(bob.vault)
        assert len(records(bob)) == 1
        bob.ask(requests.ContactRemove(contact=bob.handle))
        assert records(bob) == []


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_a_death_at_any_commit_loses_nothing_and_shows_nothing_twice(tmp_path: Path, before: bool) -> None:
    number, died = 0, True
    while died:
        number += 1
        with no_real_time():
            died = trio.run(_day, tmp_path / str(number), number, before, clock=core.clock())
    assert number > 3


async def _day(folder: Path, number: int, before: bool) -> bool:
    """Lock, receive and unlock; the engine dies at the commit of that number from the locking on."""
    vault = Mortal()
    async with people(folder, MemoryVault(), vault) as (ada, bob), trio.open_nursery() as nursery:
        await introduce(ada, bob)
        box_of(bob).parent.mkdir()
        await trio.sleep(120)
        vault.die_at, vault.before = vault.commits + number, before
        died = False
        try:
            lock(bob)
            for text in SAID:
                ada.send(text)
            await rest()
            bob.engine.open(vault)
        except Killed:
            died = True
        deadline = trio.current_time() + 900
        while not (bob.alive and bob.engine.book and sorted(texts(bob)) == sorted(SAID)) or not all(
            one.state == "delivered" for one in ada.messages()
        ):
            assert trio.current_time() < deadline, "it did not come about"
            if vault.dead:
                died = True
                await bob.kill()
                vault.dead = False
                await nursery.start(bob.live)
            for text in SAID[len(ada.messages()) :]:
                ada.send(text)
            await trio.sleep(1)
        assert texts(bob) == SAID
        arrived = Counter(one.message.text for one in bob.told if isinstance(one, notices.MessageArrived))
        assert set(arrived.values()) <= {1}
        assert not [one for one in (*ada.messages(), *bob.messages()) if one.system]
        nursery.cancel_scope.cancel()
    return died
