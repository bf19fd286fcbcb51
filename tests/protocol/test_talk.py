"""What two sides say to each other on one link, without anything around it: what is queued, laid and kept."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import pytest

from onionchat.crypto.keys import KeyPair
from onionchat.crypto.onion import OnionKey
from onionchat.crypto.ratchet import Ratchet
from onionchat.errors import RemoteProtocolError
from onionchat.protocol import body, delivery, events, talk
from onionchat.protocol import commands as do
from onionchat.protocol.batch import Batch
from onionchat.protocol.cell import CellType
from onionchat.protocol.commands import Key
from onionchat.protocol.constants import ENVELOPE_SIZE, MAX_TEXT_BYTES, UNREAD_LIFE, WINDOW_ANSWER_SECONDS
from onionchat.protocol.delivery import Inbox, seen_until
from onionchat.protocol.greeting import Intent
from onionchat.protocol.lines import COPY_HERE, RESTORED_THERE, SESSION_RENEWED
from onionchat.protocol.link import Link
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import (
    ContactRecord,
    OutgoingRecord,
    SeenRecord,
    SessionRecord,
    pack,
    unpack,
)
from onionchat.protocol.talk import Talk
from onionchat.protocol.timeline import upper_bound

from .test_link import Two

NOW = 100.0
LIFETIME = 60
SOME_IDS = 24
"""So many acknowledgements leave with one envelope."""


def contact(*, invite: bytes = b"", session: bytes = b"") -> ContactRecord:
    """A contact of whom nothing is known yet."""
    return ContactRecord(
        id=os.urandom(8),
        identity=b"me",
        name="them",
        created=NOW,
        lifetime=LIFETIME,
        onion_seed=os.urandom(32),
        static_secret=KeyPair.generate(os.urandom).secret(),
        invite=invite,
        session=session,
    )


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def stored(commands: tuple[do.Command, ...]) -> dict[Key, bytes]:
    """What is put into the vault."""
    return {key: value for one in commands if isinstance(one, do.Persist) for key, value in one.puts}


class Side:
    """One of two, with its end of a link."""

    def __init__(self, link: Link, *, invite: bytes = b"") -> None:
        self.now = NOW
        self.talk = Talk(contact(invite=invite), random=os.urandom)
        self.begins(link)

    def does(self, action: Callable[[Batch], object]) -> tuple[do.Command, ...]:
        batch = Batch()
        action(batch)
        return batch.commands()

    def begins(self, link: Link) -> tuple[do.Command, ...]:
        """Take up the session that ``link`` began."""
        self.link = link
        return self.does(lambda batch: self.talk.begin(link, self.now, batch))

    def opens(self) -> None:
        """Use the link; the peer has nothing of ours."""
        self.talk.open(self.link, self.link.pace, self.now, Batch())
        self.has()

    def has(self, *ids: bytes) -> tuple[do.Command, ...]:
        """The peer says which ones it has."""
        return self.does(lambda batch: self.talk.peer_has(ids, self.now, batch))

    def asks(self, event: events.Event) -> tuple[do.Command, ...]:
        return self.does(lambda batch: self.talk.asked(event, self.now, batch))

    def writes(self, number: int, text: str = "text") -> bytes:
        self.asks(events.TextWritten(id=name(number), text=text))
        return name(number)

    def lays(self) -> list[bytes]:
        """Envelopes that are laid until there is nothing to say."""
        made: list[bytes] = []
        while True:
            self.link.laid.clear()
            commands = self.does(lambda batch: self.talk.lay(self.link, self.now, batch))
            laid = [one for one in commands if isinstance(one, do.Lay)]
            assert all(one.cell_type is CellType.ENVELOPE for one in laid)
            if not laid:
                return made
            made += [one.body for one in laid]

    def hears(self, *envelopes: bytes, active: bool = True) -> tuple[do.Command, ...]:
        def receive(batch: Batch) -> None:
            for one in envelopes:
                self.talk.receive(self.link, one, self.now, batch, active=active, came=self.now)

        return self.does(receive)

    def slips(self, *parts: body.Part) -> bytes:
        """An envelope with any parts, as only a changed program would send it."""
        assert self.talk._session is not None
        return self.talk._session.encrypt(body.pack(list(parts)), random=os.urandom, now=int(self.now))

    def says(self, session: Ratchet, envelopes: list[bytes]) -> list[list[body.Part]]:
        """What is in envelopes, for a peer with this session."""
        return [body.unpack(session.decrypt(one, random=os.urandom, now=int(self.now))) for one in envelopes]

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.talk.timeline if not one.mine and not one.system]


def linked(*, intent: Intent = Intent.CONTACT) -> tuple[Link, Link]:
    """Both ends of a link that began a session."""
    two = Two(intent=intent)
    two.shake()
    return two.dialler, two.accepter


def begun(*, invite: bytes = b"") -> tuple[Side, Side]:
    """Ada, who dialled, and Ben, whose invite it may have been; nothing was said."""
    dialled, accepted = linked()
    return Side(dialled), Side(accepted, invite=invite)


def talking() -> tuple[Side, Side]:
    """Both have said hello and owe each other nothing."""
    ada, ben = begun()
    ada.opens()
    ben.opens()
    settle(ada, ben)
    assert not len(ada.talk.outbox)
    return ada, ben


def settle(ada: Side, ben: Side) -> None:
    """Let everything that is to be said arrive."""
    moved = True
    while moved:
        moved = False
        for writer, reader in ((ada, ben), (ben, ada)):
            envelopes = writer.lays()
            reader.hears(*envelopes)
            moved = moved or bool(envelopes)


def text(number: int, data: bytes = b"text", **changed: int) -> body.TextPart:
    """A whole text."""
    parts = {"offset": 0, "total": len(data), "lifetime": LIFETIME, "written": int(NOW)} | changed
    return body.TextPart(id=name(number), data=data, **parts)


# --- sessions ----------------------------------------------------------------------------------------


def test_what_was_kept_is_what_a_talk_goes_on_with_and_it_stores_nothing_by_itself() -> None:
    ada, _ = talking()
    inbox = Inbox(ada.talk.record.id)
    again = Talk(ada.talk.record, random=os.urandom, session=ada.talk._session, inbox=inbox)
    assert again.inbox is inbox
    assert not again.lost
    assert ada.does(again.flush) == ()
    assert ada.does(lambda batch: again.lay(ada.link, NOW, batch)) == ()
    (due,) = ada.does(lambda batch: again.lay(ada.link, NOW + 3700, batch))
    assert isinstance(due, do.Lay)


def test_a_session_that_begins_is_the_one_from_now_on_and_is_stored_once() -> None:
    dialled, _ = linked()
    made = dialled.session
    assert made is not None
    side = Side(linked()[0])
    side.talk.record.restored = side.talk.record.session_lost = True
    side.begins(dialled)
    assert (side.talk.record.restored, side.talk.record.session_lost, side.talk.lost) == (False, False, False)
    assert side.talk.record.session == dialled.session_handle
    key = Key(kind="session", scope=side.talk.record.id)
    assert stored(side.does(side.talk.flush)) == {key: pack(SessionRecord(ratchet=made.to_bytes()))}
    assert side.does(side.talk.flush) == ()


def test_each_step_of_the_ratchet_is_stored() -> None:
    ada, ben = talking()
    for side in (ada, ben):
        side.does(side.talk.flush)
    ada.writes(1)
    envelopes = ada.lays()
    ben.hears(*envelopes)
    for side in (ada, ben):
        session = side.talk._session
        assert session is not None
        (kept,) = stored(side.does(side.talk.flush)).values()
        assert unpack(kept, SessionRecord).ratchet == session.to_bytes()


@pytest.mark.parametrize(
    ("recovers", "restores", "lost_there", "line"),
    [
        (True, True, False, COPY_HERE),
        (True, True, True, RESTORED_THERE),
        (False, True, False, RESTORED_THERE),
        (False, False, False, SESSION_RENEWED),
    ],
)
def test_only_who_used_the_recovery_psk_itself_takes_the_peers_session_for_a_copys(
    recovers: bool, restores: bool, lost_there: bool, line: str
) -> None:
    side, _ = talking()
    dialled, _ = linked(intent=Intent.RESET)
    dialled.recovers, dialled.restores, dialled.lost_there = recovers, restores, lost_there
    side.begins(dialled)
    assert [one.text for one in side.talk.timeline if one.system] == [line]


def test_who_dials_says_hello_and_whose_invite_it_was_their_address_once() -> None:
    ada, ben = begun(invite=b"invite")
    (hello,) = ada.talk.outbox
    assert hello == OutgoingRecord(
        id=hello.id, sequence=0, kind="hello", written=NOW, lifetime=0, target=b"", data=b"", until=math.inf
    )
    (address,) = ben.talk.outbox
    onion = OnionKey.from_seed(ben.talk.record.onion_seed).public
    static = KeyPair.from_secret(ben.talk.record.static_secret).public
    assert (address.kind, address.data) == ("address", onion + static)
    ben.begins(linked()[1])
    assert list(ben.talk.outbox) == [address]
    _, without = begun()
    assert not list(without.talk.outbox)


def test_what_one_link_left_in_part_does_not_count_on_the_next() -> None:
    ada, ben = talking()
    ben.hears(ada.slips(text(1, b"ab", total=4)))
    before = ben.talk.inbox.unfinished
    ben.opens()
    assert (before, ben.talk.inbox.unfinished) == (True, False)
    ben.hears(ada.slips(text(1, b"cd", offset=2, total=4)))
    assert ben.texts == []


# --- keys of new epochs ------------------------------------------------------------------------------


def due() -> tuple[Side, Side]:
    """An hour later: whose turn it is proposes an epoch."""
    ada, ben = talking()
    ada.now = ben.now = NOW + 3700
    return ada, ben


def keys_in(parts: list[list[body.Part]]) -> list[type]:
    return [type(one) for some in parts for one in some]


def test_a_key_is_said_once_on_a_link_and_again_on_the_next() -> None:
    ada, ben = due()
    session = ben.talk._session
    assert session is not None
    assert keys_in(ben.says(session, ada.lays())) == [body.KemKeyPart]
    ada.writes(1)
    assert keys_in(ben.says(session, ada.lays())) == [body.TextPart]
    ada.opens()
    assert keys_in(ben.says(session, ada.lays())) == [body.KemKeyPart, body.TextPart]


def test_a_key_of_one_session_is_not_taken_for_said_in_the_next() -> None:
    ada, _ = due()
    assert len(ada.lays()) == 1
    dialled, accepted = linked()
    ada.begins(dialled)
    assert accepted.session is not None
    ada.now += 7200
    ada.link.laid.clear()
    assert body.KemKeyPart in keys_in(ada.says(accepted.session, ada.lays()))


def test_after_an_epoch_texts_go_on() -> None:
    ada, ben = due()
    settle(ada, ben)
    ada.writes(1, "one")
    settle(ada, ben)
    ben.writes(2, "two")
    settle(ada, ben)
    ada.writes(3, "three")
    settle(ada, ben)
    assert (ada.texts, ben.texts) == (["two"], ["one", "three"])
    for side in (ada, ben):
        assert side.talk._session is not None
        assert side.talk._session._state.epoch.number == 1


# --- what the user asks ------------------------------------------------------------------------------


def test_the_longest_text_is_taken() -> None:
    ada, _ = talking()
    ada.writes(1, "x" * MAX_TEXT_BYTES)
    (item,) = ada.talk.outbox
    assert len(item.data) == MAX_TEXT_BYTES


def test_what_is_queued_has_the_next_number_which_is_stored() -> None:
    ada, _ = talking()
    first = ada.talk.record.sequence
    key = Key(kind="contact", key=ada.talk.record.id)
    for more in range(3):
        puts = stored(ada.asks(events.TextWritten(id=name(more), text="x")))
        assert unpack(puts[key], ContactRecord).sequence == first + more + 1
    assert [item.sequence for item in ada.talk.outbox] == [first, first + 1, first + 2]


def test_a_deletion_is_said_under_its_own_id_until_the_message_would_have_died() -> None:
    ada, ben = talking()
    message = ada.writes(1)
    settle(ada, ben)
    ada.now = NOW + 50
    ada.asks(events.DeletionAsked(message=message, both=True, id=name(2)))
    (item,) = ada.talk.outbox
    assert (item.id, item.kind, item.target) == (name(2), "delete", message)
    assert item.until == upper_bound(NOW, LIFETIME)


def test_a_proposal_that_nobody_answered_is_withdrawn_in_time() -> None:
    ada, _ = talking()
    ada.asks(events.WindowAsked(id=name(1), seconds=16))
    late = NOW + WINDOW_ANSWER_SECONDS
    assert ada.talk.next_deadline == late
    (told,) = ada.does(lambda batch: ada.talk.expire(late, batch))
    assert isinstance(told, do.TellWindow)
    assert told.state == "withdrawn"


# --- what comes in -----------------------------------------------------------------------------------


def test_what_the_peer_says_that_it_has_is_delivered_and_does_not_leave_again() -> None:
    ada, _ = talking()
    message, other = ada.writes(1), ada.writes(2)
    ada.talk.open(ada.link, ada.link.pace, NOW, Batch())
    ada.has(message)
    assert [item.id for item in ada.talk.outbox] == [other]
    assert [one.delivered for one in ada.talk.timeline] == [True, False]


def test_a_deletion_is_remembered_and_so_is_what_it_took_away() -> None:
    ada, ben = talking()
    message = ada.writes(1)
    settle(ada, ben)
    commands = ben.hears(ada.slips(body.DeletePart(id=name(2), target=message)))
    assert ben.texts == []
    assert ben.talk.inbox.known(name(2))
    kept = {key.key: value for key, value in stored(commands).items() if key.kind == "seen"}
    assert unpack(kept[message], SeenRecord).until == seen_until(NOW, UNREAD_LIFE)


def test_nobody_takes_back_what_another_wrote() -> None:
    ada, ben = talking()
    message = ben.writes(1)
    settle(ada, ben)
    commands = ben.hears(ada.slips(body.DeletePart(id=name(2), target=message)))
    assert [one.id for one in ben.talk.timeline] == [message]
    assert message not in {key.key for key in stored(commands)}


def test_a_text_that_is_known_is_acknowledged_again_and_not_shown_again() -> None:
    ada, ben = talking()
    for _ in range(2):
        ben.hears(ada.slips(text(1)))
        assert ben.talk.inbox.take_acks() == [name(1)]
    assert ben.texts == ["text"]


def test_a_text_under_the_id_of_one_of_ours_is_no_text() -> None:
    ada, ben = talking()
    message = ben.writes(1, "mine")
    settle(ada, ben)  # in the timeline alone
    gone = ben.writes(2)
    settle(ada, ben)
    ben.asks(events.DeletionAsked(message=gone, both=True, id=name(3)))  # in the outbox alone
    for number in (1, 3):
        ben.hears(ada.slips(text(number, b"theirs")))
        assert ben.talk.inbox.take_acks() == [name(number)]
    assert ben.texts == []
    assert [one.id for one in ben.talk.timeline] == [message]


def test_a_text_that_was_deleted_here_does_not_come_again() -> None:
    ada, ben = talking()
    puts = stored(ben.hears(ada.slips(text(1))))
    seen = Key(kind="seen", scope=ben.talk.record.id, key=name(1))
    assert unpack(puts[seen], SeenRecord).until == seen_until(NOW, LIFETIME)
    ben.asks(events.DeletionAsked(message=name(1), both=False, id=name(2)))
    ben.hears(ada.slips(text(1)))
    assert ben.texts == []


def test_what_has_no_room_among_the_ids_is_neither_done_nor_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada, ben = talking()
    message = ada.writes(1)
    settle(ada, ben)
    monkeypatch.setattr(delivery, "MAX_SEEN", 2)
    ben.hears(ada.slips(body.DeletePart(id=name(2), target=message), text(3, b"new")))
    assert ben.texts == ["text"]
    assert not ben.talk.inbox.pending


def test_a_text_that_is_no_text_is_the_peers_fault() -> None:
    ada, ben = talking()
    with pytest.raises(RemoteProtocolError, match="UTF-8"):
        ben.hears(ada.slips(text(1, b"\xff")))


def test_an_envelope_that_does_not_open_is_the_end_of_the_session() -> None:
    _, ben = talking()
    batch, key = Batch(), Key(kind="contact", key=ben.talk.record.id)
    with pytest.raises(RemoteProtocolError, match="does not belong"):
        ben.talk.receive(ben.link, os.urandom(ENVELOPE_SIZE), NOW, batch, active=True, came=NOW)
    assert ben.talk.lost
    assert unpack(stored(batch.commands())[key], ContactRecord).session_lost


def test_an_envelope_of_a_session_that_is_not_held_is_none() -> None:
    ada, ben = talking()
    envelope = ada.slips(text(1))
    ben.talk = Talk(ben.talk.record, random=os.urandom)
    with pytest.raises(RemoteProtocolError, match="not held"):
        ben.hears(envelope)


def test_terms_are_heard_and_a_pace_is_acknowledged() -> None:
    ada, ben = talking()
    slow = Pace(tick_ms=20_000)
    before = ben.link.tolerance.silence
    told = ben.hears(
        ada.slips(
            body.PacePart(id=name(1), pace=slow),
            body.WindowPart(id=name(2), seconds=16, step=body.Step.PROPOSE),
        )
    )
    assert ben.link.tolerance.silence > before
    assert ben.talk.inbox.take_acks() == [name(1)]
    assert told == (do.TellWindow(window=name(2), mine=False, seconds=16, state="proposed"),)


def test_texts_beyond_what_may_be_held_wait_at_their_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "MAX_HELD", 3)
    ada, ben = talking()
    for number, data in enumerate((b"abc", b"d", b"e")):
        ben.hears(ada.slips(text(number, data)))
    assert ben.texts == ["abc", "d"]
    assert ben.talk.inbox.take_acks() == [name(0), name(1)]


def test_an_inviter_takes_no_address_and_who_joined_remembers_two_keys() -> None:
    ada, ben = begun(invite=b"invite")
    before = ben.talk.record.peer_onion
    parts = [body.AddressPart(id=name(n), onion=bytes([n]) * 32, static=bytes([n]) * 32) for n in range(1, 4)]
    ben.hears(ada.slips(parts[0]))
    assert (ben.talk.record.peer_onion, ben.talk.record.introduced) == (before, False)
    ada, ben = talking()
    for part in parts:
        ben.hears(ada.slips(part))
    assert ben.talk.record.peer_onion == b"\3" * 32
    assert ben.talk.record.peer_statics == [b"\3" * 32, b"\2" * 32]


# --- what goes out -----------------------------------------------------------------------------------


def test_nothing_is_laid_in_a_session_that_is_lost() -> None:
    ada, _ = talking()
    ada.writes(1)
    ada.talk.record.session_lost = True
    assert ada.lays() == []
    ada.talk.record.session_lost = False
    assert len(ada.lays()) == 1


def test_a_text_that_would_fill_an_envelope_leaves_room_for_what_rides_along() -> None:
    ada, ben = talking()
    for number in range(SOME_IDS):
        ben.talk.inbox.acknowledge(name(number))
    long = ben.writes(100, "x" * 3000)
    envelopes = ben.lays()
    ada.hears(*envelopes)
    assert ada.texts == ["x" * 3000]
    assert len(envelopes) == 2
    assert ben.talk.outbox.get(long) is not None


def windows(side: Side, count: int) -> None:
    """Propose and withdraw so many windows, two parts each."""
    for number in range(count):
        side.asks(events.WindowAsked(id=name(900 + number), seconds=16))
        side.asks(events.WindowWithdrawn())


def test_no_envelope_has_more_parts_than_may_be() -> None:
    ada, ben = talking()
    ben.talk.inbox.acknowledge(name(1))
    windows(ben, 8)
    assert ada.talk._session is not None
    said = ben.says(ada.talk._session, ben.lays())
    assert [len(parts) for parts in said] == [body.MAX_PARTS, 2]
    ben.talk.inbox.acknowledge(name(2))
    for number in range(20):
        ben.writes(number)
    said = ben.says(ada.talk._session, ben.lays())
    assert [len(parts) for parts in said] == [body.MAX_PARTS, 6]


def test_a_text_leaves_room_for_what_is_said_of_windows() -> None:
    ada, ben = talking()
    windows(ben, 5)
    ben.writes(1, "x" * 3000)
    ada.hears(*ben.lays())
    assert ada.texts == ["x" * 3000]
