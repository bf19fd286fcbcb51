"""A contact's machine, whose peer is the test: which link counts, what ends one, and what is dialled then."""

from __future__ import annotations

import itertools
import os
from dataclasses import FrozenInstanceError

import pytest

from onionchat.crypto.handshake import prologue
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import SendingCipher
from onionchat.errors import RemoteProtocolError
from onionchat.protocol import commands as do
from onionchat.protocol import events
from onionchat.protocol.batch import Batch
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.commands import Key
from onionchat.protocol.constants import PACE_ANSWER_SECONDS, SETTLE_SECONDS
from onionchat.protocol.contact import Contact, Surroundings
from onionchat.protocol.greeting import Intent
from onionchat.protocol.lines import COPY_THERE, RESTORED_THERE
from onionchat.protocol.link import Answer, Established, Link
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import RECOVERY, ContactRecord, Psk, unpack
from onionchat.protocol.talk import Talk

from .test_link import PSKS, Two
from .test_talk import NOW, contact, linked, stored

PEER_ONION = b"o" * 32
COVER = lay_out(CellType.COVER)
RECOVERS = Psk(generation=1, key=b"r" * 32, session=RECOVERY)


class Bench:
    """One contact, and the other end of each of its links."""

    def __init__(self) -> None:
        self.now = NOW
        self.ours, self.theirs = KeyPair.generate(os.urandom), KeyPair.generate(os.urandom)
        begun, _ = linked()
        record = self.record = contact(session=begun.session_handle)
        record.static_secret = self.ours.secret()
        record.peer_statics, record.peer_onion = [self.theirs.public], PEER_ONION
        record.psks = [Psk(generation=1, key=b"k" * 32, session=record.session)]
        record.recovery_psk, record.introduced = RECOVERS.key, True
        around = Surroundings(random=os.urandom, numbers=itertools.count(1))
        talk = Talk(record, random=os.urandom, session=begun.session)
        self.contact = Contact(record, talk, around, pace=Pace())
        self.sending: dict[int, SendingCipher] = {}

    def happens(self, event: events.Event) -> tuple[do.Command, ...]:
        return self.contact.handle(event, self.now)

    def hears(self, number: int, cell: bytes) -> tuple[do.Command, ...]:
        return self.happens(events.CellReceived(link=number, cell=cell))

    def proves(self, number: int) -> tuple[do.Command, ...]:
        """The peer's next cell on a link."""
        return self.hears(number, self.sending[number].seal(COVER))

    def ends(self, number: int) -> tuple[do.Command, ...]:
        return self.happens(events.LinkEnded(link=number))

    def comes(self, number: int, *, psk: Psk | None = None, intent: Intent = Intent.RESUME) -> None:
        """The peer dials, and the handshake is done."""
        self.happens(events.ConnectionAccepted(link=number))
        link = Link.dial(number, pace=Pace(), now=self.now)
        message_1 = link.greet(
            prologue=prologue(self.contact.onion.public),
            static=self.theirs,
            remote_static=self.ours.public,
            psk=psk or self.record.psks[0],
            intent=intent,
            onion=bytes(32),
            random=os.urandom,
            now=self.now,
        )
        done = link.receive(sent(self.hears(number, message_1)), random=os.urandom, now=self.now)
        assert isinstance(done, Established)
        assert done.answer is not None
        self.hears(number, done.answer)
        self.sending[number] = SendingCipher(link.take_sending_key())

    def dials(self) -> int:
        """We dial; nobody has answered yet."""
        self.contact.start(self.now)
        (dial,) = (one for one in self.happens(events.DeadlinePassed()) if isinstance(one, do.Dial))
        return dial.link

    def answers(self, number: int) -> None:
        """The peer takes what was dialled, and the handshake is done."""
        message_1 = sent(self.happens(events.DialSucceeded(link=number)))
        link = Link.accept(
            number,
            prologue=prologue(PEER_ONION),
            static=self.theirs,
            psks=tuple(self.record.psks),
            session=self.record.session,
            ratchet_key=KeyPair.generate(os.urandom),
            random=os.urandom,
            pace=Pace(),
            now=self.now,
        )
        answer = link.receive(message_1, random=os.urandom, now=self.now)
        assert isinstance(answer, Answer)
        link.receive(sent(self.hears(number, answer.cell)), random=os.urandom, now=self.now)
        self.sending[number] = SendingCipher(link.take_sending_key())

    def active(self) -> int | None:
        """The number of the active link."""
        return None if self.contact.active is None else self.contact.active.number

    def due(self) -> float | None:
        """When the next dial is due."""
        return self.contact._dialling.due

    @property
    def refusals(self) -> int:
        return self.contact._dialling.refusals

    @property
    def lines(self) -> list[str]:
        return [one.text for one in self.contact.talk.timeline if one.system]


def sent(commands: tuple[do.Command, ...]) -> bytes:
    """The one handshake cell that is sent."""
    (cell,) = (one.cell for one in commands if isinstance(one, do.SendCell))
    return cell


def test_what_all_contacts_share_is_named_and_stays_as_it_is() -> None:
    around = Bench().contact._around
    with pytest.raises(FrozenInstanceError):
        around.numbers = itertools.count()  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError):
        Surroundings(os.urandom, itertools.count())  # type: ignore[call-arg]  # the same


# --- which link counts -------------------------------------------------------------------------------


