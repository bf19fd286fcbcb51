"""One link by itself: its states, deadlines, and what must not happen in which."""

from __future__ import annotations

import os

import pytest

from onionchat.crypto.handshake import prologue
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import SendingCipher
from onionchat.errors import CryptoError, LocalProtocolError, RemoteProtocolError
from onionchat.protocol import greeting
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.constants import (
    CELL_SIZE,
    HANDSHAKE_SECONDS,
    MAX_TICK_MS,
    MESSAGE_1_SECONDS,
    SETTLE_SECONDS,
    SILENCE_SECONDS,
    SILENCE_TICKS,
)
from onionchat.protocol.greeting import Agreed, Intent
from onionchat.protocol.link import Answer, Arrived, Established, Link, LinkState, Outcome, first_to_go
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import RECOVERY, Psk

ONION = b"o" * 32
PSKS = tuple(Psk(generation=3 - n, key=bytes([n]) * 32, session=b"session%d" % n) for n in range(3))
SLOW_MS = 10_000
QUICK, SLOW = Pace(), Pace(tick_ms=SLOW_MS)


class Two:
    """A link that was dialled, and the one that accepted it."""

    def __init__(
        self,
        *,
        psk: int = 0,
        session: bytes | None = None,
        intent: Intent = Intent.RESUME,
        psks: tuple[Psk, ...] = PSKS,
    ) -> None:
        self.now = 100.0
        self.statics = KeyPair.generate(os.urandom), KeyPair.generate(os.urandom)
        self.dialler = Link.dial(1, pace=QUICK, now=self.now)
        self.accepter = Link.accept(
            2,
            prologue=prologue(ONION),
            static=self.statics[1],
            psks=psks,
            session=psks[psk].session if session is None else session,
            ratchet_key=KeyPair.generate(os.urandom),
            random=os.urandom,
            pace=SLOW,
            now=self.now,
        )
        self._psk, self._intent = psks[psk], intent

    def greet(self) -> bytes:
        return self.dialler.greet(
            prologue=prologue(ONION),
            static=self.statics[0],
            remote_static=self.statics[1].public,
            psk=self._psk,
            intent=self._intent,
            onion=b"a" * 32 if self._intent is Intent.CONTACT else bytes(32),
            random=os.urandom,
            now=self.now,
        )

    def take(self, link: Link, cell: bytes) -> Outcome:
        return link.receive(cell, random=os.urandom, now=self.now)

    def meet(self) -> None:
        """The whole handshake."""
        answer = self.take(self.accepter, self.greet())
        assert isinstance(answer, Answer)
        done = self.take(self.dialler, answer.cell)
        assert isinstance(done, Established)
        assert done.answer is not None
        assert self.take(self.accepter, done.answer) == Established(answer=None)

    def shake(self) -> tuple[SendingCipher, SendingCipher]:
        """The same; the ciphers with which dialler and accepter send."""
        self.meet()
        return (
            SendingCipher(self.dialler.take_sending_key()),
            SendingCipher(self.accepter.take_sending_key()),
        )


COVER = lay_out(CellType.COVER)


def test_a_link_that_has_just_begun_has_proved_nothing() -> None:
    new = Link.dial(7, pace=Pace(), now=3.0)
    assert (new.number, new.state, new.dialled, new.began, new.pace) == (
        7,
        LinkState.DIALLING,
        True,
        3.0,
        Pace(),
    )
    assert (new.at_invite, new.completed, new.replaced, new.secrets, new.session) == (False, *[None] * 4)
    assert (new.used, new.intent) == (Psk(generation=0, key=b"", session=b""), Intent.RESUME)
    assert new.session_handle == new.remote_static == new.initiator_static == new.peer_onion == b""
    assert new.agreed == Agreed(1, 1)
    assert (new.recovers, new.restores, new.lost_there, new.capabilities) == (False, False, False, ())
    assert not new.laid
    assert not new.alive
    assert not new.half_open
    assert new.deadline is None


def test_from_the_dial_to_the_first_cell() -> None:
    two = Two()
    assert two.dialler.dialled
    assert not two.accepter.dialled
    sending, answering = two.shake()
    for link in (two.dialler, two.accepter):
        assert link.alive
        assert link.completed is None
        assert not link.half_open
        assert link.session is None
        assert link.session_handle == PSKS[0].session
        assert link.initiator_static == two.statics[0].public
    assert two.dialler.remote_static == two.statics[1].public
    assert two.accepter.remote_static == two.statics[0].public
    first = two.take(two.accepter, sending.seal(COVER))
    assert first == Arrived(cell_type=CellType.COVER, body=b"", first=True)
    second = two.take(two.accepter, sending.seal(COVER))
    assert second == Arrived(cell_type=CellType.COVER, body=b"", first=False)
    assert two.accepter.completed == two.now
    two.take(two.dialler, answering.seal(COVER))
    assert {two.accepter.state, two.dialler.state} == {LinkState.COMPLETE}


