"""The messages that are alive: order, clocks, what is unread, what dies."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from onionchat.protocol.batch import Batch
from onionchat.protocol.body import TextPart
from onionchat.protocol.commands import Command, Key, Persist, TellGone, TellMessage
from onionchat.protocol.constants import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    MIN_LIFETIME,
    OFF,
    ONCE,
    ONCE_OPEN,
    UNREAD_LIFE,
)
from onionchat.protocol.record import GistRecord, MessageRecord, unpack
from onionchat.protocol.timeline import AsleepMessages, Timeline, upper_bound

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


def test_a_line_of_the_programs_own_waits_for_a_person_like_a_message_of_theirs() -> None:
    made = timeline(message(1))
    made.note(b"a" * 16, "a line", 60, 20.0, Batch())
    made.closed(Batch())
    made.expire(20.0 + 60, Batch())
    assert made.unread == 2
    made.shown(b"a" * 16, 1000.0, Batch())
    assert made.unread == 1
    made.expire(1059.0, Batch())
    assert [one.text for one in made if one.system] == ["a line"]
    made.expire(1060.0, Batch())
    assert [one.text for one in made if one.system] == []
    made.note(b"b" * 16, "never seen", 60, 2000.0, Batch())
    assert next(one.deadline for one in made if one.system) == upper_bound(2000.0, 60)


def test_a_line_of_the_programs_own_stands_there_unseen_once_and_as_the_newest() -> None:
    made, nothing, anew = timeline(message(1)), Batch(), Batch()

    def lines() -> list[tuple[str, bytes]]:
        return [(one.text, one.id[:1]) for one in made if one.system]

    made.note(b"a" * 16, "number 1", 60, 20.0, Batch())
    made.note(b"b" * 16, "number 1", 60, 21.0, nothing)
    assert nothing.commands() == ()
    made.note(b"c" * 16, "another", 60, 22.0, Batch())
    made.note(b"d" * 16, "number 1", 60, 23.0, anew)
    assert TellGone(message=b"a" * 16, why="expired") in told(anew)
    assert lines() == [("another", b"c"), ("number 1", b"d")]
    assert made.unread == 3


def test_a_line_that_was_seen_does_not_hide_that_it_happened_again() -> None:
    made = timeline()
    made.note(b"a" * 16, "a line", 60, 20.0, Batch())
    made.shown(b"a" * 16, 21.0, Batch())
    assert made.unread == 0
    made.note(b"b" * 16, "a line", 60, 22.0, Batch())
    assert [(one.id[:1], one.clock) for one in made] == [(b"b", None)]
    made.shown(b"b" * 16, 23.0, Batch())
    made.note(b"c" * 16, "another", 60, 24.0, Batch())
    made.note(b"d" * 16, "a line", 60, 25.0, Batch())
    assert [one.id[:1] for one in made] == [b"b", b"c", b"d"]
    assert made.unread == 2


def test_characters_of_theirs_are_counted_once_while_they_are_alive() -> None:
    theirs, ours = message(1), message(2, mine=True)
    made = Timeline(CONTACT)
    assert made.held == 0
    made.add(theirs, Batch())
    made.add(ours, Batch())
    assert made.held == len(theirs.text)
    made.shown(theirs.id, 11.0, Batch())
    assert made.held == len(theirs.text)
    made.shown(ours.id, 11.0, Batch())
    assert ours.clock is None
    assert made.erase(ours.id, "deleted", Batch()) is True
    assert made.held == len(theirs.text)
    assert made.erase(theirs.id, "deleted", Batch()) is True
    assert (made.held, made.next_deadline) == (0, None)
    assert made.erase(theirs.id, "deleted", Batch()) is False


def test_what_has_left_is_told_as_sent_until_it_is_delivered_or_gone() -> None:
    ours = message(1, mine=True)
    added, left, delivered = Batch(), Batch(), Batch()
    made = Timeline(CONTACT)
    made.add(ours, added)
    made.left(ours.id, left)
    assert [command.sent for command in told(added) + told(left) if isinstance(command, TellMessage)] == [
        False,
        True,
    ]
    made.erase(ours.id, "deleted", Batch())
    assert not made.sent
    made.add(ours, Batch())
    made.left(ours.id, Batch())
    made.delivered(ours.id, 12.0, delivered)
    assert [command.sent for command in told(delivered) if isinstance(command, TellMessage)] == [False]


def test_a_message_is_stored_under_its_own_name() -> None:
    batch, one = Batch(), message(1)
    Timeline(CONTACT).add(one, batch)
    (persist,) = (command for command in batch.commands() if isinstance(command, Persist))
    assert persist.puts[0][0] == Key(kind="message", scope=CONTACT, key=one.id)


def test_a_line_of_ours_lives_for_a_span_whatever_the_conversations_messages_do() -> None:
    spans = [(span, span) for span in (MIN_LIFETIME, 90, MAX_LIFETIME)]
    for lifetime, lives in [(ONCE, DEFAULT_LIFETIME), (OFF, DEFAULT_LIFETIME), *spans]:
        made = Timeline(CONTACT)
        made.note(bytes(16), "a line", lifetime, 10.0, Batch())
        made.shown(bytes(16), 10.0, Batch())
        (line,) = made
        assert (line.lifetime, line.expires) == (lives, 10.0 + lives)


def test_when_it_was_written_and_how_long_it_lives_are_believed_within_bounds() -> None:
    at, limit = 2.0 * UNREAD_LIFE, 60
    cases = [
        (at - 5, 30, at - 5, 30),
        (at + 5, 30, at, 30),
        (0, 90, at - UNREAD_LIFE, 60),
    ]
    for written, lifetime, believed, lives in cases:
        made = Timeline(CONTACT)
        part = TextPart(id=bytes(16), offset=0, total=1, lifetime=lifetime, written=int(written), data=b"x")
        made.came(part, "x", limit, at, Batch(), at=at)
        (one,) = made
        assert (one.written, one.lifetime, one.until) == (believed, lives, upper_bound(believed, lives))


def test_what_came_and_died_before_it_was_looked_at_is_not_kept() -> None:
    until = upper_bound(10.0, 60)
    part = TextPart(id=bytes(16), offset=0, total=1, lifetime=60, written=10, data=b"x")
    for now, alive in ((until, 1), (until + 1, 0)):
        made = Timeline(CONTACT)
        made.came(part, "x", 60, now, Batch(), at=10.0)
        assert len(list(made)) == alive


def test_what_was_read_and_does_not_live_once_stays_when_it_is_closed() -> None:
    made = timeline(message(1), message(2))
    made.shown(bytes([1]) * 16, 11.0, Batch())
    made.closed(Batch())
    assert [one.id[0] for one in made] == [1, 2]


def test_only_what_is_added_is_told_as_new() -> None:
    made, added, shown = Timeline(CONTACT), Batch(), Batch()
    made.add(message(1), added)
    made.shown(bytes([1]) * 16, 11.0, shown)
    both = told(added) + told(shown)
    assert [one.new for one in both if isinstance(one, TellMessage)] == [True, False]


def asleep(*, due: float | None, messages: list[MessageRecord]) -> tuple[Timeline, list[int]]:
    """A timeline whose messages are in the vault, and how often they were read from there."""
    loads: list[int] = []

    def load() -> list[MessageRecord]:
        loads.append(1)
        return messages

    gist = GistRecord(unread=7, newest=3.0)
    return Timeline(b"contact", asleep=AsleepMessages(load=load, due=due, gist=gist)), loads


def test_a_gist_is_enough_while_nobody_looks_and_nothing_is_due() -> None:
    timeline, loads = asleep(due=100.0, messages=[])
    timeline.expire(99.0, Batch())
    assert (timeline.unread, timeline.newest, timeline.next_deadline) == (7, 3.0, 100.0)
    assert timeline.gist == GistRecord(unread=7, newest=3.0)
    never, loads_of_never = asleep(due=None, messages=[])
    never.expire(1e12, Batch())
    assert loads == loads_of_never == []


def test_what_is_looked_at_is_loaded_once() -> None:
    held = MessageRecord(id=b"1", mine=False, text="four", written=1.0, stored=1.0, lifetime=60, until=500.0)
    looks: list[Callable[[Timeline], object]] = [
        list,
        lambda timeline: timeline.get(b"1"),
        lambda timeline: timeline.held,
        lambda timeline: timeline.gist_until,
        lambda timeline: timeline.expire(100.0, Batch()),
        lambda timeline: timeline.shown(b"1", 2.0, Batch()),
    ]
    for look in looks:
        timeline, loads = asleep(due=100.0, messages=[held])
        look(timeline)
        assert loads == [1]
        assert (timeline.held, timeline.newest) == (4, 1.0)
        assert timeline.get(b"1") is held
        assert loads == [1]


def test_a_new_message_comes_after_those_that_slept() -> None:
    held = MessageRecord(id=b"1", mine=True, text="", written=9.0, stored=9.0, lifetime=60, until=500.0)
    timeline, _ = asleep(due=100.0, messages=[held])
    new = MessageRecord(id=b"2", mine=True, text="", written=2.0, stored=2.0, lifetime=60, until=500.0)
    timeline.add(new, Batch())
    assert [message.id for message in timeline] == [b"1", b"2"]
    assert new.stored > 3.0


def test_what_was_read_and_lives_once_is_due_when_it_is_loaded_again() -> None:
    held = MessageRecord(id=b"1", mine=False, text="", written=1.0, stored=1.0, lifetime=ONCE, until=5000.0)
    timeline = Timeline(b"contact", [held])
    assert timeline.next_deadline == timeline.gist_until == 5000.0
    timeline.shown(b"1", 2.0, Batch())
    assert timeline.next_deadline == 2.0 + ONCE_OPEN
    assert timeline.gist_until == Timeline(b"contact", list(timeline)).next_deadline == 2.0
    timeline.closed(Batch())
    assert timeline.next_deadline is None


def test_a_gist_ends_with_the_first_that_is_unread_or_with_the_newest() -> None:
    made = timeline(message(1, stored=10.0), message(2, stored=20.0, mine=True), message(3, stored=30.0))
    assert made.gist == GistRecord(unread=2, newest=30.0)
    assert made.gist_until == upper_bound(10.0, 60)
    made.shown(bytes([1]) * 16, 40.0, Batch())
    assert made.next_deadline == 100.0
    assert (made.gist.unread, made.gist_until) == (1, upper_bound(30.0, 60))
    made.shown(bytes([3]) * 16, 50.0, Batch())
    assert (made.gist.unread, made.gist_until) == (0, 110.0)
    made.expire(110.0, Batch())
    assert made.gist == GistRecord(unread=0, newest=20.0)
    assert made.gist_until == upper_bound(20.0, 60)
    made.erase(bytes([2]) * 16, "deleted", Batch())
    assert (made.gist, made.gist_until) == (GistRecord(unread=0, newest=None), math.inf)