def test_a_link_counts_from_its_first_cell_on_which_is_stored() -> None:
    bench = Bench()
    bench.comes(101)
    assert bench.active() is None
    bench.now += 3
    puts = stored(bench.proves(101))
    assert bench.active() == 101
    kept = unpack(puts[Key(kind="contact", key=bench.record.id)], ContactRecord)
    assert (kept.last_seen, kept.psks) == (bench.now, bench.record.psks)


def test_a_newer_link_of_the_same_dialler_takes_the_place_of_the_older_which_is_closed() -> None:
    bench = Bench()
    bench.comes(101)
    bench.proves(101)
    since = bench.now
    bench.now += 5
    bench.comes(102)
    assert bench.active() == 101
    commands = bench.proves(102)
    assert (bench.active(), bench.contact.links) == (102, (102,))
    assert do.CloseLink(link=101) in commands
    assert bench.contact.online_since == since


def test_one_that_we_dialled_leaves_the_older_to_who_dialled_that() -> None:
    bench = Bench()
    ours = bench.dials()
    bench.comes(101)
    bench.proves(101)
    bench.now += SETTLE_SECONDS + 1
    bench.answers(ours)
    commands = bench.proves(ours)
    assert (bench.active(), bench.contact.links) == (ours, (ours, 101))
    assert do.CloseLink(link=101) not in commands
    assert bench.contact._links[101].replaced == bench.now


def test_a_session_from_the_recovery_psk_beside_a_link_that_counts_is_another_copys() -> None:
    for beside, line in ((False, RESTORED_THERE), (True, COPY_THERE)):
        bench = Bench()
        if beside:
            bench.comes(101)
            bench.proves(101)
        bench.comes(102, psk=RECOVERS, intent=Intent.RESET)
        bench.proves(102)
        assert bench.lines == [line]


# --- what ends one -----------------------------------------------------------------------------------


def test_a_peer_that_says_so_is_gone_at_once() -> None:
    bench = Bench()
    bench.comes(101)
    bench.proves(101)
    cell = bench.sending[101].seal(lay_out(CellType.CLOSE))
    assert do.CloseLink(link=101) in bench.hears(101, cell)
    assert (bench.active(), bench.contact.links) == (None, ())


def test_a_peer_that_keeps_us_from_our_pace_is_left() -> None:
    bench = Bench()
    bench.comes(101)
    bench.proves(101)
    bench.happens(events.PaceChosen(pace=Pace(tick_ms=4_000)))
    bench.now += PACE_ANSWER_SECONDS - 1
    bench.proves(101)
    assert bench.active() == 101
    bench.now += 1
    assert do.CloseLink(link=101) in bench.proves(101)
    assert bench.active() is None


def test_a_link_without_the_keys_of_its_handshake_is_not_taken_over() -> None:
    bench, two = Bench(), Two(intent=Intent.CONTACT)
    two.shake()
    bench.record.invite_psk, bench.record.peer_statics = PSKS[0].key, [two.statics[0].public]
    with pytest.raises(RemoteProtocolError):
        bench.contact.adopt(two.accepter, bench.now, Batch())


def test_the_peer_was_last_seen_when_the_link_that_counted_ended() -> None:
    bench = Bench()
    bench.comes(101)
    bench.proves(101)
    bench.now += 7
    bench.ends(101)
    assert (bench.active(), bench.contact.online_since) == (None, None)
    assert bench.record.last_seen == bench.now
    due = bench.due()
    assert due is not None
    assert due > bench.now


# --- what is dialled then ----------------------------------------------------------------------------


def test_nothing_is_dialled_before_it_is_due_or_beside_a_link_that_counts() -> None:
    bench = Bench()
    bench.contact.retry(bench.now)
    assert not any(isinstance(one, do.Dial) for one in bench.happens(events.DeadlinePassed()))
    bench.comes(101)
    bench.proves(101)
    due = bench.due()
    assert due is not None
    bench.now = due
    assert not any(isinstance(one, do.Dial) for one in bench.happens(events.DeadlinePassed()))
    assert (bench.active(), bench.due()) == (101, None)


def test_a_stranger_who_leaves_changes_nothing_of_when_we_dial() -> None:
    bench = Bench()
    bench.happens(events.ConnectionAccepted(link=101))
    bench.ends(101)
    assert (bench.due(), bench.contact._dialling.fruitless, bench.refusals) == (bench.now, False, 0)


def test_a_dial_that_comes_to_nothing_beside_a_link_that_counts_is_none_that_failed() -> None:
    bench = Bench()
    ours = bench.dials()
    bench.comes(101)
    bench.proves(101)
    bench.ends(ours)
    assert (bench.active(), bench.due()) == (101, None)


def test_who_ends_a_link_before_message_2_refused_and_after_it_only_an_invite() -> None:
    bench = Bench()
    ours = bench.dials()
    bench.happens(events.DialSucceeded(link=ours))
    bench.ends(ours)
    assert bench.refusals == 1
    ours = bench.dials()
    bench.answers(ours)
    bench.ends(ours)
    assert bench.refusals == 1
    bench.comes(101)
    bench.proves(101)
    assert bench.refusals == 0


def test_who_is_dialled_by_the_inviter_needs_the_invite_no_more() -> None:
    bench = Bench()
    bench.record.invite_psk = b"i" * 32
    bench.comes(101)
    assert bench.record.invite_psk == b""
