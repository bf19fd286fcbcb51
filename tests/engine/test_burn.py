"""Burning a conversation or an identity: all of it in one commit, nothing left, nobody told."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.errors import ControlError
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import Killed, Mortal, Person, people, until

KINDS = ("contact", "message", "outgoing", "seen", "session", "invite", "identity")


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


async def introduce(inviter: Person, joiner: Person) -> None:
    joiner.accept(inviter.invite())
    await until(lambda: all(met(person) for person in (inviter, joiner)))


def met(person: Person) -> bool:
    contacts = list(person.engine.opened().contacts.values())
    return bool(contacts) and contacts[0].record.introduced and contacts[0].presence == "online"


async def chat(ada: Person, bob: Person) -> None:
    """Two from each side, seen and delivered."""
    for person in (ada, bob, ada, bob):
        person.send("something")
    await until(lambda: all(len(person.messages()) == 4 for person in (ada, bob)))
    await until(lambda: all(one.state != "queued" for person in (ada, bob) for one in person.messages()))


def kept(vault: MemoryVault) -> dict[str, int]:
    """How many records of each kind there are."""
    found = dict.fromkeys(KINDS, 0)
    for name in vault._values:
        if name.kind in found:
            found[name.kind] += 1
    return {kind: number for kind, number in found.items() if number}


async def test_a_burned_conversation_is_gone_here_alone_and_goes_on(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        await chat(ada, bob)
        assert isinstance(bob.vault, Mortal)
        before = bob.vault.commits
        bob.send("perhaps on its way already")
        bob.told.clear()
        bob.ask(requests.ConversationBurn(contact=bob.handle))
        assert bob.vault.commits == before + 2  # the text, and all of the burn
        assert bob.messages() == []
        assert "message" not in kept(bob.vault)
        gone = [one for one in bob.told if isinstance(one, notices.MessageGone)]
        assert len(gone) == 5
        assert {one.why for one in gone} == {"deleted"}
        ada.send("still there?")
        await until(lambda: [one.text for one in bob.messages()] == ["still there?"])
        assert [one.text for one in ada.messages()][:4] == ["something"] * 4


async def test_a_disposable_identity_is_burned_too(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        made = bob.ask(requests.IdentityCreate(name="once", disposable=True))
        assert isinstance(made, replies.Identity)
        await introduce(ada, bob)
        await chat(ada, bob)
        bob.ask(requests.IdentityBurn(identity=made.identity))
        assert bob.ask(requests.IdentityList()) == replies.Identities(identities=[])
        assert bob.ask(requests.ContactList()) == replies.Contacts(contacts=[])
        assert len(bob.engine.services) == 0
        await until(lambda: ada.contact.presence != "online")


async def test_a_conversation_without_messages_is_burned_too(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault()) as (ada,):
        ada.accept(core.foreign_invite())
        assert ada.ask(requests.ConversationBurn(contact=ada.handle)) == replies.Done()


async def test_a_burned_identity_leaves_nothing_and_is_only_seen_offline(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault(), Mortal()) as (ada, bob):
        await introduce(ada, bob)
        await chat(ada, bob)
        bob.invite()
        other = bob.ask(requests.IdentityCreate(name="another"))
        assert isinstance(other, replies.Identity)
        kept_invite = bob.ask(requests.InviteCreate(identity=other.identity))
        assert isinstance(kept_invite, replies.Invite)
        assert isinstance(bob.vault, Mortal)
        before, handle = bob.vault.commits, bob.handle
        bob.told.clear()
        bob.ask(requests.IdentityBurn(identity=bob.identity()))
        assert bob.vault.commits == before + 1
        assert kept(bob.vault) == {"identity": 1, "invite": 1}
        assert bob.identity() == other.identity
        assert notices.ContactRemoved(contact=handle) in bob.told
        assert isinstance(bob.told[-1], notices.IdentityRemoved)
        assert [one.state for one in bob.told if isinstance(one, notices.InviteChanged)] == ["gone"]
        assert len(bob.engine.services) == 1
        await until(lambda: ada.contact.presence != "online")
        assert len(ada.messages()) == 4
        with pytest.raises(ControlError) as refused:
            bob.ask(requests.IdentityBurn(identity="00"))
        assert refused.value.code == "no-such-identity"


@pytest.mark.parametrize("before", [True, False], ids=["before the commit", "after it"])
@pytest.mark.parametrize("what", ["conversation", "identity"])
async def test_a_burn_that_is_cut_short_is_done_or_not_begun(
    tmp_path: Path, clock: MockClock, what: str, before: bool
) -> None:
    vault = Mortal()
    async with people(tmp_path, MemoryVault(), vault) as (ada, bob):
        await introduce(ada, bob)
        await chat(ada, bob)
        held = kept(vault)
        vault.die_at, vault.before = vault.commits + 1, before
        request: requests.AnyRequest = requests.ConversationBurn(contact=bob.handle)
        if what == "identity":
            request = requests.IdentityBurn(identity=bob.identity())
        with pytest.raises(Killed):
            bob.ask(request)
        if before:
            assert kept(vault) == held
        elif what == "identity":
            assert kept(vault) == {}
        else:
            assert "message" not in kept(vault)
        await bob.kill()
