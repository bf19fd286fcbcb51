"""The messages that are alive: order, clocks, what is unread, what dies."""

from __future__ import annotations

from random import Random

from onionchat.protocol.batch import Batch
from onionchat.protocol.commands import Command, Persist, TellGone, TellMessage
from onionchat.protocol.constants import UNREAD_LIFE
from onionchat.protocol.record import MessageRecord, unpack
from onionchat.protocol.timeline import Timeline, upper_bound

CONTACT = b"contact."


def message(number: int, *, mine: bool = False, stored: float = 10.0, system: bool = False) -> MessageRecord:
    return MessageRecord(
        id=bytes([number]) * 16,
        mine=mine,
        text=f"number {number}",
        written=stored,
        stored=stored,
        lifetime=60,
        clock=stored if system else None,
        until=upper_bound(stored, 60),
        system=system,
    )


def timeline(*messages: MessageRecord) -> Timeline:
    made = Timeline(CONTACT)
    for one in messages:
        made.add(one, Batch())
    return made


def told(batch: Batch) -> list[Command]:
    return [command for command in batch.commands() if not isinstance(command, Persist)]


def test_what_is_loaded_stands_in_the_order_in_which_it_was_stored_also_where_that_was_at_once() -> None:
    made = timeline(*(message(number) for number in (7, 3, 9, 1, 8)))
    rows = list(made)
    Random(2).shuffle(rows)
    assert [m.id for m in Timeline(CONTACT, rows)] == [m.id for m in made]
    assert [m.id[0] for m in made] == [7, 3, 9, 1, 8]


def test_unread_and_newest_follow_what_happens() -> None:
    made = timeline(message(1), message(2, mine=True), message(3, system=True), message(4))
    assert made.unread == 2
    made.shown(bytes([1]) * 16, 20.0, Batch())
    assert made.unread == 1
    made.erase(bytes([4]) * 16, "deleted", Batch())
    assert made.unread == 0
    assert made.newest is not None
    assert 10.0 < made.newest < 10.1
    assert Timeline(CONTACT, [message(1), message(4)]).unread == 2
    assert Timeline(CONTACT).newest is None


def test_a_clock_starts_once_ours_at_delivery_theirs_when_first_shown() -> None:
    made = timeline(message(1), message(2, mine=True))
    theirs, ours = (m.id for m in made)
    assert made.next_deadline == 10.0 + 60 + UNREAD_LIFE
    batch = Batch()
    made.shown(theirs, 20.0, batch)
    made.delivered(ours, 30.0, batch)
    first = batch.commands()[0]
    assert isinstance(first, Persist)
    assert [unpack(value, MessageRecord).clock for _, value in first.puts] == [20.0, 30.0]
    again = Batch()
    made.shown(theirs, 25.0, again)
    made.shown(ours, 25.0, again)
    made.shown(b"nobody", 25.0, again)
    made.delivered(ours, 35.0, again)
    made.delivered(b"nobody", 35.0, again)
    assert again.commands() == ()
    assert made.next_deadline == 80.0


def test_what_has_had_its_time_goes_and_is_told() -> None:
    made = timeline(message(1), message(2))
    first, second = (m.id for m in made)
    made.shown(first, 20.0, Batch())
    batch = Batch()
    made.expire(79.9, batch)
    assert batch.commands() == ()
    made.expire(80.0, batch)
    assert told(batch) == [TellGone(message=first, why="expired")]
    assert [m.id for m in made] == [second]
    made.expire(upper_bound(10.0, 60), batch)
    assert list(made) == []
    assert made.next_deadline is None


def test_sent_is_told_when_the_last_part_left_and_not_after_delivery() -> None:
    made = timeline(message(1, mine=True))
    (ours,) = (m.id for m in made)
    batch = Batch()
    made.left(ours, batch)
    (command,) = told(batch)
    assert isinstance(command, TellMessage)
    assert command.sent
    assert made.sent == {ours}
    made.delivered(ours, 20.0, Batch())
    assert made.sent == set()
    later = Batch()
    made.left(ours, later)
    made.left(b"nobody", later)
    assert later.commands() == ()


def test_erasing_twice_erases_once() -> None:
    made = timeline(message(1))
    batch = Batch()
    assert made.erase(bytes([1]) * 16, "deleted", batch)
    assert not made.erase(bytes([1]) * 16, "deleted", batch)
    assert len(told(batch)) == 1
