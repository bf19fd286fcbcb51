"""Room on the disk is asked for before a machine hears of what takes it, and never for what erases."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.errors import DiskFull
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import people, until
from tests.engine.test_engine import Faulty, introduce, texts, told


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


async def test_what_the_disk_has_no_room_for_is_not_begun_and_no_link_ends(
    tmp_path: Path, clock: MockClock
) -> None:
    vault = Faulty()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        ada.ask(requests.Keep(contact=ada.handle, where="memory"))
        contact, link, handle = ada.contact, ada.contact.active, ada.handle
        vault.full, vault.error = True, DiskFull("it was tried all the same")
        taking: list[requests.AnyRequest] = [
            requests.Send(contact=handle, text="does not fit"),
            requests.ContactRename(contact=handle, name="another"),
            requests.SetLifetime(contact=handle, lifetime=60),
            requests.Keep(contact=handle, where="vault"),
            requests.WindowAsk(contact=handle, seconds=16),
            requests.WindowAnswer(contact=handle, agree=True),
        ]
        for request in taking:
            with pytest.raises(DiskFull, match="no room"):
                ada.ask(request)
        assert texts(ada) == []
        vault.full, vault.error = False, None
        ada.send("fits")
        await until(lambda: texts(bob) == ["fits"])
        assert ada.contact is contact
        assert link is not None
        assert contact.active is link
        assert told(ada, notices.StoreTroubled) == 0


async def test_what_erases_is_tried_however_full_the_disk_is(tmp_path: Path, clock: MockClock) -> None:
    vault = Faulty()
    async with people(tmp_path, vault, MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        ada.send("mine")
        bob.send("theirs")
        await until(lambda: {*texts(ada)} == {"mine", "theirs"})
        mine, theirs = (
            next(one.message for one in ada.messages() if one.mine is own) for own in (True, False)
        )
        vault.full = True
        ada.ask(requests.Shown(contact=ada.handle, messages=[theirs]))
        ada.ask(requests.Delete(contact=ada.handle, message=mine, both=True))
        assert texts(ada) == ["theirs"]
        ada.ask(requests.Keep(contact=ada.handle, where="memory"))
        ada.ask(requests.ConversationBurn(contact=ada.handle))
        assert texts(ada) == []
        ada.ask(requests.Closed(contact=ada.handle))
        ada.ask(requests.ContactRemove(contact=ada.handle))
        assert ada.ask(requests.ContactList()) == replies.Contacts(contacts=[])


async def test_a_disposable_identity_needs_no_room_on_the_disk(tmp_path: Path, clock: MockClock) -> None:
    vault = Faulty()
    async with people(tmp_path, vault) as (ada,):
        made = ada.ask(requests.IdentityCreate(name="once", disposable=True))
        assert isinstance(made, replies.Identity)
        ada.ask(requests.InviteAccept(identity=made.identity, code=core.foreign_invite(), name="somebody"))
        vault.full = True
        ada.send("waits in memory")
        assert texts(ada) == ["waits in memory"]
