"""An invite's service: who knows the secret gets in, once; a stranger gets no byte."""

from __future__ import annotations

import os

import pytest

from onionchat.crypto.handshake import Handshake, invite_psk, prologue
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import SendingCipher
from onionchat.protocol import commands as do
from onionchat.protocol import events, greeting
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.constants import (
    CELL_SIZE,
    HALF_OPEN_INVITE,
    HALF_OPEN_PAIR,
    HANDSHAKE_SECONDS,
    MESSAGE_1_SECONDS,
)
from onionchat.protocol.greeting import InitiatorGreeting, Intent, ResponderGreeting
from onionchat.protocol.invitation import Invitation, join
from onionchat.protocol.link import LinkState
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import ContactRecord, InviteRecord, unpack

from .world import Person, World, can_talk, friends, introduced, meeting, strangers

Commands = tuple[do.Command, ...]


class Caller:
    """Somebody at an invite's service, with whatever they know, on a connection of their own."""

    def __init__(self, world: World, ada: Person, number: int) -> None:
        self.world, self.ada, self.number = world, ada, number
        self.static = KeyPair.generate(os.urandom)
        self.handshake: Handshake | None = None

    def connects(self) -> Commands:
        return self.happens(events.ConnectionAccepted(link=self.number, at_invite=True))

    def happens(self, event: events.Event) -> Commands:
        machine = self.machine
        commands = machine.handle(event, self.world.now)
        for command in commands:
            self.ada._perform(machine, command)
        return commands

    @property
    def machine(self) -> Invitation:
        assert self.ada.invitation is not None
        return self.ada.invitation

    def says(self, cell: bytes) -> Commands:
        return self.happens(events.CellReceived(link=self.number, cell=cell))

    def hello(self, *, secret: bytes | None = None, payload: bytes | None = None) -> bytes:
        invite = self.machine.invite
        self.handshake = Handshake.initiator(
            prologue=prologue(invite.onion),
            static=self.static,
            remote_static=invite.static,
            psk=invite_psk(invite.secret if secret is None else secret, invite.onion),
            random=os.urandom,
        )
        return self.handshake.write(greeting.fill(None, 1) if payload is None else payload)

    def answers(self, cell: bytes, intent: Intent, onion: bytes = b"o" * 32) -> bytes:
        assert self.handshake is not None
        greeting.read(self.handshake.read(cell), ResponderGreeting)
        return self.handshake.write(
            greeting.fill(InitiatorGreeting(intent=intent, pace=Pace(), onion=onion), 3)
        )


def sent(commands: Commands) -> list[bytes]:
    return [command.cell for command in commands if isinstance(command, do.SendCell)]


def closed(commands: Commands) -> list[int]:
    return [command.link for command in commands if isinstance(command, do.CloseLink)]


def caller(number: int = 1) -> Caller:
    world, ada, _ = strangers()
    return Caller(world, ada, number)


@pytest.mark.parametrize(
    "cell",
    [b"", b"GET / HTTP/1.1", bytes(CELL_SIZE), os.urandom(CELL_SIZE), bytes(CELL_SIZE - 1), bytes(5000)],
    ids=["empty", "http", "zeros", "random", "short", "long"],
)
def test_a_stranger_gets_no_byte(cell: bytes) -> None:
    somebody = caller()
    vault = dict(somebody.ada.vault)
    assert somebody.connects() == ()
    assert somebody.says(cell) == (do.CloseLink(link=1),)
    assert somebody.ada.vault == vault


def test_a_wrong_secret_and_a_message_1_that_carries_something_get_no_byte() -> None:
    for secret, payload in ((bytes(16), None), (None, b"\x01" * 704)):
        somebody = caller()
        somebody.connects()
        assert somebody.says(somebody.hello(secret=secret, payload=payload)) == (do.CloseLink(link=1),)


