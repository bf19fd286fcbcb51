"""Backups of whole engines: made, restored elsewhere, and two copies at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import replies, requests
from onionchat.crypto.passphrase import MIB, PassphraseCost
from onionchat.engine import backup_answer
from onionchat.engine.lock import close
from onionchat.errors import ConfigError, ControlError, DiskFull, StoreError, VaultCorrupt, WrongPassphrase
from onionchat.protocol.keyring import REFUSALS_TO_RECOVER
from onionchat.protocol.lines import COPY_HERE, COPY_THERE, RESTORED_HERE, RESTORED_THERE
from onionchat.protocol.record import BackupRecord, IdentityRecord, SettingsRecord, pack
from onionchat.store import (
    DiskVault,
    MemoryVault,
    Name,
    Record,
    create_vault,
    seal_backup,
    vault_exists,
    write_backup,
)
from tests.engine import core
from tests.engine.core import Person, people, until
from tests.engine.test_engine import introduce, introduced, texts

CHEAP = PassphraseCost(memory=MIB, passes=1)
VAULTS, BACKUPS = "passphrase of a vault", "passphrase of a backup"


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_answer, "create_vault", partial(create_vault, cost=CHEAP, floor=0))
    monkeypatch.setattr(backup_answer, "seal_backup", partial(seal_backup, cost=CHEAP))


def on_disk(folder: Path) -> DiskVault:
    return create_vault(folder, VAULTS, random=os.urandom, cost=CHEAP, floor=0)


def make(person: Person, file: Path, passphrase: str = VAULTS) -> replies.AnyResult:
    return person.ask(requests.BackupMake(file=str(file), passphrase=passphrase, new=BACKUPS))


def restore(person: Person, file: Path, passphrase: str = BACKUPS) -> replies.AnyResult:
    """Into the folder of a person who had nothing."""
    close(person.engine)
    person.folder.chmod(0o700)
    return person.ask(requests.BackupRestore(file=str(file), passphrase=passphrase, new="new"))


def two_of_one() -> BackupRecord:
    """What no program writes: an identity that is there twice."""
    one = IdentityRecord(id=bytes(8), name="me", created=1.0)
    return BackupRecord(made=1.0, settings=SettingsRecord(), identities=[one, one], contacts=[])


def lines(person: Person) -> list[str]:
    return [message.text for message in person.messages() if message.system]


async def test_a_backup_brings_identities_and_contacts_back_elsewhere_and_nothing_that_was_said(
    tmp_path: Path, clock: MockClock
) -> None:
    vault, file = on_disk(tmp_path / "p0"), tmp_path / "backup"
    async with people(tmp_path, vault, MemoryVault(), MemoryVault()) as (ada, bob, again):
        await introduce(ada, bob)
        ada.send("before")
        await until(lambda: "before" in texts(bob))
        contact, identity = ada.handle, ada.identity()
        ada.ask(requests.AllowOff(allowed=True))
        assert make(ada, file) == replies.Backup(identities=1, contacts=1, left_out=[], memory=1)
        assert b"before" not in file.read_bytes()
        await ada.kill()
        vault.close()
        bob.send("while nobody was there")
        assert restore(again, file) == replies.Backup(identities=1, contacts=1, left_out=[], memory=1)
        assert (again.handle, again.identity()) == (contact, identity)
        assert again.engine.opened().policies.settings.off_allowed
        await until(lambda: introduced(again) and introduced(bob))
        await until(lambda: "while nobody was there" in texts(again))
        assert "before" not in texts(again)
        assert (lines(again), lines(bob)) == ([RESTORED_HERE], [RESTORED_THERE])
        again.send("after")
        await until(lambda: "after" in texts(bob))
        close(again.engine)


async def test_two_copies_at_once_are_told_and_so_is_their_contact(tmp_path: Path, clock: MockClock) -> None:
    vault, file = on_disk(tmp_path / "p0"), tmp_path / "backup"
    async with people(tmp_path, vault, MemoryVault(), MemoryVault()) as (ada, bob, again):
        await introduce(ada, bob)
        make(ada, file)
        await trio.sleep(120)
        restore(again, file)
        await until(lambda: COPY_THERE in lines(bob) and RESTORED_HERE in lines(again))
        refused = ada.contact._dialling
        await until(lambda: refused.refusals > 0)
        refused.refusals = REFUSALS_TO_RECOVER  # the waits between all of them are tried elsewhere
        await until(lambda: COPY_HERE in lines(ada))
        close(again.engine)
        close(ada.engine)


async def test_what_is_to_leave_no_trace_is_named_and_left_out(tmp_path: Path, clock: MockClock) -> None:
    vault, file = on_disk(tmp_path / "p0"), tmp_path / "backup"
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        ada.ask(requests.Keep(contact=ada.handle, where="memory"))
        ada.ask(requests.IdentityCreate(name="gone tomorrow", disposable=True))
        name = ada.contact.record.name
        assert make(ada, file) == replies.Backup(identities=1, contacts=0, left_out=[name], memory=1)
        close(ada.engine)


async def test_a_backup_is_made_by_who_knows_the_passphrase_where_nothing_is(
    tmp_path: Path, clock: MockClock
) -> None:
    vault, file = on_disk(tmp_path / "p0"), tmp_path / "backup"
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        with pytest.raises(WrongPassphrase):
            make(ada, file, "another passphrase")
        for place in (Path("backup"), Path("/\0")):
            with pytest.raises(ConfigError, match="whole path"):
                make(ada, place)
        with pytest.raises(ControlError) as refused:
            make(bob, file)
        assert refused.value.code == "amnesic"
        assert not file.exists()
        file.write_bytes(b"something else")
        with pytest.raises(StoreError, match="exists"):
            make(ada, file)
        assert file.read_bytes() == b"something else"
        close(ada.engine)
        with pytest.raises(ControlError) as refused:
            make(ada, file)
        assert refused.value.code == "vault-locked"


async def test_a_vault_is_made_of_a_whole_backup_where_there_is_none(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, odd = tmp_path / "backup", tmp_path / "odd"
    vault = on_disk(tmp_path / "p0")
    write_backup(odd, seal_backup(b"\x93 nonsense", BACKUPS, random=os.urandom, cost=CHEAP))
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        ada.identity()
        make(ada, file)
        with pytest.raises(ControlError) as refused:
            ada.ask(requests.BackupRestore(file=str(file), passphrase=BACKUPS, new="new"))
        assert refused.value.code == "vault-open"
        with pytest.raises(StoreError, match="a vault in this folder already"):
            restore(ada, file)
        with pytest.raises(WrongPassphrase):
            restore(bob, file, "another passphrase")
        with pytest.raises(ConfigError, match="whole path"):
            restore(bob, Path("/\0"))
        with pytest.raises(VaultCorrupt, match="cannot be read"):
            restore(bob, odd)
        odd.unlink()
        write_backup(odd, seal_backup(pack(two_of_one()), BACKUPS, random=os.urandom, cost=CHEAP))
        with pytest.raises(VaultCorrupt, match="no vault can be made"):
            restore(bob, odd)

        def full(_vault: DiskVault, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
            raise DiskFull("the disk has no room")

        with monkeypatch.context() as patch:
            patch.setattr(DiskVault, "commit", full)
            with pytest.raises(DiskFull):
                restore(bob, file)
        assert not vault_exists(bob.folder)
        assert not list(bob.folder.glob("sealed*"))
        assert restore(bob, file) == replies.Backup(identities=1, contacts=0, left_out=[], memory=1)
        close(bob.engine)