@pytest.mark.parametrize("psk", range(3))
def test_any_key_that_the_accepter_holds_will_do_and_it_knows_which_it_was(psk: int) -> None:
    two = Two(psk=psk)
    two.shake()
    assert two.accepter.used == two.dialler.used == PSKS[psk]


def test_keys_are_forgotten_when_they_are_not_needed_any_more() -> None:
    two = Two()
    two.shake()
    for link in (two.dialler, two.accepter):
        assert link.secrets is None
        assert link._psks == ()
        assert link._ratchet_key is None
        assert link._handshake is None
        with pytest.raises(LocalProtocolError):
            link.take_sending_key()


@pytest.mark.parametrize("intent", [Intent.CONTACT, Intent.RESET])
def test_a_session_begins_where_the_dialler_wants_one(intent: Intent) -> None:
    two = Two(intent=intent)
    two.shake()
    assert two.dialler.session is not None
    assert two.accepter.session is not None
    assert two.dialler.session.can_send
    assert not two.accepter.session.can_send
    assert two.dialler.session_handle == two.accepter.session_handle != PSKS[0].session
    assert len(two.dialler.session_handle) == 8
    assert two.accepter.intent is intent


def test_a_first_contact_stays_one_where_the_accepter_wants_a_new_session_anyway() -> None:
    two = Two(intent=Intent.CONTACT, session=b"another.")
    two.shake()
    assert two.dialler.intent is two.accepter.intent is Intent.CONTACT
    assert two.dialler.used == PSKS[0]


def test_an_invites_key_goes_with_no_session_and_asks_for_none() -> None:
    two = Two()
    two.accepter._psks = (Psk(generation=0, key=PSKS[0].key, session=b""),)
    two.shake()
    assert two.dialler.intent is Intent.RESUME


def test_both_say_all_that_they_speak_and_take_the_highest_that_both_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(greeting, "VERSIONS", (3, 1))
    monkeypatch.setattr(greeting, "SUITES", (1, 5))
    two = Two()
    two.shake()
    assert two.dialler.agreed == two.accepter.agreed == Agreed(3, 5)


def test_a_link_is_half_open_until_its_handshake_is_done() -> None:
    two = Two()
    assert two.accepter.half_open
    two.take(two.accepter, two.greet())
    assert two.accepter.half_open
    assert not two.dialler.half_open
    assert not two.accepter.alive


@pytest.mark.parametrize("session", [b"", b"another."])
def test_a_session_begins_where_the_accepter_does_not_hold_the_one_that_goes_with_the_key(
    session: bytes,
) -> None:
    two = Two(session=session)
    two.shake()
    assert two.dialler.intent is two.accepter.intent is Intent.RESET
    assert two.dialler.session is not None
    assert two.accepter.session is not None


def test_deadlines() -> None:
    two = Two()
    begun = two.now
    assert (two.dialler.deadline, two.accepter.deadline) == (None, begun + MESSAGE_1_SECONDS)
    two.now += 80  # a dial through tor takes its time
    greeted = two.now
    message_1 = two.greet()
    assert two.dialler.deadline == greeted + HANDSHAKE_SECONDS
    answer = two.take(two.accepter, message_1)
    assert two.accepter.deadline == begun + HANDSHAKE_SECONDS
    assert isinstance(answer, Answer)
    two.now += 1
    done = two.take(two.dialler, answer.cell)
    assert isinstance(done, Established)
    assert done.answer is not None
    assert two.dialler.deadline == two.now + SILENCE_SECONDS + SILENCE_TICKS * SLOW_MS / 1000
    two.take(two.accepter, done.answer)
    assert two.accepter.deadline == two.now + SILENCE_SECONDS + SILENCE_TICKS * 2
    sending = SendingCipher(two.dialler.take_sending_key())
    two.now += 20
    two.take(two.accepter, sending.seal(COVER))
    assert two.accepter.deadline == two.now + SILENCE_SECONDS + SILENCE_TICKS * 2
    two.accepter.replaced = two.now
    two.now += 20
    two.take(two.accepter, sending.seal(COVER))
    assert two.accepter.deadline == two.now - 20 + SETTLE_SECONDS
    assert MAX_TICK_MS / 1000 * SILENCE_TICKS + SILENCE_SECONDS > SETTLE_SECONDS


