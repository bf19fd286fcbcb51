"""A contact's machine, as a dialogue between two: presence, deletion, dialling, what is told."""

from __future__ import annotations

import itertools
import os

import pytest

from onionchat.crypto.keys import KeyPair
from onionchat.errors import CryptoError, LocalProtocolError
from onionchat.protocol import commands as do
from onionchat.protocol import delivery, events
from onionchat.protocol.batch import Batch
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.constants import DIAL_MAX_SECONDS, MAX_TEXT_BYTES, MIN_LIFETIME
from onionchat.protocol.contact import Contact
from onionchat.protocol.greeting import Intent
from onionchat.protocol.link import Link, LinkState
from onionchat.protocol.record import ContactRecord, Psk, pack, unpack

from .world import Person, World, can_talk, dials, friends, introduced, meeting, strangers


def test_a_first_contact_ends_with_fresh_addresses_and_keys_and_the_invite_gone() -> None:
    world, ada, ben = meeting()
    assert ada.invitation is not None
    invite = ada.invitation.invite
    world.until(lambda: introduced(ada, ben))
    assert ada.record.peer_onion == ben.known.onion.public
    assert ben.record.peer_onion == ada.known.onion.public != invite.onion
    assert ben.record.peer_statics[0] != invite.static
    assert not ada.invites
    assert not ada.record.invite
    assert not ada.record.first_static
    assert "invite" not in ada.kinds()
    (number,) = ben.known.links
    ben.wires[number].cut()
    world.run(1)
    world.until(lambda: introduced(ada, ben))
    assert len(ben.record.peer_statics) == 1
    can_talk(world, ada, ben)


def told_of(person: Person) -> int:
    """How often the contact was told to have changed."""
    return sum(isinstance(command, do.TellContact) for command in person.log)


def test_presence_and_what_is_told_of_it() -> None:
    world, ada, ben = meeting()
    contact = ben.known
    seen = [contact.presence]
    world.run(0.1)
    seen.append(contact.presence)
    world.until(lambda: ben.online)
    assert seen == ["offline", "connecting"]
    assert contact.online_since == world.now
    world.until(lambda: introduced(ada, ben))
    since, changes = contact.online_since, told_of(ben)
    world.run(600)
    assert (contact.online_since, told_of(ben)) == (since, changes)
    assert ben.record.last_seen == since
    ada.leave()
    world.run(5)
    assert (ben.online, ben.known.online_since) == (False, None)
    assert told_of(ben) > changes


