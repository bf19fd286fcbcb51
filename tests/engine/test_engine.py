"""What the engine makes of the machines' commands: order, failures, invites, burning, isolation."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import encode, notices, replies, requests, run_folder
from onionchat.control.limits import MAX_LINE
from onionchat.crypto.onion import OnionKey
from onionchat.engine import report
from onionchat.engine.connection import Connector
from onionchat.engine.engine import STORE_RETRY_SECONDS, Engine, Machine
from onionchat.errors import ConfigError, ConnectionLost, DiskFull, PeerUnreachable, StoreError
from onionchat.metronome import Reason
from onionchat.protocol.batch import Batch
from onionchat.protocol.record import MessageRecord
from onionchat.store import MemoryVault, Name, Record
from onionchat.tor import Line
from tests.engine import core
from tests.engine.core import BEGIN, Person, connect, people, until

DAY = 24 * 3600


class Faulty(MemoryVault):
    """A vault on a disk that can be full or broken."""

    def __init__(self) -> None:
        super().__init__()
        self.error: StoreError | None = None
        self.full = False
        """Whether it says so before anything is tried."""

    def require_room(self) -> None:
        if self.full:
            raise DiskFull("no room")

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        if self.error is not None:
            raise self.error
        super().commit(puts, drops)

    def close(self) -> None:
        """It is the disk."""

    def names(self) -> set[Name]:
        return set(self._values)


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


async def introduce(inviter: Person, joiner: Person) -> None:
    joiner.accept(inviter.invite())
    await until(lambda: all(introduced(person) for person in (inviter, joiner)))


def introduced(person: Person) -> bool:
    contacts = list(person.engine.opened().contacts.values())
    return bool(contacts) and contacts[0].record.introduced and contacts[0].presence == "online"


def sockets(person: Person) -> set[str]:
    return {path.name for path in run_folder(person.folder).iterdir()}


def told(person: Person, kind: type[notices.Notice]) -> int:
    return sum(isinstance(notice, kind) for notice in person.told)


def texts(person: Person) -> list[str]:
    return [message.text for message in person.messages()]


async def test_a_full_disk_stops_the_sender_and_nothing_else(tmp_path: Path, clock: MockClock) -> None:
    vault = Faulty()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        contact = ada.contact
        before = vault.names()
        vault.error = DiskFull("no room")
        with pytest.raises(DiskFull):
            ada.send("does not fit")
        assert vault.names() == before
        assert ada.contact is not contact
        assert (ada.messages(), ada.contact.presence) == ([], "offline")
        assert told(ada, notices.StoreTroubled) == 1
        vault.error = None
        ada.send("fits")
        await until(lambda: texts(bob) == ["fits"])
        assert ada.alive
        assert not ada.stopped


async def test_what_could_not_be_stored_comes_again(tmp_path: Path, clock: MockClock) -> None:
    vault = Faulty()
    async with people(tmp_path, MemoryVault(), vault) as (ada, bob):
        await introduce(ada, bob)
        vault.error = DiskFull("no room")
        ada.send("keep trying")
        await until(lambda: told(bob, notices.StoreTroubled) > 0)
        assert (texts(bob), ada.messages()[0].state in ("queued", "sent")) == ([], True)
        await trio.sleep(2 * STORE_RETRY_SECONDS)
        vault.error = None
        await until(lambda: ada.messages()[0].state == "delivered")
        assert texts(bob) == ["keep trying"]
        assert told(bob, notices.MessageArrived) == 1


async def test_an_expiry_that_cannot_be_stored_is_not_tried_all_the_time(
    tmp_path: Path, clock: MockClock
) -> None:
    vault = Faulty()
    async with people(tmp_path, MemoryVault(), vault) as (ada, bob):
        await introduce(ada, bob)
        bob.ask(requests.SetLifetime(contact=bob.handle, lifetime=5))
        ada.send("short")
        await until(lambda: texts(bob) == ["short"])
        bob.ask(requests.Shown(contact=bob.handle, messages=[bob.messages()[0].message]))
        vault.error = DiskFull("no room")
        await ada.kill()
        await trio.sleep(60)
        assert 1 <= told(bob, notices.StoreTroubled) <= 60 / STORE_RETRY_SECONDS + 1
        assert bob.messages() == []  # and is not handed out either
        vault.error = None
        await until(lambda: told(bob, notices.MessageGone) > 0)


@pytest.mark.parametrize("where", ["commit", "get"])
async def test_an_engine_whose_vault_broke_ends(tmp_path: Path, clock: MockClock, where: str) -> None:
    vault = Faulty()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        broken = StoreError("the disk failed", hint="check the disk")
        with pytest.MonkeyPatch.context() as patch:
            if where == "get":
                vault.error = DiskFull("no room")
                patch.setattr(vault, "get", partial(fail, broken))
            else:
                vault.error = broken
            with pytest.raises(StoreError):
                ada.send("does not arrive")
        assert ada.stopped
        assert ada.engine.failure is broken
        assert texts(bob) == []


def fail(error: StoreError, _: Name) -> bytes:
    raise error


async def test_a_vault_that_cannot_be_read_is_closed_and_may_be_tried_again(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault()) as (ada,):
        ada.engine.vault = ada.engine.book = None
        broken = MemoryVault()
        broken.commit([Record(Name("contact", b"", b"x"), b"nonsense")])
        with pytest.raises(StoreError):
            ada.engine.open(broken)
        assert (ada.engine.vault, ada.engine.book) == (None, None)
        assert not broken.scan("contact")
        ada.engine.open(MemoryVault())


async def test_a_used_invite_and_its_service_go_once_both_are_introduced(
    tmp_path: Path, clock: MockClock
) -> None:
    vault = Faulty()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        code = ada.invite()
        await until(lambda: len(sockets(ada)) == 1)
        at_invite = sockets(ada)
        bob.accept(code)
        await until(lambda: bool(ada.engine.opened().contacts))
        states = [told.state for told in ada.told if isinstance(told, notices.InviteChanged)]
        assert states[-1] == "used"
        assert ada.ask(requests.InviteList()) == replies.Invites(invites=[])
        await until(lambda: introduced(ada) and introduced(bob))
        await until(lambda: not sockets(ada) & at_invite)
        assert len(sockets(ada)) == 1
        assert not [name for name in vault.names() if name.kind == "invite"]
        assert len(ada.engine.services) == 1


async def test_burning_a_contact_leaves_nothing_of_it(tmp_path: Path, clock: MockClock) -> None:
    vault = Faulty()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        ada.identity()
        empty = vault.names()
        await introduce(ada, bob)
        ada.send("one")
        bob.send("two")
        await until(lambda: len(texts(ada)) == len(texts(bob)) == 2)
        ada.ask(requests.ContactRemove(contact=ada.handle))
        assert vault.names() == empty
        assert ada.engine.opened().contacts == {}
        await until(lambda: not sockets(ada) and bob.contact.presence == "offline")
        assert len(ada.engine.services) == len(ada.engine.connections) == 0
        assert told(ada, notices.ContactRemoved) == 1
        await trio.sleep(300)  # whatever the other side tries
        assert vault.names() == empty


async def test_a_contact_that_cannot_be_burned_stays_whole(tmp_path: Path, clock: MockClock) -> None:
    vault = Faulty()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        before = vault.names()
        vault.error = DiskFull("no room")
        with pytest.raises(DiskFull):
            ada.ask(requests.ContactRemove(contact=ada.handle))
        vault.error = None
        assert (vault.names(), introduced(ada)) == (before, True)


async def test_a_contact_is_removed_while_it_is_being_dialled(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialling, go_on = threading.Event(), threading.Event()
    far, near = socket.socketpair()

    def hang(_: Line) -> socket.socket:
        dialling.set()
        go_on.wait(30)
        return near

    def connector(self: core.Core, machine: Machine, onion: bytes) -> Connector:
        return hang

    monkeypatch.setattr(core.Core, "_connector", connector)
    with far, near:
        async with people(tmp_path, MemoryVault()) as (ada,):
            ada.accept(core.foreign_invite())
            await trio.to_thread.run_sync(dialling.wait, 30)
            ada.ask(requests.ContactRemove(contact=ada.handle))
            await until(lambda: len(ada.engine.services) == 0)
            go_on.set()
            await trio.sleep(1)
            assert ada.alive
            assert ada.ask(requests.ContactList()) == replies.Contacts(contacts=[])
        far.setblocking(False)
        with pytest.raises(BlockingIOError):  # nothing was said to whoever was reached
            far.recv(1)


async def test_a_dial_that_fails_for_want_of_descriptors_is_tried_again(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def exhausted(_: Line) -> socket.socket:
        tries.append(1)
        raise OSError(errno.EMFILE, "too many open files")

    def connector(self: core.Core, machine: Machine, onion: bytes) -> Connector:
        return exhausted

    monkeypatch.setattr(core.Core, "_connector", connector)
    async with people(tmp_path, MemoryVault()) as (ada,):
        ada.accept(core.foreign_invite())
        await until(lambda: len(tries) > 2)
        assert ada.alive


async def test_what_expired_while_nobody_looked_is_never_handed_out(tmp_path: Path, clock: MockClock) -> None:
    vault = Faulty()
    async with people(tmp_path, MemoryVault(), vault) as (ada, bob):
        await introduce(ada, bob)
        bob.ask(requests.SetLifetime(contact=bob.handle, lifetime=60))
        bob.ask(requests.InviteCreate(identity=bob.identity(), hours=1))
        ada.send("gone by then")
        await until(lambda: texts(bob) == ["gone by then"])
        bob.ask(requests.Shown(contact=bob.handle, messages=[bob.messages()[0].message]))
        await bob.kill()
        clock.jump(3 * 3600)
        bob.told.clear()
        async with trio.open_nursery() as nursery:
            await nursery.start(bob.live)
            assert bob.messages() == []
            assert bob.ask(requests.InviteList()) == replies.Invites(invites=[])
            assert {name.kind for name in vault.names()} & {"message", "invite"} == set()
            assert told(bob, notices.MessageArrived) == 0
            nursery.cancel_scope.cancel()


async def test_an_invite_past_its_time_ends(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault()) as (ada,):
        ada.ask(requests.InviteCreate(identity=ada.identity(), hours=1))
        await until(lambda: len(sockets(ada)) == 1)
        clock.jump(2 * 3600)
        await until(lambda: not sockets(ada))
        assert ada.ask(requests.InviteList()) == replies.Invites(invites=[])


async def test_an_invite_that_is_taken_back_at_once(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault()) as (ada,):
        for _ in range(20):
            made = ada.ask(requests.InviteCreate(identity=ada.identity()))
            assert isinstance(made, replies.Invite)
            ada.ask(requests.InviteRevoke(invite=made.invite))
        await trio.sleep(1)
        assert (sockets(ada), len(ada.engine.services)) == (set(), 0)


async def test_links_end_with_the_metronome_and_come_back_with_the_next(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        assert ada.engine.sender._channel is not None
        ada.engine.sender._channel.shutdown(socket.SHUT_RDWR)
        await until(lambda: not introduced(ada))
        await until(lambda: introduced(ada) and introduced(bob))
        ada.send("after")
        await until(lambda: texts(bob) == ["after"])


async def test_stopping_waits_for_no_link_that_ended_by_itself(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(self: core.PlayedMetronome, link: int, reason: Reason) -> None:
        pass

    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        monkeypatch.setattr(core.PlayedMetronome, "_end", deaf)
        with trio.fail_after(1.5):  # a link that goes on is given its tick, 2 s
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ada.engine.sender.finish_all, 60.0)
                await trio.sleep(1)
                await bob.kill()


async def test_every_identity_and_contact_dials_under_a_name_of_its_own(
    tmp_path: Path, clock: MockClock
) -> None:
    def names(person: Person) -> list[tuple[str, str]]:
        found = []
        for contact in person.engine.opened().contacts.values():
            connector = Engine._connector(person.engine, contact, contact.record.peer_onion)
            assert isinstance(connector, partial)
            found.append((connector.keywords["user"], connector.keywords["password"]))
        return found

    async with people(tmp_path, Faulty()) as (ada,):
        for name in ("one", "two"):
            made = ada.ask(requests.IdentityCreate(name=name))
            assert isinstance(made, replies.Identity)
            for _ in range(2):
                code = core.foreign_invite()
                ada.ask(requests.InviteAccept(identity=made.identity, code=code, name="somebody"))
        first = names(ada)
        assert len({user for user, _ in first}) == len({password for _, password in first}) == 4
        assert names(ada) == first
        await ada.kill()
        async with trio.open_nursery() as nursery:
            await nursery.start(ada.live)
            assert not {*first} & {*names(ada)}
            ada.engine.tor.socks = None
            (contact, *_) = ada.engine.opened().contacts.values()
            with pytest.raises(ConnectionLost):
                Engine._connector(ada.engine, contact, contact.record.peer_onion)(Line())
            nursery.cancel_scope.cancel()


async def test_an_invite_is_refused_for_its_own_reason_and_leaves_nothing(
    tmp_path: Path, clock: MockClock
) -> None:
    vault = Faulty()
    async with people(tmp_path, vault) as (ada,):
        own = ada.invite()
        code = core.foreign_invite()
        ada.accept(code)
        before = vault.names()
        wrong = code[:30] + ("a" if code[30] != "a" else "b") + code[31:]
        reasons = {
            own: "your own invite",
            code: "used this invite already",
            code.upper(): "used this invite already",
            wrong: "damaged",
            code[:-1]: "damaged",
            "hello": "not an invite",
            core.foreign_invite(expires_hour=int(BEGIN // 3600)): "past its time",
        }
        for given, reason in reasons.items():
            with pytest.raises(ConfigError, match=reason) as caught:
                ada.accept(given)
            assert caught.value.hint
        assert vault.names() == before


def test_a_conversation_fits_one_line_and_has_nothing_that_expired(tmp_path: Path) -> None:
    async def main() -> None:
        async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, _):
            ada.accept(core.foreign_invite())
            timeline = ada.contact.talk.timeline
            for number in range(200):
                timeline.add(made(number, BEGIN + DAY), Batch())
            timeline.add(made(200, BEGIN + 1.0), Batch())
            answer = report.conversation(ada.contact, 1000, BEGIN + 1.0)
            line = encode(replies.Reply(id=1, result=answer))
            assert MAX_LINE / 2 < len(line) < MAX_LINE
            assert [message.written for message in answer.messages][-3:] == [197.0, 198.0, 199.0]
            assert len(report.conversation(ada.contact, 5, BEGIN).messages) == 5

    trio.run(main, clock=core.clock())


def made(number: int, until: float) -> MessageRecord:
    return MessageRecord(
        id=number.to_bytes(16),
        mine=True,
        text='"' * 65536,
        written=float(number),
        stored=float(number),
        lifetime=60,
        until=until,
    )


def test_nobody_is_reached_where_nobody_serves(tmp_path: Path) -> None:
    with pytest.raises(PeerUnreachable):
        connect([tmp_path], OnionKey.generate(bytes).public)
