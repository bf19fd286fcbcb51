"""How long messages live, on both sides and over restarts. docs/protocol.md, «Lifetimes»."""

from __future__ import annotations

import msgspec

from onionchat.protocol import body, events
from onionchat.protocol.constants import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    OFF,
    ONCE,
    ONCE_OPEN,
    UNREAD_LIFE,
)

from .world import Person, World, friends

MINUTE = 60
DAY = 24 * 3600


def delivered(text: str = "hello", lifetime: int | None = MINUTE) -> tuple[World, Person, Person, bytes]:
    world, ada, ben = friends()
    message = ada.write(text, lifetime)
    world.until(lambda: ben.texts() == [text] and ada.idle())
    return world, ada, ben, message


def sleep(world: World, ada: Person, ben: Person, seconds: float) -> None:
    """Nobody runs for a long time."""
    ada.leave()
    ben.leave()
    world.run(seconds)
    ada.come_back()
    ben.come_back()


def test_the_senders_clock_runs_from_the_acknowledgement() -> None:
    world, ada, ben, message = delivered()
    kept = ada.talk.timeline.get(message)
    assert kept is not None
    assert kept.clock is not None
    assert kept.clock <= world.now
    world.run(kept.clock + MINUTE - world.now - 0.1)
    assert ada.stored(message)
    world.run(0.2)
    assert not ada.stored(message)
    assert ada.told[-1].what == "expired"
    assert ben.texts() == ["hello"]  # nobody has looked at it yet


def test_the_receivers_clock_runs_from_when_it_was_first_shown() -> None:
    world, ada, ben, message = delivered()
    sleep(world, ada, ben, 3 * DAY)
    assert ben.stored(message)
    ben.show(message)
    world.run(MINUTE - 1)
    ben.show(message)  # once more: the clock runs already
    assert ben.stored(message)
    world.run(2)
    assert not ben.stored(message)
    assert ben.told[-1].what == "expired"


def test_what_nobody_ever_looks_at_dies_in_the_end_on_both_sides() -> None:
    world, ada, ben = friends()
    unread = ada.write("never shown", MINUTE)
    world.until(lambda: ben.stored(unread))
    ben.leave()
    unsent = ada.write("never arrives", MINUTE)
    written = world.now
    sleep(world, ada, ben, MINUTE + UNREAD_LIFE - 60)
    ben.leave()
    assert ada.stored(unsent)
    assert ben.stored(unread)
    world.run(written + MINUTE + UNREAD_LIFE - world.now + 1)
    assert not ada.stored(unsent)
    assert ada.idle()
    ben.come_back()
    assert not ben.stored(unread)
    world.run(60)
    assert ben.texts() == []


def test_the_receivers_own_limit_wins_if_it_is_shorter_and_only_then() -> None:
    world, ada, ben = friends()
    ben.ask(events.LifetimeChosen(lifetime=MINUTE))
    long = ada.write("long", DAY)
    short = ada.write("short", 10)
    world.until(lambda: len(ben.texts()) == 2)
    lifetimes = [m.lifetime for m in ben.talk.timeline]
    assert lifetimes == [MINUTE, 10]
    ben.show(long, short)
    world.run(11)
    assert ben.texts() == ["long"]
    world.run(MINUTE)
    assert ben.texts() == []


def test_a_text_takes_the_conversations_lifetime_unless_it_has_its_own() -> None:
    _, ada, _ = friends()
    ada.write("default")
    ada.ask(events.LifetimeChosen(lifetime=90))
    ada.write("chosen")
    ada.write("own", 7)
    assert [m.lifetime for m in ada.talk.timeline] == [DEFAULT_LIFETIME, 90, 7]


def test_nothing_that_has_had_its_time_is_there_after_a_restart() -> None:
    world, ada, ben, message = delivered()
    ben.show(message)
    ben.leave()
    ada.leave()
    world.run(MINUTE + 1)
    ada.come_back()
    ben.come_back()
    assert list(ada.talk.timeline) == list(ben.talk.timeline) == []
    assert not ada.stored(message)
    assert not ben.stored(message)


def test_whatever_wakes_a_machine_after_a_long_sleep_finds_nothing_that_is_over() -> None:
    """Before anything else that an event does, also where it is not the deadline that comes first."""
    world, _, ben, message = delivered()
    ben.show(message)
    world.now += MINUTE + 1
    ben.ask(events.Renamed(name="Ada"))
    assert ben.texts() == []
    assert not ben.stored(message)