@pytest.mark.parametrize("size", [1, 2, 63, 64, 1699, 1700, 1830, 5000, 20_000, MAX_TEXT_BYTES])
def test_texts_of_any_length_arrive_as_they_were_written(size: int) -> None:
    world, ada, ben = friends()
    text = ("ä" * (size // 2) + "x")[: size // 2 + size % 2]
    ada.write(text)
    world.until(lambda: ben.texts() == [text])
    world.until(ada.idle)
    assert ada.told[-1].what == "delivered"


def test_sent_is_told_when_the_last_part_has_left() -> None:
    world, ada, ben = friends()
    message = ada.write("x" * 4000)

    def sent() -> list[bool]:
        return [
            c.sent for c in ada.log if isinstance(c, do.TellMessage) and c.message.id == message and not c.new
        ]

    world.until(lambda: sent() == [True])
    assert len(ada.left) >= 3
    world.until(ada.idle)
    assert ben.texts() == ["x" * 4000]


class TestDeletion:
    def test_what_was_delivered_goes_on_both_sides_and_that_is_confirmed(self) -> None:
        world, ada, ben = friends()
        message = ada.write("regretted")
        world.until(lambda: ben.texts() == ["regretted"] and ada.idle())
        ada.burn(message)
        assert not ada.stored(message)
        assert not [told for told in ada.told if told.what == "burned"]
        world.until(ada.idle)
        assert not ben.stored(message)
        assert [told.message for told in ada.told if told.what == "burned"] == [message]
        assert [told.message for told in ben.told if told.what == "deleted-by-peer"] == [message]
        ben.restart()
        world.until(lambda: introduced(ada, ben))
        assert ben.texts() == []

    def test_what_never_left_is_gone_at_once(self) -> None:
        _, ada, ben = friends()
        ben.leave()
        ada.known._active = None
        message = ada.write("never mind")
        ada.burn(message)
        assert [told.what for told in ada.told] == ["deleted", "burned"]
        assert ada.idle()

    def test_what_may_have_left_is_asked_back_also_after_a_restart(self) -> None:
        world, ada, ben = friends()
        message = ada.write("x" * 9000)
        world.run(3)
        ada.restart()
        ada.burn(message)
        assert [item.kind for item in ada.talk.outbox] == ["delete"]
        world.until(lambda: introduced(ada, ben))
        assert ben.texts() == []
        assert ben.shown() == []

    def test_here_alone_is_here_alone(self) -> None:
        world, ada, ben = friends()
        message = ada.write("kept by Ben")
        world.until(ada.idle)
        ada.burn(message, both=False)
        world.run(60)
        assert not ada.stored(message)
        assert ben.texts() == ["kept by Ben"]
        ben.burn(message, both=True)  # not theirs to take back: gone here, and nobody is asked
        world.run(60)
        assert ben.texts() == []
        assert not [told for told in ben.told if told.what == "burned"]
        assert ben.idle()

    def test_one_for_which_there_is_no_room_comes_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world, ada, ben = friends()
        message = ada.write("regretted")
        world.until(lambda: ben.texts() == ["regretted"] and ada.idle())
        monkeypatch.setattr(delivery, "MAX_SEEN", 1)
        ada.burn(message)
        world.run(60)
        assert ben.texts() == ["regretted"]
        assert not ada.idle()
        monkeypatch.undo()
        ada.restart()
        world.until(lambda: introduced(ada, ben))
        assert ben.texts() == []

    def test_what_is_not_there_cannot_be_deleted(self) -> None:
        _, ada, _ = friends()
        ada.log.clear()
        ada.burn(b"nobody knows him")
        assert ada.log == []

    def test_a_deletion_is_tried_until_the_message_would_have_died_anyway(self) -> None:
        world, ada, ben = friends()
        message = ada.write("short-lived", 60)
        world.until(ada.idle)
        ben.leave()
        ada.burn(message)
        (item,) = ada.talk.outbox
        assert item.until > world.now
        world.now = item.until
        world.run(1)
        assert ada.idle()


class TestDialling:
    def test_who_is_away_is_dialled_less_and_less_often_and_found_when_they_come_back(self) -> None:
        world, ada, ben = friends()
        ben.leave()
        world.run(3600)
        before = dials(ada)
        world.run(3600)
        assert 3600 / DIAL_MAX_SECONDS <= dials(ada) - before <= 2 * 3600 / DIAL_MAX_SECONDS + 1
        ben.come_back()
        world.until(lambda: introduced(ada, ben), seconds=DIAL_MAX_SECONDS + 60)

    def test_nobody_dials_while_a_link_is_there_or_being_made(self) -> None:
        world, ada, ben = friends()
        before = dials(ada), dials(ben)
        world.run(3600)
        ada.known.start(world.now)  # tor was away for a moment
        world.run(60)
        assert (dials(ada), dials(ben)) == before
        ben.leave()
        world.delay = lambda wire, reader: 80.0
        world.run(100)
        before = dials(ada), dials(ben)
        ada.known.retry(world.now)
        world.run(10)
        assert dials(ada) == before[0]

    def test_a_lost_link_is_dialled_again_within_seconds(self) -> None:
        world, ada, ben = friends()
        (number,) = ada.known.links
        ada.wires[number].cut()
        world.run(0.4)
        assert not ada.online
        world.until(lambda: introduced(ada, ben), seconds=20)

    def test_a_dial_that_is_slow_still_has_its_whole_handshake(self) -> None:
        world, ada, ben = friends()
        ada.leave()
        ben.leave()
        ada.come_back()
        ben.come_back()
        world.delay = lambda wire, reader: 60.0 if not len(wire.ends) > 1 else 0.5
        world.until(lambda: introduced(ada, ben), seconds=120)

    def test_a_dial_that_comes_through_after_it_was_given_up_is_closed(self) -> None:
        world, ada, _ = friends()
        assert ada.known.handle(events.DialSucceeded(link=4711), world.now) == (do.CloseLink(link=4711),)

    def test_failure_of_the_store_is_followed_by_another_try_but_not_at_once(self) -> None:
        _, _, ben = meeting()
        now = ben.world.now
        ben.known.retry(now)
        assert ben.known.next_deadline is not None
        assert ben.known.next_deadline > now

    def test_an_invite_that_leads_nowhere_is_told_and_still_tried(self) -> None:
        world, ada, ben = strangers()
        assert ada.invitation is not None
        invitation = ada.invitation
        ben.join(invitation)
        ada.reachable = False
        world.run(5)
        assert ben.known.problem == ""
        world.run(120)
        assert ben.known.problem.startswith("nobody answers at this invite yet")
        ada.reachable = True
        world.until(lambda: introduced(ada, ben))
        assert ben.known.problem == ada.known.problem == ""


def test_a_close_cell_ends_the_link_and_another_follows() -> None:
    world, ada, ben = friends()
    (number,) = ada.known.links
    ben.speak(lay_out(CellType.CLOSE))
    world.run(0.4)
    assert do.CloseLink(link=number) in ada.log
    world.until(lambda: introduced(ada, ben))


def test_a_peer_with_another_key_is_not_let_in() -> None:
    world, ada, ben = friends()
    ben.leave()
    ada.leave()
    record = next(key for key in ben.vault if key.kind == "contact")
    changed = unpack(ben.vault[record], ContactRecord)
    changed.static_secret = os.urandom(32)
    ben.vault[record] = pack(changed)
    ada.come_back()
    before = dict(ada.vault)
    ada.reachable, ben.reachable = True, False
    ben.come_back()
    world.run(60)
    assert not ada.online
    assert ada.vault == before


def test_a_text_that_was_broken_off_leaves_nothing_under_reassembly() -> None:
    world, ada, ben = friends()
    message = ada.write("x" * 9000)
    world.until(lambda: bool(ben.talk.inbox._partial))
    ada.burn(message, both=False)
    ada.restart()
    world.until(lambda: introduced(ada, ben))
    assert ben.talk.inbox._partial == {}


def test_cells_on_links_that_are_gone_do_nothing() -> None:
    world, ada, _ = friends()
    for event in (
        events.CellReceived(link=99, cell=b""),
        events.SlotFreed(link=99, waiting=0),
        events.LinkEnded(link=99),
    ):
        assert ada.known.handle(event, world.now) == ()


def test_names_and_lifetimes_are_kept() -> None:
    world, ada, _ = friends()
    ada.ask(events.Renamed(name="Benjamin"))
    ada.ask(events.LifetimeChosen(lifetime=90))
    ada.restart()
    assert (ada.record.name, ada.record.lifetime) == ("Benjamin", 90)
    assert world.now > 0


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [("", None), ("x" * (MAX_TEXT_BYTES + 1), None), ("x", MIN_LIFETIME - 1), ("x", 10**9)],
)
def test_a_text_that_no_peer_would_take_is_our_bug(text: str, lifetime: int | None) -> None:
    _, ada, _ = friends()
    with pytest.raises(LocalProtocolError):
        ada.write(text, lifetime)


def test_an_event_that_no_contact_knows_is_our_bug() -> None:
    world, ada, _ = friends()
    with pytest.raises(LocalProtocolError):
        ada.known.handle("hello", world.now)  # type: ignore[arg-type]  # that is the point


def test_an_error_without_a_link_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ada, _ = friends()

    def broken(*_: object) -> None:
        raise CryptoError("a value is unusable")

    monkeypatch.setattr(Contact, "_due", broken)
    with pytest.raises(CryptoError):
        ada.known.handle(events.DeadlinePassed(), world.now)


def test_one_persist_stands_before_everything_else_that_an_event_does() -> None:
    """`Person.apply` checks it for every event of every test; here it is said once, on a busy scene."""
    world, ada, ben = friends()
    ada.write("x" * 3000)
    world.until(lambda: ben.texts() != [])
    for first, second in itertools.pairwise(ada.log):
        if isinstance(second, do.Lay) and second.cell_type == CellType.ENVELOPE:
            assert isinstance(first, do.Persist | do.Lay | do.TellMessage | do.TellContact)


def both_ways(world: World, ada: Person, ben: Person, turns: int) -> None:
    for _ in range(turns):
        can_talk(world, ada, ben)


def epoch(person: Person) -> int:
    session = person.talk._session
    assert session is not None
    return session._state.epoch.number


class TestRekeying:
    def test_a_conversation_reaches_new_epochs_on_both_sides(self) -> None:
        world, ada, ben = friends()
        both_ways(world, ada, ben, 40)
        assert epoch(ada) >= 4
        assert abs(epoch(ada) - epoch(ben)) <= 1
        assert ada.lines() == ben.lines() == []

    def test_also_where_the_link_is_lost_again_and_again_and_programs_restart(self) -> None:
        world, ada, ben = friends()
        for turn in range(40):
            can_talk(world, ada, ben)
            if turn % 3 == 0:
                for wire in list(ada.wires.values()):
                    wire.cut()
            if turn % 7 == 0:
                ben.restart()
        assert epoch(ada) >= 3
        assert ada.lines() == ben.lines() == []

    def test_a_key_that_was_lost_with_its_link_is_said_on_the_next(self) -> None:
        world, ada, ben = friends()
        session = ben.talk._session
        assert session is not None
        world.run(session._state.due_at - 1 - world.now)
        said = len(ben.left)
        world.cutter = lambda wire, writer, carried: wire is world.wires[0]
        world.notice = lambda: 8.0
        world.run(7)
        assert len(ben.left) == said + 1
        world.run(3)
        world.cutter = None
        world.until(lambda: introduced(ada, ben))
        both_ways(world, ada, ben, 2)
        assert epoch(ada) == epoch(ben) == 1

    def test_a_key_is_said_once_on_a_link_and_again_on_the_next(self) -> None:
        world, ada, ben = friends()
        world.run(3700)  # one is due
        said = len(ada.left) + len(ben.left)
        world.run(60)
        assert len(ada.left) + len(ben.left) == said
        before = epoch(ada)
        ben.write("and now")
        world.until(lambda: "and now" in ada.texts())
        world.run(600)
        both_ways(world, ada, ben, 2)
        assert epoch(ada) == before + 1


@pytest.mark.parametrize("what", ["version", "suite"])
def test_whoever_was_met_with_a_newer_program_is_out_of_reach_and_the_user_is_told_why(what: str) -> None:
    _, ada, _ = friends()
    assert ada.known.problem == ""
    setattr(ada.record, what, 99)
    assert "update this one" in ada.known.problem


def test_what_has_had_its_time_goes_with_the_next_event_whatever_that_is() -> None:
    world, ada, _ = friends()
    message = ada.write("short", lifetime=5)
    ada.talk.outbox.remove(message, Batch())
    ada.talk.timeline.delivered(message, world.now, Batch())
    commands = ada.known.handle(events.Renamed(name="Benjamin"), world.now + 6)
    assert do.TellGone(message=message, why="expired") in commands


def test_a_machine_that_has_a_link_dials_none_when_it_is_started() -> None:
    world, ada, _ = friends()
    ada.known.start(world.now)
    assert ada.known._dialling.due is None


def test_a_deadline_of_something_else_ends_no_link() -> None:
    world, ada, ben = friends()
    (number,) = ada.known.links
    ada.apply(ada.known, events.DeadlinePassed())
    assert ada.known.links == (number,)
    ben.restart()
    world.until(lambda: any(k.state is LinkState.DIALLING for k in ben.known._links.values()))
    dialled = ben.known.links
    ben.apply(ben.known, events.DeadlinePassed())
    assert ben.known.links == dialled


def test_what_the_user_chooses_for_a_contact_is_kept() -> None:
    world, ada, _ = friends()
    key = do.Key(kind="contact", key=ada.record.id)
    chosen = (
        events.LifetimeChosen(lifetime=77),
        events.Renamed(name="Benjamin"),
        events.PaceChosen(pace=ada.pace),
    )
    for event in chosen:
        first = ada.known.handle(event, world.now)[0]
        assert isinstance(first, do.Persist)
        kept = unpack(dict(first.puts)[key], ContactRecord)
    assert (kept.lifetime, kept.name) == (77, "Benjamin")


def test_a_handshake_whose_key_is_gone_when_it_is_done_leads_to_nothing() -> None:
    world, ada, ben = friends()
    ben.restart()
    world.until(lambda: any(k.state is LinkState.AWAIT_MESSAGE_3 for k in ada.known._links.values()))
    other = Psk(generation=99, key=bytes(32), session=ada.record.session)
    held, ada.record.psks = ada.record.psks, [other]
    ada.log.clear()
    world.run(2)
    assert not [command for command in ada.log if isinstance(command, do.BeginSending)]
    ada.record.psks = held
    world.until(lambda: introduced(ada, ben))


def test_links_that_are_proven_take_no_room_from_those_that_are_half_open() -> None:
    world, ada, _ = friends()
    (used,) = ada.known.links
    assert not ada.known._links[used].dialled
    for number in (1001, 1002):
        ada.apply(ada.known, events.ConnectionAccepted(link=number))
    assert ada.known.links == (used, 1001, 1002)
    ada.apply(ada.known, events.ConnectionAccepted(link=1003))
    assert ada.known.links == (used, 1002, 1003)
    world.run(5)
    assert ada.online


def dialling(world: World, person: Person) -> Link:
    """The link that a person dials next, before it stands."""
    for wire in list(person.wires.values()):
        wire.cut()
    world.until(lambda: any(k.state is LinkState.DIALLING for k in person.known._links.values()))
    return next(k for k in person.known._links.values() if k.state is LinkState.DIALLING)


@pytest.mark.parametrize(
    ("lost", "session", "intent"),
    [(False, None, Intent.RESUME), (True, None, Intent.RESET), (False, b"another.", Intent.RESET)],
)
def test_a_link_resumes_only_a_session_that_is_held_and_goes_with_the_key(
    lost: bool, session: bytes | None, intent: Intent
) -> None:
    world, _, ben = friends()
    link = dialling(world, ben)
    ben.record.session_lost = lost
    if session is not None:
        ben.record.psks = [Psk(generation=p.generation, key=p.key, session=session) for p in ben.record.psks]
    world.until(lambda: link.state is LinkState.AWAIT_MESSAGE_2)
    assert link.intent is intent


def test_until_the_peer_knows_our_own_key_we_dial_with_the_invites() -> None:
    world, ada, ben = meeting()
    world.until(lambda: ada.contact is not None)
    ben.leave()
    link = dialling(world, ada)
    ada.known.handle(events.DialSucceeded(link=link.number), world.now)
    first = ada.record.first_static
    assert link.initiator_static == KeyPair.from_secret(first).public
    assert first != ada.record.static_secret


def test_each_link_makes_the_next_key_which_is_kept_before_anything_is_sent_and_the_used_one_goes() -> None:
    world, ada, ben = friends()
    before = ada.record.psks[0]
    ben.restart()
    ada.log.clear()
    world.until(lambda: any(isinstance(command, do.BeginSending) for command in ada.log))
    newest, used = ada.record.psks
    assert newest.generation == used.generation + 1 == before.generation + 1
    (kept,) = (data for key, data in ada.vault.items() if key.kind == "contact")
    assert unpack(kept, ContactRecord).psks == [newest, used]
    link = max(ada.known._links.values(), key=lambda link: link.number)
    assert link.used == Psk(generation=used.generation, key=b"", session=b"")
    world.until(lambda: introduced(ada, ben))
    assert used not in ada.record.psks
    for one, other in ((ada, ben), (ben, ada)):
        assert one.record.peer_statics == [KeyPair.from_secret(other.record.static_secret).public]
        assert one.known._dialling.refusals == 0
