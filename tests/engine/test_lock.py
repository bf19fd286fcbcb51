"""Locking: links and addresses end, nothing is answered, nothing is lost, and unlocking goes on."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.engine.lock import _BY_ITSELF
from onionchat.errors import ControlError
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import Mortal, Person, people, until
from tests.engine.test_burn import introduce
from tests.engine.world import PASSPHRASE, Running, eventually

LOCKED = notices.VaultChanged(vault="locked")


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


def texts(person: Person) -> list[str]:
    return [one.text for one in person.messages()]


async def test_a_locked_engine_is_offline_and_goes_on_once_it_is_unlocked(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        code = bob.invite()
        bob.ask(requests.Lock())
        assert bob.told[-1] == LOCKED
        assert (bob.engine.book, bob.engine.vault) == (None, None)
        with pytest.raises(ControlError) as refused:
            bob.ask(requests.ContactList())
        assert refused.value.code == "vault-locked"
        ada.send("while you were away")
        await until(lambda: ada.contact.presence != "online")
        await until(lambda: len(bob.engine.services) == len(bob.engine.connections) == 0)
        await trio.sleep(60)  # nothing that was under way brings anything back
        assert len(bob.engine.connections) == 0
        bob.ask(requests.Lock())  # it is locked: nothing happens
        bob.engine.open(bob.vault)
        await until(lambda: texts(bob) == ["while you were away"])
        bob.send("here again")
        await until(lambda: texts(ada) == ["while you were away", "here again"])
        listed = bob.ask(requests.InviteList())
        assert isinstance(listed, replies.Invites)
        assert [one.code for one in listed.invites] == [code]


def test_what_programs_ask_by_themselves_is_written_where_it_is_said() -> None:
    control = (Path(__file__).parents[2] / "docs" / "control.md").read_text()
    section = control.partition("### `lock-after`")[2].partition("### ")[0]
    assert set(re.findall(r"`([a-z-]+)`", section.partition("but for")[2].partition("Reply")[0])) == {
        str(kind.__struct_config__.tag) for kind in _BY_ITSELF
    }
    said = (requests.LockAfter.__doc__ or "").partition("but for")[2].partition("seconds")[0]
    assert set(re.findall(r"`(\w+)`", said)) == {kind.__name__ for kind in _BY_ITSELF}


async def test_the_vault_locks_itself_when_nobody_was_there(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, Mortal()) as (ada,):
        ada.ask(requests.LockAfter(seconds=60))
        status = ada.ask(requests.Status())
        assert isinstance(status, replies.StatusReport)
        assert status.lock_after == 60
        for _ in range(4):
            await trio.sleep(40)
            assert LOCKED not in ada.told
            ada.ask(requests.Here())
        await trio.sleep(40)
        ada.ask(requests.Status())  # a program that looks
        with pytest.raises(ControlError):  # nor one that shows what comes (from nobody here)
            ada.ask(requests.Shown(contact="nobody", messages=[]))
        await trio.sleep(30)
        assert ada.told[-1] == LOCKED
        ada.engine.open(ada.vault)
        ada.ask(requests.LockAfter(seconds=None))
        await trio.sleep(300)
        assert ada.told[-1] != LOCKED


async def test_what_is_in_memory_only_is_not_locked(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault()) as (ada,):
        ada.engine.plan = type(ada.engine.plan)(vault=str(ada.folder), amnesic=True)
        for request in (requests.Lock(), requests.LockAfter(seconds=60)):
            with pytest.raises(ControlError) as refused:
                ada.ask(request)
            assert refused.value.code == "amnesic"
        assert ada.engine.book is not None


@pytest.mark.realtor
def test_a_locked_vault_is_unlocked_with_its_passphrase(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        eventually(lambda: engine.status().vault == "open")
        made = engine.ask(requests.IdentityCreate(name="ada"))
        assert isinstance(made, replies.Identity)
        engine.ask(requests.Lock())
        assert engine.status().vault == "locked"
        assert str(engine.vault / "sealed") not in " ".join(open_files(engine.status().pid))
        engine.ask(requests.Unlock(passphrase=PASSPHRASE))
        listed = engine.ask(requests.IdentityList())
        assert isinstance(listed, replies.Identities)
        assert listed.identities == [made]


def open_files(pid: int) -> list[str]:
    """What a process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(entry.readlink()))
    return found