def test_a_cell_that_does_not_open_proves_nothing() -> None:
    two = Two()
    sending, _ = two.shake()
    heard = two.accepter.deadline
    two.now += 5
    with pytest.raises(CryptoError):
        two.take(two.accepter, os.urandom(CELL_SIZE))
    assert two.accepter.deadline == heard
    assert two.accepter.completed is None
    assert isinstance(two.take(two.accepter, sending.seal(COVER)), Arrived)


@pytest.mark.parametrize("size", [0, CELL_SIZE - 1, CELL_SIZE + 1])
def test_only_whole_cells_are_looked_at(size: int) -> None:
    two = Two()
    two.shake()
    with pytest.raises(RemoteProtocolError):
        two.take(two.accepter, bytes(size))


def test_what_only_a_bug_of_ours_does() -> None:
    two = Two()
    with pytest.raises(LocalProtocolError):
        two.take(two.dialler, bytes(CELL_SIZE))
    with pytest.raises(LocalProtocolError):
        two.dialler.take_sending_key()
    two.greet()
    with pytest.raises(LocalProtocolError):
        two.greet()
    two.dialler.state = LinkState.CLOSED
    assert two.dialler.deadline is None
    with pytest.raises(LocalProtocolError):
        two.take(two.dialler, bytes(CELL_SIZE))
    with pytest.raises(LocalProtocolError):
        Link(1, LinkState.AWAIT_MESSAGE_1, QUICK, 0.0).receive(bytes(CELL_SIZE), random=os.urandom, now=0.0)
    with pytest.raises(LocalProtocolError):
        Link(1, LinkState.OPEN, QUICK, 0.0).receive(bytes(CELL_SIZE), random=os.urandom, now=0.0)


def test_a_link_that_is_gone_says_whose_session_it_had() -> None:
    gone = Link.gone(9, session=b"session0")
    assert (gone.number, gone.state, gone.session_handle) == (9, LinkState.CLOSED, b"session0")
    assert (gone.began, gone.alive, gone.deadline) == (0.0, False, None)


@pytest.mark.parametrize("restores", [False, True])
def test_each_handshake_leaves_the_psk_of_the_next_generation(restores: bool) -> None:
    two = Two()
    two.meet()
    for link in (two.dialler, two.accepter):
        assert link.secrets is not None
        link.restores = restores
        assert link.left_psk() == Psk(
            generation=4, key=link.secrets.resume_psk, session=PSKS[0].session, restores=restores
        )
    assert two.dialler.left_psk() == two.accepter.left_psk()


@pytest.mark.parametrize("session", [b"", b"session0"])
def test_who_dials_with_the_recovery_psk_learns_whether_there_is_a_session(session: bytes) -> None:
    two = Two(
        psks=(Psk(generation=3, key=b"r" * 32, session=RECOVERY),), session=session, intent=Intent.RESET
    )
    two.meet()
    assert (two.dialler.recovers, two.accepter.recovers) == (True, True)
    assert two.dialler.lost_there is not bool(session)


def test_who_dials_learns_what_the_peer_knows() -> None:
    two = Two()
    two.meet()
    assert two.dialler.capabilities == two.accepter.capabilities == greeting.CAPABILITIES
    assert (two.dialler.recovers, two.accepter.recovers, two.dialler.lost_there) == (False, False, False)


def test_room_is_made_by_the_oldest_that_has_proven_nothing() -> None:
    waiting = [Link(n, LinkState.AWAIT_MESSAGE_1, QUICK, 0.0) for n in range(3)]
    proven = [Link(n, LinkState.AWAIT_MESSAGE_3, QUICK, 0.0) for n in range(3, 6)]
    assert first_to_go([proven[0], *waiting, proven[1]]) is waiting[0]
    assert first_to_go(proven) is proven[0]


def test_what_a_circuit_held_back_may_come_at_once_however_slow_the_schedule() -> None:
    """As much as fits into the longest silence that a link survives; then it is a flood."""
    two = Two()
    _, answering = two.shake()  # the accepter's tick is ten seconds
    two.now += SILENCE_SECONDS + SILENCE_TICKS * SLOW_MS / 1000 - 1
    for _ in range(8):
        two.take(two.dialler, answering.seal(COVER))
    with pytest.raises(RemoteProtocolError):
        two.take(two.dialler, answering.seal(COVER))