def test_a_clock_that_runs_ahead_at_the_sender_makes_nothing_live_longer_or_die_at_once() -> None:
    for off in (-40 * DAY, 40 * DAY):
        world, ada, ben = friends()
        now = world.now
        commands = ada.known.handle(
            events.TextWritten(id=b"m" * 16, text="hello", lifetime=MINUTE), now + off
        )
        for command in commands:
            ada._perform(ada.known, command)
        world.until(lambda b=ben: b.texts() == ["hello"])  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        (kept,) = ben.talk.timeline
        assert kept.until >= now + MINUTE
        assert kept.until <= world.now + MINUTE + UNREAD_LIFE


def test_ids_are_forgotten_when_they_cannot_come_again_and_the_vault_holds_nothing_of_it() -> None:
    world, ada, ben, message = delivered()
    ada.burn(message)
    world.until(ada.idle)
    assert {key.kind for key in ben.vault} == {"contact", "session", "seen"}
    sleep(world, ada, ben, 100 * DAY)
    assert {key.kind for key in ben.vault} == {"contact", "session"}


def close(*people: Person) -> None:
    for person in people:
        person.ask(events.ConversationClosed())


def test_what_lives_once_is_gone_on_each_side_when_it_was_read_and_closed() -> None:
    _, ada, ben, message = delivered("once", ONCE)
    assert [m.lifetime for m in ben.talk.timeline] == [ONCE]
    close(ben)
    assert ben.texts() == ["once"]  # nobody has read it yet
    ben.show(message)
    assert ben.texts() == ["once"]
    close(ben)
    assert ben.texts() == []
    assert not ben.stored(message)
    assert ben.told[-1].what == "expired"
    assert ada.stored(message)
    close(ada)
    assert not ada.stored(message)


def test_what_lives_once_stays_at_its_writer_until_it_was_delivered() -> None:
    _, ada, ben = friends()
    ben.leave()
    message = ada.write("once", ONCE)
    close(ada)
    assert ada.stored(message)


def test_what_lives_once_and_is_left_open_goes_all_the_same() -> None:
    world, ada, ben, message = delivered("once", ONCE)
    ben.show(message)
    world.run(ONCE_OPEN - 1)
    assert ben.stored(message)
    world.run(2)
    assert not ben.stored(message)
    assert not ada.stored(message)


def test_what_lives_once_and_was_read_is_gone_with_the_program() -> None:
    world, _, ben, message = delivered("once", ONCE)
    ben.show(message)
    ben.restart()
    world.run(1)
    assert not ben.stored(message)


def test_what_lives_once_and_was_not_read_outlives_the_program() -> None:
    world, _, ben, message = delivered("once", ONCE)
    ben.restart()
    world.run(60)
    assert ben.stored(message)


def test_the_receiver_alone_may_want_once() -> None:
    world, ada, ben = friends()
    ben.ask(events.LifetimeChosen(lifetime=ONCE))
    message = ada.write("an hour", 60 * MINUTE)
    world.until(lambda: ben.texts() == ["an hour"])
    ben.show(message)
    close(ben, ada)
    assert ben.texts() == []
    assert ada.stored(message)


def test_what_lives_without_end_stays_where_both_want_it_and_dies_where_the_receiver_does_not() -> None:
    for limit, left in ((OFF, ["kept"]), (DAY, [])):
        world, ada, ben = friends()
        ben.ask(events.LifetimeChosen(lifetime=limit))
        message = ada.write("kept", OFF)
        world.until(lambda b=ben: b.texts() == ["kept"])  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        world.until(ada.idle)
        ben.show(message)
        ben.leave()
        ada.leave()
        world.run(400 * DAY)
        ben.come_back()
        ada.come_back()
        assert ben.texts() == left
        assert ada.texts() == []  # of theirs
        assert ada.stored(message)
        assert [m.expires for m in ada.talk.timeline] == [None]


def test_what_lives_without_end_but_was_never_delivered_or_seen_dies_like_the_longest() -> None:
    world, ada, ben = friends()
    unread = ada.write("never shown", OFF)
    world.until(lambda: ben.stored(unread))
    ben.ask(events.LifetimeChosen(lifetime=OFF))
    sleep(world, ada, ben, MAX_LIFETIME + UNREAD_LIFE + DAY)
    assert not ben.stored(unread)
    ben.leave()
    unsent = ada.write("never arrives", OFF)
    ada.leave()
    world.run(MAX_LIFETIME + UNREAD_LIFE + 1)
    ada.come_back()
    assert not ada.stored(unsent)
    assert ada.idle()


