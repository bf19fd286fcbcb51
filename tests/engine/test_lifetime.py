"""Lifetimes as users choose them, and what the vault allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.engine import lifetime
from onionchat.engine.doctor import Machine
from onionchat.engine.lifetime import TIMER_WORDS
from onionchat.errors import ControlError, DiskFull
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import Person, people, until
from tests.engine.test_engine import Faulty, introduce


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


def send(person: Person, text: str, lifetime: requests.Lifetime | None) -> replies.Message:
    sent = person.ask(requests.Send(contact=person.handle, text=text, lifetime=lifetime))
    assert isinstance(sent, replies.Message)
    return sent


def choose(person: Person, lifetime: requests.Lifetime) -> replies.Lifetime:
    chosen = person.ask(requests.SetLifetime(contact=person.handle, lifetime=lifetime))
    assert isinstance(chosen, replies.Contact)
    return chosen.lifetime


def allow(person: Person, *, off: bool) -> None:
    person.ask(requests.AllowOff(allowed=off))


def show(person: Person) -> None:
    handles = [message.message for message in person.messages()]
    person.ask(requests.Shown(contact=person.handle, messages=handles))


async def test_what_lives_once_is_gone_when_the_conversation_is_closed(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        sent = send(ada, "once", "once")
        assert (sent.lifetime, sent.expires) == ("once", None)
        await until(lambda: len(bob.messages()) == 1)
        await until(lambda: ada.messages()[0].state == "delivered")
        show(bob)
        (read,) = bob.messages()
        assert (read.state, read.lifetime) == ("read", "once")
        bob.ask(requests.Closed(contact=bob.handle))
        assert bob.messages() == []
        assert isinstance(bob.told[-1], notices.ContactChanged | notices.MessageGone)
        ada.ask(requests.Closed(contact=ada.handle))
        assert ada.messages() == []


async def test_what_lives_once_and_was_read_is_erased_before_the_vault_is_locked(
    tmp_path: Path, clock: MockClock
) -> None:
    kept = MemoryVault()
    async with people(tmp_path, MemoryVault(), kept) as (ada, bob):
        await introduce(ada, bob)
        send(ada, "read", "once")
        await until(lambda: len(bob.messages()) == 1)
        show(bob)
        send(ada, "not read", "once")
        await until(lambda: len(bob.messages()) == 2)
        contact = bytes.fromhex(bob.handle)
        assert len(kept.scan("message", contact)) == 2
        left: list[int] = []
        kept.close = lambda: left.append(len(kept.scan("message", contact)))  # type: ignore[method-assign]  # a look
        bob.ask(requests.Lock())
        assert left == [1]


async def test_no_message_lives_without_end_unless_the_vault_allows_it(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        with pytest.raises(ControlError, match="without end") as refused:
            choose(ada, "off")
        assert refused.value.code == "off-not-allowed"
        with pytest.raises(ControlError, match="without end"):
            send(ada, "kept", "off")
        assert ada.messages() == []
        allow(ada, off=True)
        assert choose(ada, "off") == "off"
        sent = send(ada, "kept", None)
        assert (sent.lifetime, sent.expires) == ("off", None)
        await until(lambda: len(bob.messages()) == 1)
        assert bob.messages()[0].lifetime == 24 * 3600  # his own limit holds for what he stores


async def test_what_lives_without_end_is_forbidden_again_once_no_conversation_wants_it(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        allow(ada, off=True)
        choose(ada, "off")
        with pytest.raises(ControlError, match="set to live without end") as refused:
            allow(ada, off=False)
        assert refused.value.code == "still-off"
        choose(ada, "once")
        allow(ada, off=False)
        with pytest.raises(ControlError, match="without end"):
            choose(ada, "off")


async def test_what_lifetimes_promise_is_told_until_somebody_has_read_it_also_after_a_restart(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifetime, "disk_findings", lambda *_: [])
    told = replies.TimerPromise(first=True, words=TIMER_WORDS)
    vault = Faulty()
    async with people(tmp_path, vault) as (ada,):
        for _ in range(2):  # whoever asked may have been closed before it was read
            assert ada.ask(requests.TimerTold()) == told
        await ada.kill()
    async with people(tmp_path, vault) as (ada,):
        vault.error = DiskFull("no room")
        with pytest.raises(DiskFull):
            ada.ask(requests.TimerTold(read=True))
        vault.error = None
        assert ada.ask(requests.TimerTold()) == told
        assert ada.ask(requests.TimerTold(read=True)) == structs.replace(told, first=False)
        await ada.kill()
    async with people(tmp_path, vault) as (ada,):
        assert ada.ask(requests.TimerTold()) == structs.replace(told, first=False)


async def test_what_of_this_disk_breaks_the_promise_is_told_with_it(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(proc=tmp_path / "proc", sys=tmp_path / "sys")
    mounts = machine.proc / "self" / "mountinfo"
    mounts.parent.mkdir(parents=True)
    monkeypatch.setattr(lifetime, "Machine", lambda: machine)
    async with people(tmp_path, MemoryVault()) as (ada,):
        for kind, harm in (("btrfs", "btrfs keeps old copies"), ("tmpfs", ""), ("nfs4", "another machine")):
            mounts.write_text(f"1 1 0:99 / / rw - {kind} source rw\n")
            said = ada.ask(requests.TimerTold())
            assert isinstance(said, replies.TimerPromise)
            assert said.words.startswith(TIMER_WORDS)
            assert harm in said.words
            assert ("What to do: move the vault" in said.words) == bool(harm)