def test_a_message_1_that_came_before_leads_to_nothing() -> None:
    """Whoever repeats it cannot read the answer, and cannot say message 3."""
    world, ada, ben = strangers()
    recorded = Caller(world, ada, 1)
    message_1 = recorded.hello()
    recorded.connects()
    (first,) = sent(recorded.says(message_1))
    message_3 = recorded.answers(first, Intent.CONTACT)
    replayed = Caller(world, ada, 2)
    replayed.connects()
    (second,) = sent(replayed.says(message_1))
    assert second != first
    assert replayed.says(message_3) == (do.CloseLink(link=2),)
    assert ada.contact is None
    assert ben.contact is None


def test_who_uses_an_invite_becomes_a_contact_without_a_name_under_keys_of_its_own() -> None:
    _, ada, ben = friends()
    (invite,) = (record for key, record in ada.vault.items() if key.kind == "contact")
    assert unpack(invite, ContactRecord).name == ada.record.name == f"unnamed {ada.record.id.hex()[:4]}"
    assert ben.record.peer_onion == ada.known.onion.public != ben.record.first_onion
    assert ada.record.peer_onion == ben.known.onion.public
    assert ada.record.psks[0].generation == ben.record.psks[0].generation


def test_while_a_contact_is_not_introduced_its_invite_is_kept_as_used() -> None:
    world, ada, ben = meeting()
    assert ada.invitation is not None
    first = ada.invitation.onion.public
    assert ben.record.first_onion == first
    world.until(lambda: ada.contact is not None)
    kept = ada.vault[do.Key(kind="invite", key=ada.record.invite)]
    assert unpack(kept, InviteRecord).contact == ada.record.id


def test_the_first_answer_asks_for_no_new_session_and_says_the_pace_that_was_chosen() -> None:
    somebody = caller()
    slow = Pace(tick_ms=7000)
    assert somebody.happens(events.PaceChosen(pace=slow)) == ()
    somebody.connects()
    (answer,) = sent(somebody.says(somebody.hello()))
    assert somebody.handshake is not None
    said = greeting.read(somebody.handshake.read(answer), ResponderGreeting)
    assert (said.reset, said.pace) == (False, slow)


@pytest.mark.parametrize("intent", [Intent.RESUME, Intent.RESET])
def test_an_invite_is_for_a_first_contact_only(intent: Intent) -> None:
    somebody = caller()
    somebody.connects()
    (answer,) = sent(somebody.says(somebody.hello()))
    assert somebody.says(somebody.answers(answer, intent)) == (do.CloseLink(link=1),)
    assert somebody.machine.contact is None


def test_a_first_contact_without_an_address_is_none() -> None:
    somebody = caller()
    somebody.connects()
    (answer,) = sent(somebody.says(somebody.hello()))
    assert closed(somebody.says(somebody.answers(answer, Intent.CONTACT, bytes(32)))) == [1]


def test_a_third_message_that_is_garbage_ends_it() -> None:
    somebody = caller()
    somebody.connects()
    somebody.says(somebody.hello())
    assert somebody.says(os.urandom(CELL_SIZE)) == (do.CloseLink(link=1),)
    assert somebody.says(os.urandom(CELL_SIZE)) == ()


def test_who_says_nothing_is_gone_after_ten_seconds_and_who_says_half_after_thirty() -> None:
    somebody = caller()
    begun = somebody.world.now
    somebody.connects()
    assert somebody.machine.next_deadline == begun + MESSAGE_1_SECONDS
    somebody.world.now += 4
    other = Caller(somebody.world, somebody.ada, 2)
    other.connects()
    other.says(other.hello())
    assert somebody.machine.next_deadline == begun + MESSAGE_1_SECONDS
    somebody.world.now = begun + MESSAGE_1_SECONDS - 0.1
    assert somebody.happens(events.DeadlinePassed()) == ()
    somebody.world.now += 0.1
    assert somebody.happens(events.DeadlinePassed()) == (do.CloseLink(link=1),)
    assert somebody.machine.next_deadline == begun + 4 + HANDSHAKE_SECONDS
    somebody.world.now = begun + 4 + HANDSHAKE_SECONDS
    assert somebody.happens(events.DeadlinePassed()) == (do.CloseLink(link=2),)
    assert somebody.machine.next_deadline is None


