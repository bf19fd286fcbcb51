"""A kept link, and the box that it fills: what gets in, what ends the link, what comes out."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field

import pytest

from onionchat.crypto.box import open_sealed
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import ReceivingCipher, SendingCipher
from onionchat.errors import CryptoError, RemoteProtocolError
from onionchat.protocol import body, events
from onionchat.protocol.box import BOX_PLACES, SEALED_SIZE, KeptLink, envelopes_in, link_to_keep, share
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.commands import Key, Persist
from onionchat.protocol.constants import ENVELOPE_SIZE, MAX_UNANSWERED
from onionchat.protocol.contact import Contact, Surroundings
from onionchat.protocol.link import Link, LinkState
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import BoxRecord
from onionchat.store.box import PLACE_SIZE

from .test_link import Two
from .test_talk import NOW as THEN
from .test_talk import Side, talking, text

FIRST, PLACES = 5, 3
NOW = 1_800_000_000.0


@dataclass
class Bench:
    """A link with somebody at its other end, and what is in the box."""

    owner: KeyPair = field(default_factory=lambda: KeyPair.generate(os.urandom))
    places: dict[int, bytes] = field(default_factory=dict)
    now: float = NOW

    def __post_init__(self) -> None:
        key = os.urandom(32)
        self.peer = SendingCipher(key)
        link = Link.gone(1, session=b"session")
        link.state, link._heard, link._receiving = LinkState.COMPLETE, NOW, ReceivingCipher(key)
        self.kept = KeptLink(link, public=self.owner.public, first=FIRST, places=PLACES, random=os.urandom)

    @property
    def record(self) -> BoxRecord:
        return BoxRecord(secret=self.owner.secret(), session=b"session", first=FIRST, places=PLACES)

    def say(self, cell_type: CellType, body: bytes = b"") -> None:
        self.now += Pace().tick_ms / 1000
        filled = self.kept.receive(self.peer.seal(lay_out(cell_type, body)), self.now)
        if filled is not None:
            self.places[filled[0]] = filled[1]

    def over(self) -> bool:
        return self.kept.ended

    def flood(self, cells: int) -> None:
        for _ in range(cells):
            self.now -= Pace().tick_ms / 1000
            self.say(CellType.COVER)

    def taken_out(self) -> tuple[bytes, ...]:
        return tuple(envelope for _, envelope in self.timed())

    def timed(self) -> tuple[tuple[float, bytes], ...]:
        return envelopes_in(self.record, lambda place: self.places.get(place, os.urandom(SEALED_SIZE)))


def envelopes(count: int) -> list[bytes]:
    return [os.urandom(ENVELOPE_SIZE) for _ in range(count)]


def test_envelopes_come_out_as_they_came_in() -> None:
    bench, said = Bench(), envelopes(PLACES)
    bench.say(CellType.HAVE)
    for envelope in said:
        bench.say(CellType.COVER)
        bench.say(CellType.ENVELOPE, envelope)
    assert list(bench.places) == [FIRST, FIRST + 1, FIRST + 2]
    assert {len(sealed) for sealed in bench.places.values()} == {SEALED_SIZE}
    assert SEALED_SIZE <= PLACE_SIZE
    assert list(bench.taken_out()) == said
    assert not any(envelope in sealed for envelope in said for sealed in bench.places.values())


def test_it_is_known_when_each_came() -> None:
    bench = Bench()
    times = []
    for envelope in envelopes(PLACES):
        bench.say(CellType.COVER)
        bench.say(CellType.ENVELOPE, envelope)
        times.append(float(int(bench.now)))
    assert len(set(times)) == PLACES
    assert [came for came, _ in bench.timed()] == times


def test_one_more_than_there_is_room_for_ends_the_link_and_takes_nothing() -> None:
    bench, said = Bench(), envelopes(PLACES + 1)
    for envelope in said[:PLACES]:
        bench.say(CellType.ENVELOPE, envelope)
    bench.say(CellType.COVER)
    assert not bench.over()
    bench.say(CellType.ENVELOPE, said[-1])
    assert bench.over()
    assert len(bench.places) == PLACES
    assert list(bench.taken_out()) == said[:PLACES]


def test_whoever_closes_or_breaks_the_rules_ends_the_link() -> None:
    bench = Bench()
    bench.say(CellType.CLOSE)
    assert bench.over()
    bench = Bench()
    with pytest.raises(CryptoError):
        bench.kept.receive(os.urandom(1952), NOW)
    with pytest.raises(RemoteProtocolError, match="faster"):
        bench.flood(1000)


def test_who_says_nothing_is_silent_after_a_while() -> None:
    bench = Bench()
    bench.say(CellType.COVER)
    assert not bench.kept.silent(bench.now + 10)
    assert bench.kept.silent(bench.now + 60)


def test_from_a_place_on_that_does_not_open_nothing_is_taken() -> None:
    bench, said = Bench(), envelopes(PLACES)
    for envelope in said:
        bench.say(CellType.ENVELOPE, envelope)
    whole = dict(bench.places)
    bench.places[FIRST + 1] = whole[FIRST + 1][:-1]
    assert list(bench.taken_out()) == said[:1]
    bench.places[FIRST], bench.places[FIRST + 1] = whole[FIRST + 1], whole[FIRST]  # each opens in its place
    assert bench.taken_out() == ()
    bench.owner, bench.places = KeyPair.generate(os.urandom), whole
    assert bench.taken_out() == ()


def test_shares_are_equal_and_fit_the_box() -> None:
    assert share(1) == share(4) == MAX_UNANSWERED
    for links in range(1, 600):
        assert 0 < share(links) * links <= BOX_PLACES
    assert share(0) == MAX_UNANSWERED


def test_a_place_is_bound_to_what_is_in_it() -> None:
    bench, (said,) = Bench(), envelopes(1)
    bench.say(CellType.ENVELOPE, said)
    content = open_sealed(bench.owner, bench.places[FIRST], ad=FIRST.to_bytes(4, "big"))
    assert content == int(bench.now).to_bytes(8, "big") + said


# --- which links are kept ------------------------------------------------------------------------------


def kept_of(side: Side, *, active: bool = True) -> Link | None:
    """Which link of a contact is kept."""
    around = Surroundings(random=os.urandom, numbers=itertools.count())
    contact = Contact(side.talk.record, side.talk, around, pace=Pace())
    contact._active = side.link if active else None
    return link_to_keep(contact)


def test_the_active_link_is_kept() -> None:
    for side in talking():
        assert kept_of(side) is side.link
        assert kept_of(side, active=False) is None


def test_no_link_is_kept_on_which_what_comes_would_not_count() -> None:
    ada, ben = talking()
    ben.talk.record.session_lost = True
    assert kept_of(ben) is None
    ben.talk.record.session_lost = False
    ben.hears(ada.slips(text(1, b"ab", total=4)))
    assert kept_of(ben) is None
    ben.hears(ada.slips(text(1, b"cd", offset=2, total=4)))
    assert kept_of(ben) is ben.link
    ben.link.session_handle = b"another."
    assert kept_of(ben) is None


def test_a_kept_link_has_its_number_and_not_whose_it_is_and_is_silent_from_its_deadline_on() -> None:
    ada, _ = talking()
    link = ada.link
    link.laid.append([b"an id"])
    kept = KeptLink(link, public=bytes(32), first=FIRST, places=PLACES, random=os.urandom)
    assert kept.number == link.number
    assert (link.remote_static, link.initiator_static, link.peer_onion) == (b"", b"", b"")
    assert not link.laid
    assert link.deadline is not None
    assert not kept.silent(link.deadline - 1)
    assert kept.silent(link.deadline)
    link.state = LinkState.CLOSED
    assert not kept.silent(NOW)


def test_a_link_whose_handshake_goes_on_is_none_to_keep() -> None:
    two = Two()
    message_1 = two.greet()
    owner = KeyPair.generate(os.urandom)
    kept = KeptLink(two.accepter, public=owner.public, first=FIRST, places=PLACES, random=os.urandom)
    assert kept.receive(message_1, two.now) is None
    assert kept.ended


# --- what comes out --------------------------------------------------------------------------------------


def opened(side: Side, *said: tuple[float, bytes], session: bytes | None = None) -> tuple[object, ...]:
    handle = side.talk.record.session if session is None else session
    return side.asks(events.BoxOpened(link=99, session=handle, envelopes=said))


def test_what_was_in_the_box_counts_whole_and_from_when_it_came_and_its_key_dies_with_that() -> None:
    ada, ben = talking()
    long = b"x" * 2000
    parts = [
        text(1, long[:1500], total=2000, written=90),
        text(1, long[1500:], total=2000, offset=1500, written=90),
    ]
    said = [ada.slips(part) for part in parts]
    first, *_ = opened(ben, (THEN - 40, said[0]), (THEN - 30, said[1]))
    assert isinstance(first, Persist)
    assert Key(kind="box", scope=ben.talk.record.id) in first.drops
    assert ben.texts == [long.decode()]
    assert [one.written for one in ben.talk.timeline] == [THEN - 30]


def test_a_clock_that_was_set_back_lets_nothing_come_later_than_now() -> None:
    ada, ben = talking()
    opened(ben, (THEN + 500, ada.slips(text(1, written=int(THEN + 400)))))
    assert [one.written for one in ben.talk.timeline] == [THEN]


def test_envelopes_of_a_session_that_is_gone_are_left_alone() -> None:
    ada, ben = talking()
    opened(ben, (THEN, ada.slips(text(1), body.AckPart(ids=[bytes(16)]))), session=b"another.")
    assert ben.texts == []
    assert not ben.talk.lost
