"""What is to live in memory alone never reaches the disk, and is gone with the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import replies, requests
from onionchat.engine.book import NOTE_SECONDS
from onionchat.errors import ControlError, DiskFull
from onionchat.store import MemoryVault, Name, Record
from tests.engine import core
from tests.engine.core import Person, people, until
from tests.engine.test_engine import Faulty, introduce, introduced


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


class Disk(Faulty):
    """A disk that remembers all that it ever was told."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[Record] = []

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        super().commit(puts, drops)
        self.ever += puts

    def kinds(self) -> set[str]:
        """Of what is there now."""
        return {name.kind for name in self.names()}

    def ends(self) -> dict[Name, float]:
        """When each of what is there now ends, of those that ever do."""
        return {name: until for name, until in self._ends.items() if until < math.inf}

    def saw(self, *needles: bytes) -> list[bytes]:
        """Which of these ever came here."""
        written = b"\n".join(record.value + record.name.key + record.name.scope for record in self.ever)
        return [needle for needle in needles if needle in written]


def keep(person: Person, where: str) -> str:
    asked = requests.Keep(contact=person.handle, where="memory" if where == "memory" else "vault")
    contact = person.ask(asked)
    assert isinstance(contact, replies.Contact)
    return contact.keep


def texts(person: Person) -> list[str]:
    return [message.text for message in person.messages()]


