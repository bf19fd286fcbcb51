"""Outbox and inbox by themselves: what leaves when, what is put together, what is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import pytest

from onionchat.protocol import body, delivery
from onionchat.protocol.asleep import Asleep
from onionchat.protocol.batch import Batch
from onionchat.protocol.commands import Key, Persist
from onionchat.protocol.constants import (
    HAVE_LIST_MAX,
    MAX_ACKS,
    MAX_LIFETIME,
    MAX_PARTIALS,
    MAX_TEXT_BYTES,
    MIN_LIFETIME,
    OFF,
    ONCE,
)
from onionchat.protocol.delivery import ACKS_AN_ENVELOPE, Inbox, Outbox, seen_until
from onionchat.protocol.record import OutgoingKind, OutgoingRecord, SeenRecord, pack

CONTACT = b"contact."


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def item(number: int, data: bytes = b"", kind: OutgoingKind = "text", until: float = 100.0) -> OutgoingRecord:
    return OutgoingRecord(
        id=name(number),
        sequence=number,
        kind=kind,
        written=1.0,
        lifetime=60,
        target=name(999) if kind == "delete" else b"",
        data=data,
        until=until,
    )


def outbox(*items: OutgoingRecord) -> Outbox:
    made = Outbox(CONTACT)
    for one in items:
        made.add(one, Batch())
    made.resume()
    return made


def envelopes(box: Outbox) -> list[list[body.Part]]:
    made = []
    while parts := box.take(body.ROOM, body.MAX_PARTS)[0]:
        body.unpack(body.pack(parts))
        made.append(parts)
    return made


def texts(made: list[list[body.Part]]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for part in (part for parts in made for part in parts):
        assert isinstance(part, body.TextPart)
        assert part.offset == len(found.setdefault(part.id, b""))
        found[part.id] += part.data
    return found


class TestOutbox:
    @pytest.mark.parametrize("size", [1, 63, 64, 65, 1700, 1770, 1790, 1830, 3600, 20_000, MAX_TEXT_BYTES])
    def test_a_text_of_any_length_leaves_whole_and_in_order(self, size: int) -> None:
        data = Random(size).randbytes(size)
        made = envelopes(outbox(item(1, data)))
        assert texts(made) == {name(1): data}
        assert len(made) <= size // 1700 + 1

    def test_short_texts_share_an_envelope(self) -> None:
        box = outbox(*(item(number, b"hello") for number in range(40)))
        made = envelopes(box)
        assert list(texts(made)) == [name(number) for number in range(40)]
        assert len(made) == math.ceil(40 / body.MAX_PARTS)

    def test_everything_else_leaves_as_its_own_part(self) -> None:
        box = outbox(item(1, kind="hello"), item(2, b"o" * 32 + b"s" * 32, "address"), item(3, kind="delete"))
        parts, finished = box.take(body.ROOM, body.MAX_PARTS)
        assert parts == [
            body.HelloPart(id=name(1)),
            body.AddressPart(id=name(2), onion=b"o" * 32, static=b"s" * 32),
            body.DeletePart(id=name(3), target=name(999)),
        ]
        assert finished == [name(1), name(2), name(3)]

    def test_what_does_not_fit_waits(self) -> None:
        box = outbox(item(1, kind="hello"), item(2, b"x" * 100))
        assert box.take(10, body.MAX_PARTS) == ([], [])
        assert box.take(40, body.MAX_PARTS) == ([body.HelloPart(id=name(1))], [name(1)])
        assert box.take(body.TEXT_OVERHEAD + 63, body.MAX_PARTS) == ([], [])
        assert box.take(body.ROOM, 0) == ([], [])
        assert texts(envelopes(box)) == {name(2): b"x" * 100}

    def test_what_fits_exactly_leaves_and_the_last_crumb_in_whatever_room_it_fits(self) -> None:
        box = outbox(item(1, kind="hello"), item(2, b"x" * 100))
        hello = body.HelloPart(id=name(1))
        assert box.take(body.size(hello) - 1, 1) == ([], [])
        assert box.take(body.size(hello), 1) == ([hello], [name(1)])
        (first,) = box.take(body.TEXT_OVERHEAD + 64, 1)[0]
        (last,) = box.take(body.TEXT_OVERHEAD + 36, 1)[0]
        assert isinstance(first, body.TextPart)
        assert isinstance(last, body.TextPart)
        assert (first.offset, first.data, last.offset, last.data) == (0, b"x" * 64, 64, b"x" * 36)

    def test_nothing_leaves_before_the_peer_has_said_what_it_has_and_then_everything_from_its_beginning(
        self,
    ) -> None:
        box = outbox(item(1, b"a" * 4000), item(2, b"b"))
        box.take(body.ROOM, body.MAX_PARTS)
        box.restart()
        assert envelopes(box) == []
        box.add(item(3, b"c"), Batch())
        assert envelopes(box) == []
        box.resume()
        assert list(texts(envelopes(box)).values()) == [b"a" * 4000, b"b", b"c"]
        assert envelopes(box) == []

    @pytest.mark.parametrize("gone", [1, 2, 3])
    def test_what_is_removed_half_way_does_not_touch_what_comes_after_it(self, gone: int) -> None:
        data = {number: bytes([number]) * 3000 for number in (1, 2, 3)}
        box = outbox(*(item(number, data[number]) for number in data))
        first = box.take(body.ROOM, body.MAX_PARTS)[0]
        assert box.remove(name(gone), Batch()) is not None
        assert box.remove(name(gone), Batch()) is None
        left = texts([first, *envelopes(box)] if gone != 1 else envelopes(box))
        assert left == {name(number): data[number] for number in data if number != gone}

    def test_what_has_had_its_time_is_given_up_and_the_rest_has_a_deadline(self) -> None:
        box = outbox(
            item(1, b"x", until=5.0), item(2, b"y", until=9.0), item(3, kind="hello", until=math.inf)
        )
        assert box.next_deadline == 5.0
        batch = Batch()
        box.expire(6.0, batch)
        assert [kept.id for kept in box] == [name(2), name(3)]
        assert batch.commands() == (Persist(drops=(Key(kind="outgoing", scope=CONTACT, key=name(1)),)),)
        box.expire(9.0, Batch())
        assert [kept.id for kept in box] == [name(3)]

    def test_what_is_added_is_stored_and_kept_until_it_is_removed(self) -> None:
        box, added, one = Outbox(CONTACT), Batch(), item(1, b"x" * 4000, until=5.0)
        key = Key(kind="outgoing", scope=CONTACT, key=one.id)
        box.add(one, added)
        assert added.commands() == (Persist(puts=((key, pack(one)),)),)
        assert (box.get(one.id), len(box), box.next_deadline) == (one, 1, 5.0)
        box.resume()
        box.take(body.ROOM, body.MAX_PARTS)
        removed = Batch()
        assert box.remove(one.id, removed) is one
        assert removed.commands() == (Persist(drops=(key,)),)
        assert (box.get(one.id), len(box), box.next_deadline) == (None, 0, None)
        assert not box.ever_left(one.id)
        again = Batch()
        assert box.remove(one.id, again) is None
        assert again.commands() == ()

    def test_nothing_leaves_of_what_an_earlier_run_left_before_the_peer_has_said_what_it_has(self) -> None:
        box = Outbox(CONTACT, [item(1, b"x")])
        assert not box.open
        assert envelopes(box) == []
        box.resume()
        assert texts(envelopes(box)) == {name(1): b"x"}

    def test_what_is_tried_without_end_has_no_deadline(self) -> None:
        assert outbox(item(3, kind="hello", until=math.inf)).next_deadline is None

    def test_whether_something_may_have_left_is_known_also_after_a_restart(self) -> None:
        box = outbox(item(1, b"x" * 4000), item(2, b"y"))
        assert not box.ever_left(name(1))
        box.take(body.ROOM, body.MAX_PARTS)
        assert box.ever_left(name(1))
        assert not box.ever_left(name(2))
        assert Outbox(CONTACT, [item(2, b"y")]).ever_left(name(2))

    @pytest.mark.parametrize("restarted", [False, True])
    def test_lifetimes_that_are_no_seconds_are_said_to_who_knows_them_alone(self, restarted: bool) -> None:
        said = {ONCE: MIN_LIFETIME, MIN_LIFETIME: MIN_LIFETIME, 60: 60, OFF: MAX_LIFETIME}

        def lifetimes() -> list[int]:
            return [
                part.lifetime for parts in envelopes(box) for part in parts if isinstance(part, body.TextPart)
            ]

        box = Outbox(CONTACT)
        for number, lifetime in enumerate(said):
            one = item(number, b"x")
            one.lifetime = lifetime
            box.add(one, Batch())
        if restarted:
            box.restart(special=True)
            box.resume()
            assert lifetimes() == list(said)
            box.restart()
        box.resume()
        assert lifetimes() == list(said.values())

    def test_a_restart_keeps_the_order_in_which_things_were_said(self) -> None:
        items = [item(number, b"x") for number in (5, 2, 9, 1)]
        assert [kept.id for kept in Outbox(CONTACT, items)] == [name(n) for n in (1, 2, 5, 9)]


def fragment(number: int, offset: int, data: bytes, total: int) -> body.TextPart:
    return body.TextPart(id=name(number), offset=offset, total=total, lifetime=60, written=1, data=data)


class TestInbox:
    def test_fragments_in_order_make_the_text_and_others_make_nothing(self) -> None:
        box = Inbox(CONTACT)
        assert box.assemble(fragment(1, 0, b"ab", 6)) is None
        assert box.assemble(fragment(1, 4, b"ef", 6)) is None
        assert box.assemble(fragment(1, 0, b"ab", 6)) is None
        assert box.assemble(fragment(1, 2, b"cd", 6)) is None
        assert box.assemble(fragment(1, 4, b"efg", 6)) is None
        assert box.assemble(fragment(1, 4, b"ef", 6)) == b"abcdef"
        assert box.assemble(fragment(1, 4, b"ef", 6)) is None
        assert box.assemble(fragment(2, 3, b"x", 4)) is None
        for offset, data in ((0, b"ab"), (4, b"ef"), (2, b"cd")):
            assert box.assemble(fragment(3, offset, data, 6)) is None

    def test_a_new_link_begins_with_nothing_under_reassembly(self) -> None:
        box = Inbox(CONTACT)
        unfinished = [box.unfinished]
        box.assemble(fragment(1, 0, b"ab", 4))
        unfinished.append(box.unfinished)
        box.restart()
        assert [*unfinished, box.unfinished] == [False, True, False]
        assert box.assemble(fragment(1, 2, b"cd", 4)) is None

    def test_texts_under_reassembly_are_bounded_in_number_and_size(self) -> None:
        box = Inbox(CONTACT)
        for number in range(100):
            box.assemble(fragment(number, 0, b"x" * 1700, MAX_TEXT_BYTES))
        assert len(box._partial) == MAX_PARTIALS
        for offset in range(1700, MAX_TEXT_BYTES * 2, 1700):
            box.assemble(fragment(99, offset % MAX_TEXT_BYTES, b"x" * 1700, MAX_TEXT_BYTES))
        assert all(len(text) <= MAX_TEXT_BYTES for text in box._partial.values())

    def test_a_text_that_begins_again_takes_nobodys_room_and_a_whole_one_gives_its_own_back(self) -> None:
        box = Inbox(CONTACT)
        for number in [*range(MAX_PARTIALS), MAX_PARTIALS - 1]:
            box.assemble(fragment(number, 0, b"ab", 4))
        for number in range(MAX_PARTIALS):
            assert box.assemble(fragment(number, 2, b"cd", 4)) == b"abcd"
        assert not box._partial

    def test_what_was_seen_is_known_until_it_cannot_come_again(self) -> None:
        box, batch = Inbox(CONTACT), Batch()
        key = Key(kind="seen", scope=CONTACT, key=name(1))
        assert not box.known(name(1))
        box.see(name(1), 50.0, batch)
        assert batch.commands() == (Persist(puts=((key, pack(SeenRecord(until=50.0))),)),)
        assert box.known(name(1))
        assert not box.pending
        assert box.next_deadline == 50.0
        box.expire(49.9, batch)
        assert box.known(name(1))
        box.expire(50.0, batch)
        assert not box.known(name(1))
        assert batch.commands() == (Persist(drops=(key,)),)

    def test_so_many_ids_are_remembered_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(delivery, "MAX_SEEN", 3)
        box = Inbox(CONTACT)
        for number in range(3):
            assert not box.full
            box.see(name(number), 50.0 + number, Batch())
        assert box.full
        box.expire(50.0, Batch())
        assert not box.full

    def test_what_was_seen_ends_its_reassembly(self) -> None:
        box = Inbox(CONTACT)
        box.assemble(fragment(1, 0, b"ab", 4))
        box.see(name(1), 50.0, Batch())
        assert box.assemble(fragment(1, 2, b"cd", 4)) is None

    def test_the_have_list_holds_the_newest_that_fit_also_after_a_restart(self) -> None:
        box = Inbox(CONTACT)
        seen = {name(999 - number): 1000.0 + number for number in range(300)}
        for known, until in seen.items():
            box.see(known, until, Batch())
        newest = b"".join(list(seen)[300 - HAVE_LIST_MAX :])
        assert box.have_list() == newest
        mixed = list(seen.items())
        Random(1).shuffle(mixed)
        assert Inbox(CONTACT, dict(mixed)).have_list() == newest
        assert Inbox(CONTACT).have_list() == b""

    def test_acknowledgements_leave_a_few_at_a_time_and_a_flood_of_them_is_bounded(self) -> None:
        box = Inbox(CONTACT)
        assert not box.pending
        for number in range(30):
            box.acknowledge(name(number))
            box.acknowledge(name(number))
            assert box.pending
        assert box.take_acks() == [name(number) for number in range(ACKS_AN_ENVELOPE)]
        assert box.take_acks() == [name(number) for number in range(ACKS_AN_ENVELOPE, 30)]
        assert not box.pending
        for number in range(MAX_ACKS + 100):
            box.acknowledge(name(number))
        assert len(box._acks) == MAX_ACKS


def test_an_id_outlives_the_last_moment_at_which_its_sender_may_say_it_again() -> None:
    day = 24 * 3600
    written, lifetime = 1_000_000.0, 7 * day
    given_up = written + lifetime + 28 * day
    assert seen_until(written, lifetime) == given_up + day


def test_seen_ids_are_loaded_when_one_is_asked_for_or_due() -> None:
    looks: list[Callable[[Inbox], object]] = [
        Inbox.have_list,
        lambda inbox: inbox.known(b"1" * 16),
        lambda inbox: inbox.full,
        lambda inbox: inbox.expire(50.0, Batch()),
        lambda inbox: inbox.see(b"2" * 16, 90.0, Batch()),
    ]
    for look in looks:
        loads: list[int] = []

        def load(loads: list[int] = loads) -> dict[bytes, float]:
            loads.append(1)
            return {b"1" * 16: 60.0, b"0" * 16: 55.0}

        inbox = Inbox(b"contact", asleep=Asleep(load=load, due=50.0))
        inbox.expire(49.0, Batch())
        assert (inbox.next_deadline, loads) == (50.0, [])
        look(inbox)
        assert (inbox.next_deadline, loads) == (55.0, [1])
        assert inbox.have_list()[:32] == b"0" * 16 + b"1" * 16