def test_of_too_many_the_oldest_goes_but_who_knew_the_secret_goes_last() -> None:
    world, ada, _ = strangers()
    knows = Caller(world, ada, 1)
    knows.connects()
    (answer,) = sent(knows.says(knows.hello()))
    gone = []
    for number in range(2, 60):
        gone += closed(Caller(world, ada, number).connects())
    assert gone == list(range(2, 60 - HALF_OPEN_INVITE + 1))
    commands = knows.says(knows.answers(answer, Intent.CONTACT))
    assert isinstance(commands[0], do.Persist)
    assert sorted(closed(commands)) == list(range(60 - HALF_OPEN_INVITE + 1, 60))
    assert ada.contact is not None


def test_many_who_know_the_secret_are_bounded_as_well() -> None:
    world, ada, _ = strangers()
    for number in range(1, 30):
        somebody = Caller(world, ada, number)
        somebody.connects()
        somebody.says(somebody.hello())
    assert ada.invitation is not None
    assert len(ada.invitation._links) == HALF_OPEN_INVITE
    assert 29 in ada.invitation._links


def test_a_connection_that_ends_is_forgotten() -> None:
    somebody = caller()
    somebody.connects()
    somebody.happens(events.LinkEnded(link=1))
    assert somebody.machine.next_deadline is None
    assert somebody.says(bytes(CELL_SIZE)) == ()