def test_what_lives_without_end_can_be_deleted_for_both_after_any_time() -> None:
    world, ada, ben = friends()
    ben.ask(events.LifetimeChosen(lifetime=OFF))
    message = ada.write("kept", OFF)
    world.until(lambda: ben.stored(message) and ada.idle())
    ben.show(message)
    sleep(world, ada, ben, 400 * DAY)
    ada.burn(message)
    world.until(lambda: not ben.stored(message))


def test_where_messages_live_is_stored_with_the_contact() -> None:
    _, ada, _ = friends()
    ada.ask(events.KeepingChosen(memory=True))
    ada.restart()
    assert ada.record.memory
    ada.ask(events.KeepingChosen(memory=False))
    assert not ada.record.memory


# --- what waited in the box ---------------------------------------------------------------------------


def boxed(ada: Person, *parts: body.Part) -> bytes:
    session = ada.talk._session
    assert session is not None
    return session.encrypt(body.pack(list(parts)), random=ada.around.random, now=int(ada.world.now))


def text(ada: Person, number: int, lifetime: int) -> body.TextPart:
    written, data = int(ada.world.now), f"number {number}".encode()
    identifier = bytes([number]) * 16
    return body.TextPart(
        id=identifier, offset=0, total=len(data), lifetime=lifetime, written=written, data=data
    )


def open_box(ben: Person, *envelopes: tuple[float, bytes]) -> None:
    ben.ask(events.BoxOpened(link=99, session=ben.record.session, envelopes=envelopes))


def test_what_waited_in_the_box_lives_no_longer_than_from_when_it_came() -> None:
    world, ada, ben = friends()
    ben.ask(events.LifetimeChosen(lifetime=20 * DAY))
    came = world.now + 1
    envelopes = [boxed(ada, text(ada, number, days * DAY)) for number, days in enumerate((1, 2, 20))]
    ada.leave()
    world.run(29.5 * DAY)
    open_box(ben, *((came, envelope) for envelope in envelopes))
    assert ben.texts() == ["number 1", "number 2"]  # the first is over; number 0 is not told either
    assert [told.text for told in ben.told if told.what == "arrived"] == ["number 1", "number 2"]
    assert [one.until - one.lifetime for one in ben.talk.timeline] == [int(came - 1) + UNREAD_LIFE] * 2
    assert ben.talk.inbox.known(bytes(16))  # and not let in when it is said again
    world.run(DAY)
    assert ben.texts() == ["number 2"]


def test_what_came_into_the_box_from_a_clock_that_is_wrong_counts_from_when_it_came() -> None:
    world, ada, ben = friends()
    early = msgspec.structs.replace(text(ada, 1, DAY), written=0)
    late = msgspec.structs.replace(text(ada, 2, DAY), written=int(world.now + 90 * DAY))
    came, envelopes = world.now, [boxed(ada, early), boxed(ada, late)]
    ada.leave()
    world.run(DAY - 60)
    open_box(ben, *((came, envelope) for envelope in envelopes))
    assert [(one.written, one.until) for one in ben.talk.timeline] == [
        (came - UNREAD_LIFE, came + DAY),
        (came, came + DAY + UNREAD_LIFE),
    ]


def test_what_was_shown_and_came_again_into_the_box_is_not_shown_again() -> None:
    """Its id was forgotten while the vault was locked."""
    world, ada, ben, message = delivered()
    shown = ben.talk.timeline.get(message)
    assert shown is not None
    part = msgspec.structs.replace(text(ada, 1, MINUTE), id=message, written=int(shown.written))
    sleep(world, ada, ben, 20 * DAY)
    came, envelope = world.now, boxed(ada, part)
    ada.leave()
    world.run(20 * DAY)
    assert not ben.talk.inbox.known(message)
    before = ben.shown()
    open_box(ben, (came, envelope))
    assert (ben.texts(), ben.shown()) == ([], before)


def test_a_box_that_a_later_clock_filled_is_taken_as_of_now() -> None:
    world, ada, ben = friends()
    open_box(ben, (world.now + 90 * DAY, boxed(ada, text(ada, 1, DAY))))
    assert [one.until for one in ben.talk.timeline] == [int(world.now) + DAY + UNREAD_LIFE]