async def test_messages_of_a_conversation_in_memory_never_reach_the_disk(
    tmp_path: Path, clock: MockClock
) -> None:
    disk = Disk()
    async with people(tmp_path, disk, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        assert keep(ada, "memory") == "memory"
        received = bob.send("from bob, a secret")
        sent = ada.send("from ada, a secret")
        await until(lambda: texts(ada) == texts(bob) or len(texts(ada)) == len(texts(bob)) == 2)
        await until(lambda: all(one.state != "queued" for one in ada.messages()))
        handles = [message.message for message in ada.messages()]
        ada.ask(requests.Shown(contact=ada.handle, messages=handles))
        assert disk.saw(b"a secret", bytes.fromhex(received), bytes.fromhex(sent)) == []
        assert disk.kinds() <= {"identity", "contact", "session", "clock", "outgoing"}


async def test_what_was_in_memory_is_gone_with_the_engine_and_the_contact_is_not(
    tmp_path: Path, clock: MockClock
) -> None:
    disk = Disk()
    async with people(tmp_path, disk, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        keep(ada, "memory")
        bob.send("a secret")
        await until(lambda: texts(ada) == ["a secret"])
        await ada.kill()
    async with people(tmp_path, disk) as (ada,):
        assert texts(ada) == []
        assert ada.contact.record.memory
        assert ada.contact.record.introduced
        assert not ada.contact.talk.lost  # the ratchet's state stayed


async def test_the_messages_that_there_are_move_with_the_choice(tmp_path: Path, clock: MockClock) -> None:
    disk = Disk()
    async with people(tmp_path, disk, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        bob.send("a secret")
        await until(lambda: texts(ada) == ["a secret"])
        await bob.kill()
        ada.send("that waits")
        assert {"message", "outgoing", "seen"} <= disk.kinds()
        ends, scope = disk.ends(), ada.contact.record.id
        assert {"message", "outgoing", "seen", "gist"} == {name.kind for name in ends}
        keep(ada, "memory")
        assert disk.ends() == {}
        first = min(until for name, until in ends.items() if name.kind == "message")
        assert ada.engine.opened()._vault.first_end("message", scope) == first
        assert texts(ada) == ["a secret", "that waits"]
        assert disk.kinds().isdisjoint({"message", "outgoing", "seen", "gist"})
        disk.ever.clear()
        assert keep(ada, "vault") == "vault"
        assert disk.saw(b"a secret", b"that waits") == [b"a secret", b"that waits"]
        assert {"message", "outgoing", "seen"} <= disk.kinds()
        assert disk.ends() == ends
        assert ada.engine.opened()._vault.first_end("message", scope) == first
        await ada.kill()
    async with people(tmp_path, disk) as (ada,):
        assert texts(ada) == ["a secret", "that waits"]


async def test_a_disk_that_refuses_leaves_everything_where_it_was(tmp_path: Path, clock: MockClock) -> None:
    disk = Disk()
    async with people(tmp_path, disk, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        bob.send("a secret")
        await until(lambda: texts(ada) == ["a secret"])
        names = disk.names()
        disk.error = DiskFull("no room")
        with pytest.raises(DiskFull):
            keep(ada, "memory")
        disk.error = None
        assert disk.names() == names
        assert not ada.contact.record.memory
        ada.send("on the disk")
        assert disk.saw(b"on the disk") == [b"on the disk"]


async def test_deleting_for_both_is_not_forgotten_with_the_engine(tmp_path: Path, clock: MockClock) -> None:
    disk = Disk()
    async with people(tmp_path, disk, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        keep(ada, "memory")
        sent = ada.send("a secret")
        await until(lambda: texts(bob) == ["a secret"])
        await until(lambda: ada.messages()[0].state == "delivered")
        await bob.kill()
        ada.ask(requests.Delete(contact=ada.handle, message=sent, both=True))
        assert "outgoing" in disk.kinds()
        assert disk.saw(b"a secret") == []


async def test_nothing_of_a_disposable_identity_reaches_the_disk(tmp_path: Path, clock: MockClock) -> None:
    disk = Disk()
    async with people(tmp_path, disk, MemoryVault(), MemoryVault()) as (ada, bob, eve):
        before = set(disk.names())
        made = ada.ask(requests.IdentityCreate(name="source", disposable=True))
        assert isinstance(made, replies.Identity)
        assert made.disposable
        await introduce(ada, bob)
        contact = ada.contact.record
        with pytest.raises(ControlError, match="disposable") as refused:
            keep(ada, "vault")
        assert refused.value.code == "disposable"
        ada.accept(eve.invite())
        await until(lambda: introduced(eve))
        bob.send("a secret")
        await until(lambda: "a secret" in texts_with(ada, contact.id))
        ada.ask(requests.ScheduleSet(identity=made.identity, tick=5.0))
        needles = (b"source", b"a secret", contact.id, contact.onion_seed, contact.static_secret)
        assert disk.saw(*needles, *(bytes.fromhex(one) for one in (made.identity,))) == []
        assert disk.names() - before == set()
        await ada.kill()
    async with people(tmp_path, disk) as (ada,):
        assert ada.engine.opened().identities == {}
        assert ada.engine.opened().contacts == {}


def texts_with(person: Person, contact: bytes) -> list[str]:
    answer = person.ask(requests.Messages(contact=contact.hex()))
    assert isinstance(answer, replies.Conversation)
    return [message.text for message in answer.messages]


async def test_what_lives_in_memory_leaves_no_trace_of_when_it_changed(
    tmp_path: Path, clock: MockClock
) -> None:
    disk = Disk()
    async with people(tmp_path, disk, MemoryVault()) as (ada, bob):
        made = ada.ask(requests.IdentityCreate(name="source", disposable=True))
        assert isinstance(made, replies.Identity)
        await introduce(ada, bob)
        await until(lambda: len(disk.ever) == 1)  # the time, as always after a while
        noted = trio.current_time()
        await until(lambda: trio.current_time() > noted + 2 * NOTE_SECONDS)
        bob.send("a secret")
        await until(lambda: texts(ada) == ["a secret"])
        ada.ask(requests.IdentityBurn(identity=made.identity))
        assert ada.engine.opened().contacts == {}
        assert len(disk.ever) == 1


async def test_closing_wipes_what_lives_in_memory(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, Disk(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        keep(ada, "memory")
        bob.send("a secret")
        await until(lambda: texts(ada) == ["a secret"])
        book = ada.engine.opened()
        scope = ada.contact.record.id
        await ada.kill()
        book.close(remember=False)
        assert book._vault._memory.scan("message", scope) == []