def test_an_invite_whose_time_has_passed_lets_nobody_in() -> None:
    world = World()
    ada = Person(world, "Ada")
    invitation = ada.invite(hours=2)
    assert invitation.expires is not None
    somebody = Caller(world, ada, 1)
    assert invitation.expires == invitation.invite.expires_hour * 3600 == (world.now // 3600 + 2) * 3600
    assert somebody.connects() == ()
    somebody.happens(events.LinkEnded(link=1))
    world.now = invitation.expires
    late = Caller(world, ada, 2)
    assert late.connects() == (do.CloseLink(link=2),)
    assert late.says(late.hello()) == ()
    assert invitation.next_deadline is None
    assert strangers()[1].machine.next_deadline is None


def test_who_is_off_line_lets_nobody_in_and_ends_what_was_begun() -> None:
    world, ada, _ = strangers()
    early, late = Caller(world, ada, 1), Caller(world, ada, 2)
    early.connects()
    assert early.happens(events.PresenceChosen(visible=False)) == (do.CloseLink(link=1),)
    assert late.connects() == (do.CloseLink(link=2),)
    assert late.happens(events.PresenceChosen(visible=True)) == ()
    assert late.connects() == ()
    assert late.happens(events.PresenceChosen(visible=True)) == ()
    assert len(sent(late.says(late.hello()))) == 1


def test_the_second_who_uses_an_invite_is_told_so() -> None:
    world, ada, ben = strangers()
    eve = Person(world, "Eve")
    assert ada.invitation is not None
    invitation = ada.invitation
    ben.join(invitation)
    world.until(lambda: introduced(ada, ben))
    eve.join(invitation)
    world.run(120)
    assert not eve.online
    assert eve.known.problem.startswith("nobody answers at this invite yet")
    assert ada.lines() == []
    can_talk(world, ada, ben)


def test_the_second_is_told_also_while_the_first_is_not_introduced_yet() -> None:
    world, ada, ben = strangers()
    eve = Person(world, "Eve")
    assert ada.invitation is not None
    invitation = ada.invitation
    ben.join(invitation)
    world.until(lambda: ada.contact is not None)
    static = list(ada.record.peer_statics)
    ben.leave()
    eve.join(invitation)
    world.run(120)
    assert eve.known.problem.startswith("this invite is not accepted")
    assert ada.record.peer_statics == static
    ben.come_back()
    world.until(lambda: introduced(ada, ben))
    assert ada.record.peer_statics == static


def test_a_flood_at_the_invite_does_not_keep_the_contact_from_the_pair_address() -> None:
    world, ada, ben = meeting()
    world.until(lambda: ada.contact is not None)
    ben.leave()
    world.run(40)
    for number in range(1000, 1030):
        ada.apply(ada.known, events.ConnectionAccepted(link=number, at_invite=True))
    for number in range(2000, 2030):
        ada.apply(ada.known, events.ConnectionAccepted(link=number))
    half_open = [link for link in ada.known._links.values() if link.half_open]
    assert [link.at_invite for link in half_open].count(True) == HALF_OPEN_INVITE
    assert [link.at_invite for link in half_open].count(False) == HALF_OPEN_PAIR
    assert half_open[-1].number == 2029
    ben.come_back()
    world.until(lambda: introduced(ada, ben))


def test_who_has_proven_the_pairs_key_is_not_pushed_out_by_strangers() -> None:
    world, ada, ben = friends()
    ben.restart()
    world.until(lambda: any(k.state is LinkState.AWAIT_MESSAGE_3 for k in ada.known._links.values()))
    for number in range(1000, 1030):
        ada.apply(ada.known, events.ConnectionAccepted(link=number))
    assert any(k.state is LinkState.AWAIT_MESSAGE_3 for k in ada.known._links.values())
    world.until(lambda: introduced(ada, ben))


@pytest.mark.parametrize("at_invite", [True, False])
def test_a_stranger_at_a_contacts_services_gets_no_byte_and_changes_nothing(at_invite: bool) -> None:
    world, ada, _ = meeting()
    world.until(lambda: ada.contact is not None)
    vault, told = dict(ada.vault), list(ada.told)
    ada.log.clear()
    for number, cell in enumerate((b"", bytes(CELL_SIZE), os.urandom(CELL_SIZE), b"x" * 4000), 1000):
        ada.apply(ada.known, events.ConnectionAccepted(link=number, at_invite=at_invite))
        ada.apply(ada.known, events.CellReceived(link=number, cell=cell))
    assert ada.log == [do.CloseLink(link=number) for number in range(1000, 1004)]
    assert ada.vault == vault
    assert ada.told == told


def test_an_invite_that_was_used_up_and_a_pair_that_is_not_made_yet_let_nobody_in() -> None:
    world, ada, _ = friends()
    assert ada.known.handle(events.ConnectionAccepted(link=99, at_invite=True), world.now) == (
        do.CloseLink(link=99),
    )
    world, _, ben = meeting()
    ben.known.handle(events.Renamed(name="Ada"), world.now)
    assert ben.known.handle(events.ConnectionAccepted(link=99), world.now) == (do.CloseLink(link=99),)


def test_handshakes_of_earlier_links_lead_to_nothing() -> None:
    """Messages 1 and 3 of every link so far, said again at the service where they were good once."""
    world, ada, ben = friends()
    for _ in range(3):
        for wire in world.wires:
            wire.cut()
        world.run(1)
        world.until(lambda: introduced(ada, ben))
    recorded = [(w.dialler, [c for writer, c in w.cells if writer is w.dialler]) for w in world.wires]
    assert len(recorded) > 3
    for dialler, cells in recorded:
        victim = ada if dialler is ben else ben
        vault = dict(victim.vault)
        victim.log.clear()
        for number, first in ((1000, 0), (1001, 1)):
            victim.apply(victim.known, events.ConnectionAccepted(link=number))
            victim.apply(victim.known, events.CellReceived(link=number, cell=cells[first]))
            victim.apply(victim.known, events.CellReceived(link=number, cell=cells[1]))
        assert not [c for c in victim.log if isinstance(c, do.BeginSending | do.Persist)]
        assert victim.vault == vault
        assert {1000, 1001}.isdisjoint(victim.known.links)
    can_talk(world, ada, ben)


def test_a_peer_whose_ratchet_key_is_unusable_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with which every exchange would be all zero."""
    world, ada, ben = meeting()
    fill = greeting.fill

    def spoilt(made: ResponderGreeting | InitiatorGreeting | None, message: int) -> bytes:
        if isinstance(made, ResponderGreeting):
            made = ResponderGreeting(ratchet=bytes(32), pace=Pace())
        return fill(made, message)

    monkeypatch.setattr(greeting, "fill", spoilt)
    world.run(30)
    assert ben.record.psks == []
    assert "session" not in ben.kinds()
    monkeypatch.undo()
    world.until(lambda: introduced(ada, ben))


def test_who_dials_anew_leaves_nothing_of_what_they_dialled_before() -> None:
    """Not a link that never said a word, and after a first contact that was repeated none at all."""
    world, ada, _ = strangers()
    joiner = Caller(world, ada, 1)
    joiner.connects()
    (answer,) = sent(joiner.says(joiner.hello()))
    message_3 = joiner.answers(answer, Intent.CONTACT)
    first_contact = joiner.machine.invite
    joiner.says(message_3)
    assert joiner.handshake is not None
    contact = ada.known
    own = KeyPair.from_secret(contact.record.static_secret).public

    def happens(event: events.Event) -> Commands:
        return contact.handle(event, world.now)

    def dials(number: int, psk: bytes, intent: Intent, *, at_invite: bool) -> tuple[list[int], Handshake]:
        onion, static = (
            (first_contact.onion, first_contact.static) if at_invite else (contact.onion.public, own)
        )
        happens(events.ConnectionAccepted(link=number, at_invite=at_invite))
        handshake = Handshake.initiator(
            prologue=prologue(onion), static=joiner.static, remote_static=static, psk=psk, random=os.urandom
        )
        cell = handshake.write(greeting.fill(None, 1))
        (reply,) = sent(happens(events.CellReceived(link=number, cell=cell)))
        handshake.read(reply)
        made = InitiatorGreeting(intent=intent, pace=Pace(), onion=b"o" * 32)
        message_3 = handshake.write(greeting.fill(made, 3))
        return closed(happens(events.CellReceived(link=number, cell=message_3))), handshake

    resume = joiner.handshake.secrets().resume_psk
    assert dials(3, resume, Intent.RESUME, at_invite=False)[0] == [1]
    gone, handshake = dials(4, resume, Intent.RESUME, at_invite=False)
    assert gone == [3]
    cover = SendingCipher(handshake.secrets().sending).seal(lay_out(CellType.COVER))
    happens(events.CellReceived(link=4, cell=cover))
    assert contact.presence == "online"
    secret = invite_psk(first_contact.secret, first_contact.onion)
    assert dials(5, secret, Intent.CONTACT, at_invite=True)[0] == [4]
    assert contact.links == (5,)
    assert len(contact.record.psks) == 1


@pytest.mark.parametrize("memory", [False, True])
def test_where_messages_live_is_said_with_the_invite_and_by_who_joins(memory: bool) -> None:
    world, ada, ben = strangers()
    assert ada.invitation is not None
    assert ada.invitation.visible
    ada.invitation.record.memory = memory
    invite = ada.invitation.invite
    ben.join(ada.invitation)
    world.until(lambda: ada.contact is not None)
    assert ada.record.memory is memory
    joined = join(
        invite, identity=bytes(8), name="them", now=world.now, around=ben.around, pace=Pace(), memory=memory
    )
    assert joined.record.memory is memory
    assert not ben.record.memory


def test_an_invite_lets_people_in_unless_that_is_not_wanted() -> None:
    _, ada, _ = strangers()
    assert ada.invitation is not None
    assert Invitation(ada.invitation.record, ada.around, pace=Pace()).visible
