"""Paces and bulk windows, between two sides."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError

import pytest

from onionchat.errors import LocalProtocolError
from onionchat.protocol import body, events
from onionchat.protocol import commands as do
from onionchat.protocol.batch import Batch
from onionchat.protocol.body import PacePart, Step, WindowPart
from onionchat.protocol.constants import (
    MAX_TEXT_BYTES,
    PACE_ANSWER_SECONDS,
    SILENCE_SECONDS,
    SILENCE_TICKS,
    WINDOW_ANSWER_SECONDS,
    WINDOW_SECONDS,
    WINDOW_TICK_MS,
)
from onionchat.protocol.link import Link, LinkState
from onionchat.protocol.pace import BATCHES, Level, Pace
from onionchat.protocol.terms import Terms, Window
from tests.protocol.world import (
    TICK,
    USUAL,
    Metronome,
    Person,
    World,
    can_talk,
    friends,
    introduced,
    meeting,
    strangers,
)

SLOW, QUICK = Pace(tick_ms=20_000), Pace(tick_ms=250, batch=2)
RANDOM = Pace(level=Level.POISSON, tick_ms=5_000)


def sends(person: Person) -> Metronome:
    """The sending side of the active link."""
    active = person.known._active
    assert active is not None
    return person.metronomes[active.number]


def slip(person: Person, *parts: body.Part) -> None:
    """Say what our own program would not."""
    person.slip(body.pack(list(parts)))


def changes(person: Person) -> list[Pace]:
    return [command.pace for command in person.log if isinstance(command, do.ChangePace)]


def test_what_a_window_is_stays_as_it_was_proposed() -> None:
    window = Window(id=bytes(16), seconds=16, link=Link.dial(1, pace=USUAL, now=0.0))
    terms = Terms(bytes)
    terms.mine = window
    assert terms.next_deadline is None
    with pytest.raises(FrozenInstanceError):
        window.open = True  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError):
        Window(bytes(16), 16, window.link)  # type: ignore[call-arg]  # the same


# --- paces --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", [SLOW, QUICK, RANDOM, Pace(level=Level.BURST), Pace(batch=8)])
def test_another_pace_holds_once_the_peer_knows_and_the_link_stays(pace: Pace) -> None:
    world, ada, ben = friends()
    link = ada.known.links
    ada.choose(pace)
    assert sends(ada).pace == USUAL
    world.until(lambda: sends(ada).pace == pace)
    world.run(300)
    can_talk(world, ada, ben)
    assert ada.known.links == link
    assert changes(ada) == [pace]


def test_the_peer_knows_of_a_pace_before_the_first_cell_at_it() -> None:
    world, ada, ben = friends()
    active = ben.known._active
    assert active is not None
    silence = active.tolerance.silence
    ada.choose(SLOW)
    world.until(lambda: active.tolerance.silence > silence)
    assert sends(ada).pace == USUAL
    world.until(lambda: sends(ada).pace == SLOW)


def test_the_pace_of_now_needs_no_word() -> None:
    world, ada, _ = friends()
    before = len(ada.left)
    ada.choose(USUAL)
    world.run(60)
    assert (len(ada.left), changes(ada)) == (before, [])


def test_who_chooses_twice_says_both_and_the_last_one_holds() -> None:
    world, ada, _ = friends()
    ada.choose(SLOW)
    world.run(TICK + 0.1)
    ada.choose(RANDOM)
    world.until(lambda: sends(ada).pace == RANDOM)
    world.run(100)
    assert changes(ada) == [RANDOM]


def test_who_returns_to_the_pace_of_now_in_time_has_said_nothing_that_counts() -> None:
    world, ada, _ = friends()
    ada.choose(SLOW)
    world.run(TICK + 0.1)
    ada.choose(USUAL)
    links = ada.known.links
    world.run(PACE_ANSWER_SECONDS + 100)
    assert ada.known.links == links
    assert changes(ada) == []
    assert sends(ada).pace == USUAL


def test_a_pace_that_was_not_said_yet_is_not_said_any_more() -> None:
    world, ada, ben = friends()
    active = ben.known._active
    assert active is not None
    number = next(iter(ada.metronomes))
    ada.talk.terms.wish(SLOW, world.now)  # and before it could be laid
    ada.choose(QUICK)
    world.until(lambda: sends(ada).pace == QUICK)
    assert ada.known.links == (number,)
    assert active.tolerance.silence < 100


def test_a_peer_who_never_acknowledges_a_pace_keeps_nobody_at_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, ada, ben = friends(ada_at=Pace(level=Level.BURST))
    (link,) = ada.known.links
    monkeypatch.setattr(ben.talk.inbox, "acknowledge", lambda _: None)
    asked = world.now
    ada.choose(SLOW)
    world.run(PACE_ANSWER_SECONDS / 2)
    ada.choose(USUAL)  # a second thought gives the peer no more time
    world.until(lambda: link not in ada.known.links)
    assert world.now == asked + PACE_ANSWER_SECONDS
    world.until(lambda: ada.online and ben.online)
    assert (sends(ada).pace, changes(ada)) == (USUAL, [])


def test_an_acknowledgement_that_nobody_waits_for_changes_nothing() -> None:
    world, ada, ben = friends()
    slip(ben, body.AckPart(ids=[bytes(16)]))
    world.run(10)
    assert changes(ada) == []
    assert ada.online


def test_a_new_link_says_the_pace_in_its_greeting() -> None:
    world, ada, ben = friends()
    ada.choose(SLOW)
    ada.restart()
    world.until(lambda: ada.online and ben.online)
    assert sends(ada).pace == SLOW
    world.run(300)
    assert changes(ada) == []
    assert ada.online


def test_a_pace_chosen_while_a_link_begins_is_said_on_it() -> None:
    world, ada, ben = friends()
    ada.restart()
    world.until(lambda: bool(ada.metronomes))
    assert not ada.online
    ada.choose(RANDOM)
    world.until(lambda: ada.online and ben.online)
    world.until(lambda: changes(ada) == [RANDOM])


def test_a_pace_chosen_off_line_waits_for_a_link() -> None:
    world, ada, ben = friends()
    ben.leave()
    world.until(lambda: not ada.online)
    ada.choose(SLOW)
    assert ada.talk.terms._waiting == []
    ben.come_back()
    world.until(lambda: ada.online)
    assert sends(ada).pace == SLOW


def test_what_was_said_on_another_link_is_said_again_on_the_new_one() -> None:
    world, ada, ben = friends()
    ada.choose(SLOW)
    ada.choose(USUAL)
    ben.leave()
    ada.choose(SLOW)
    ben.come_back()
    world.until(lambda: ada.online and sends(ada).pace == SLOW, 300)
    can_talk(world, ada, ben)


def test_who_uses_an_invite_is_sent_to_at_its_pace() -> None:
    world, ada, ben = strangers()
    invitation = ada.invitation
    assert invitation is not None
    ada.choose(SLOW)
    ben.join(invitation)
    world.until(lambda: ada.online and ben.online)
    assert ada.known.pace == sends(ada).pace == SLOW
    active = ben.known._active
    assert active is not None
    assert active.tolerance.silence == SILENCE_SECONDS + SILENCE_TICKS * 20


def test_a_pace_of_an_invite_that_changes_half_way_is_said_on_the_link() -> None:
    world, ada, ben = meeting()
    world.until(lambda: any(isinstance(command, do.SendCell) for command in ada.log))
    assert ada.contact is None
    ada.choose(RANDOM)
    world.until(lambda: changes(ada) == [RANDOM])
    world.until(lambda: introduced(ada, ben))


def test_the_record_is_stored_with_a_choice() -> None:
    _, ada, _ = friends()
    ada.record.pace, ada.record.hidden = SLOW, True
    ada.log.clear()
    ada.choose(SLOW)
    (persist,) = [command for command in ada.log if isinstance(command, do.Persist)]
    assert [key.kind for key, _ in persist.puts if key.kind == "contact"] == ["contact"]


def test_a_pace_that_no_side_may_have_ends_the_link() -> None:
    world, ada, ben = friends()
    (link,) = ada.known.links
    slip(ben, PacePart(id=bytes(16), pace=Pace(tick_ms=25, batch=8)))
    world.run(1)
    assert link not in ada.known.links


def test_a_pace_on_a_link_that_is_not_active_counts_for_that_link_alone() -> None:
    world, ada, ben = friends()
    active = ada.known._active
    assert active is not None
    other = type(active)(99, active.state, USUAL, world.now)
    other.session_handle = ada.record.session
    session = ben.talk._session
    assert session is not None
    said = body.pack(
        [PacePart(id=b"p" * 16, pace=SLOW), WindowPart(id=bytes(16), seconds=16, step=Step.PROPOSE)]
    )
    envelope = session.encrypt(said, random=ben.around.random, now=int(world.now))
    before = active.tolerance.silence
    ada.talk.receive(other, envelope, world.now, Batch(), active=False, came=world.now)
    assert active.tolerance.silence == before
    assert other.tolerance.silence > before
    assert ada.talk.terms.theirs is None


# --- windows ------------------------------------------------------------------------------------------


def agreed(seconds: int = 64) -> tuple[World, Person, Person]:
    """Ada's window has just begun."""
    world, ada, ben = friends()
    ada.propose(seconds)
    world.until(lambda: ben.windows("their") == ["proposed"])
    ben.ask(events.WindowAnswered(agree=True))
    world.until(lambda: ada.windows("my") == ["proposed", "open"])
    return world, ada, ben


def test_a_window_begins_with_the_answer_runs_to_its_end_and_both_are_told() -> None:
    world, ada, ben = friends()
    ada.propose(64)
    assert ada.windows("my") == ["proposed"]
    world.until(lambda: ben.windows("their") == ["proposed"])
    begun = len(sends(ada).left)
    ben.ask(events.WindowAnswered(agree=True))
    assert ben.windows("their") == ["proposed", "open"]
    world.until(lambda: ada.windows("my") == ["proposed", "open"])
    at = world.now
    world.until(lambda: ada.windows("my")[-1] == "over")
    assert world.now == pytest.approx(at + 64)
    inside = [left for left in sends(ada).left[begun:] if left > at]
    assert len(inside) == pytest.approx(64 / 0.05, abs=2)
    world.until(lambda: ben.windows("their")[-1] == "over")
    assert ada.online
    assert ben.online
    assert [c.seconds for c in ada.log if isinstance(c, do.BeginWindow)] == [64]
    assert not [c for c in ben.log if isinstance(c, do.BeginWindow)]


def test_the_wire_shows_the_window_and_not_what_is_in_it() -> None:
    def traces(text: str) -> list[float]:
        world, ada, ben = friends()
        ada.propose(16)
        world.until(lambda: ben.windows("their") == ["proposed"])
        ben.ask(events.WindowAnswered(agree=True))
        if text:
            ada.write(text)
        world.run(60)
        return sends(ada).left

    assert traces("") == traces("x" * 3_000) == traces("y" * MAX_TEXT_BYTES)


def test_a_long_text_fills_a_window_without_an_empty_slot() -> None:
    world, ada, ben = agreed(32)
    ada.write("z" * MAX_TEXT_BYTES)
    at = world.now
    world.until(lambda: ben.texts() != [])
    assert world.now - at < 37 * WINDOW_TICK_MS / 1000 + 2 * TICK


def test_a_window_that_is_declined_never_begins() -> None:
    world, ada, ben = friends()
    ada.propose(16)
    world.until(lambda: ben.windows("their") == ["proposed"])
    ben.ask(events.WindowAnswered(agree=False))
    world.until(lambda: ada.windows("my") == ["proposed", "declined"])
    assert ben.windows("their") == ["proposed", "declined"]
    assert not [c for c in ada.log if isinstance(c, do.BeginWindow)]
    ada.propose(16)
    world.until(lambda: ben.windows("their")[-1] == "proposed")


def test_a_proposal_that_nobody_answers_is_withdrawn() -> None:
    world, ada, ben = friends()
    ada.propose(16)
    asked = world.now
    assert ada.talk.next_deadline is not None
    assert ada.talk.next_deadline <= asked + WINDOW_ANSWER_SECONDS
    world.until(lambda: ada.windows("my")[-1] == "withdrawn")
    assert world.now == asked + WINDOW_ANSWER_SECONDS
    world.until(lambda: ben.windows("their") == ["proposed", "withdrawn"])
    ben.ask(events.WindowAnswered(agree=True))
    world.run(60)
    assert not [c for c in ada.log if isinstance(c, do.BeginWindow)]
    assert ben.windows("their") == ["proposed", "withdrawn"]


def test_a_proposal_can_be_taken_back_until_it_is_answered() -> None:
    world, ada, ben = friends()
    ada.propose(16)
    world.until(lambda: ben.windows("their") == ["proposed"])
    ada.ask(events.WindowWithdrawn())
    ben.ask(events.WindowAnswered(agree=True))  # the two cross
    world.run(60)
    assert ada.windows("my") == ["proposed", "withdrawn"]
    assert ben.windows("their") == ["proposed", "open", "over"]
    assert not [c for c in ada.log if isinstance(c, do.BeginWindow)]
    assert ada.online


def test_a_window_that_runs_cannot_be_called_off() -> None:
    _, ada, ben = agreed()
    told = len(ada.told), len(ben.told)
    ada.ask(events.WindowWithdrawn())
    ben.ask(events.WindowAnswered(agree=False))
    assert (len(ada.told), len(ben.told)) == told
    assert sends(ada).window


def test_there_is_one_at_a_time_in_each_direction() -> None:
    world, ada, ben = friends()
    ada.propose(16)
    ada.propose(32)
    assert ada.windows("my") == ["proposed", "withdrawn"]
    ben.propose(64)
    world.until(lambda: ada.windows("their") == ["proposed"] and ben.windows("their") == ["proposed"])
    for person in (ada, ben):
        person.ask(events.WindowAnswered(agree=True))
    world.until(lambda: sends(ada).window and sends(ben).window)
    world.run(100)
    assert ben.windows("my") == ["proposed", "open", "over"]
    assert ada.windows("my")[-2:] == ["open", "over"]
    assert sorted(c.seconds for p in (ada, ben) for c in p.log if isinstance(c, do.BeginWindow)) == [16, 64]


def test_the_next_one_may_be_proposed_as_soon_as_the_last_is_over() -> None:
    world, ada, ben = friends()
    for _ in range(3):
        ada.propose(16)
        world.until(lambda: ben.windows("their")[-1:] == ["proposed"])
        ben.ask(events.WindowAnswered(agree=True))
        world.until(lambda: ada.windows("my")[-1] == "over")
    world.run(10)
    assert ben.windows("their") == ["proposed", "open", "over"] * 3
    assert ada.online


@pytest.mark.parametrize("opened", [False, True])
def test_a_window_ends_with_its_link(opened: bool) -> None:
    world, ada, ben = friends()
    ada.propose(1024)
    world.until(lambda: ben.windows("their") == ["proposed"])
    if opened:
        ben.ask(events.WindowAnswered(agree=True))
        world.until(lambda: ada.windows("my")[-1] == "open")
    world.wires[-1].cut()
    last = "over" if opened else "withdrawn"
    world.until(lambda: ada.windows("my")[-1] == ben.windows("their")[-1] == last)
    assert ada.talk.terms.mine is None
    assert ada.talk.terms.theirs is None
    world.until(lambda: ada.online and ben.online)
    world.run(60)
    assert not sends(ada).window
    can_talk(world, ada, ben)


def test_without_a_link_there_is_no_window() -> None:
    world, ada, ben = friends()
    ben.leave()
    world.until(lambda: not ada.online)
    ada.propose(16)
    ada.ask(events.WindowWithdrawn())
    ada.ask(events.WindowAnswered(agree=True))
    ada.ask(events.WindowEnded(link=1))
    assert ada.windows("my") == ["withdrawn"]
    assert ada.windows("their") == []


@pytest.mark.parametrize("seconds", [0, 15, 17, 2048])
def test_a_length_that_there_is_not_is_our_bug(seconds: int) -> None:
    _, ada, _ = friends()
    with pytest.raises(LocalProtocolError):
        ada.propose(seconds)


def test_the_part_has_the_lengths_of_the_constants() -> None:
    assert tuple(2**power for power in range(4, 11)) == WINDOW_SECONDS
    for seconds in WINDOW_SECONDS:
        part = WindowPart(id=bytes(16), seconds=seconds, step=Step.AGREE)
        assert body.unpack(body.pack([part])) == [part]


def test_the_metronomes_word_of_another_link_or_without_a_window_means_nothing() -> None:
    world, ada, ben = friends()
    (link,) = ada.known.links
    assert ada.known.handle(events.WindowEnded(link=link), world.now) == ()
    ada.propose(16)
    ada.ask(events.WindowEnded(link=link))
    assert ada.windows("my") == ["proposed"]
    world.until(lambda: ben.windows("their") == ["proposed"])
    ben.ask(events.WindowAnswered(agree=True))
    world.until(lambda: ada.windows("my")[-1] == "open")
    ada.ask(events.WindowEnded(link=link + 1))
    assert ada.windows("my")[-1] == "open"


def window(step: Step, seconds: int = 16, number: int = 0) -> WindowPart:
    return WindowPart(id=bytes([number]) * 16, seconds=seconds, step=step)  # type: ignore[arg-type]  # tested above


@pytest.mark.parametrize(
    "parts",
    [
        (window(Step.PROPOSE), window(Step.PROPOSE, number=1)),
        (window(Step.PROPOSE), window(Step.PROPOSE)),
        (window(Step.PROPOSE), window(Step.END, 32)),
    ],
)
def test_a_proposal_beside_another_or_with_another_length_ends_the_link(
    parts: tuple[WindowPart, ...],
) -> None:
    world, ada, ben = friends()
    (link,) = ada.known.links
    slip(ben, *parts)
    world.run(1)
    assert link not in ada.known.links
    world.until(lambda: ada.online)


@pytest.mark.parametrize("step", [Step.AGREE, Step.DECLINE])
def test_an_answer_with_another_length_ends_the_link(step: Step) -> None:
    world, ada, ben = friends()
    (link,) = ada.known.links
    item = ada.propose(16)
    slip(ben, WindowPart(id=item, seconds=32, step=step))
    world.run(1)
    assert link not in ada.known.links


@pytest.mark.parametrize("step", [Step.AGREE, Step.DECLINE, Step.END])
def test_a_step_for_what_is_not_there_is_ignored(step: Step) -> None:
    world, ada, ben = friends()
    ada.propose(16)
    slip(ben, window(step, number=7), window(Step.PROPOSE, number=1), window(Step.END, number=2))
    world.run(1)
    assert ada.windows("my") == ["proposed"]
    theirs = ada.talk.terms.theirs
    assert theirs is not None
    assert (theirs.id, theirs.open) == (bytes([1]) * 16, False)
    assert ada.online


@pytest.mark.parametrize("second", [Step.AGREE, Step.DECLINE])
def test_a_second_answer_is_ignored(second: Step) -> None:
    world, ada, ben = friends()
    item = ada.propose(16)
    for step in (Step.AGREE, second):
        slip(ben, WindowPart(id=item, seconds=16, step=step))
    world.run(1)
    assert ada.windows("my") == ["proposed", "open"]
    assert len([c for c in ada.log if isinstance(c, do.BeginWindow)]) == 1


# --- batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", BATCHES)
def test_what_is_queued_leaves_as_many_at_once_as_the_batch_has(batch: int) -> None:
    pace = Pace(batch=batch)
    world, ada, ben = friends(ada_at=pace, ben_at=pace)
    ada.left.clear()
    ada.write("w" * 20_000)
    at = world.now
    world.until(lambda: ben.texts() != [])
    cells = len(ada.left)
    assert cells >= 11
    assert world.now - at <= (-(-cells // batch) + 2) * TICK


def stand_still(person: Person) -> int:
    """Nothing of a person's leaves any more; the link's number."""
    (link,) = person.known.links
    person.metronomes[link]._turn += 1
    return link


@pytest.mark.parametrize("batch", BATCHES)
def test_sent_is_said_when_the_last_part_has_left_and_not_before(batch: int) -> None:
    _, ada, _ = friends(ada_at=Pace(batch=batch))
    link = stand_still(ada)
    message = ada.write("v" * (batch * 2_000))
    active = ada.known._active
    assert active is not None
    cells = len(active.laid)
    assert batch < cells <= 2 * batch
    for waiting in reversed(range(cells)):
        assert message not in ada.talk.timeline.sent
        ada.ask(events.SlotFreed(link=link, waiting=waiting))
    assert message in ada.talk.timeline.sent


def test_cells_that_have_not_left_are_counted_by_the_metronome_alone() -> None:
    _, ada, _ = friends()
    link = stand_still(ada)
    message = ada.write("short")
    active = ada.known._active
    assert active is not None
    assert list(active.laid) == [[message]]
    ada.ask(events.SlotFreed(link=link, waiting=1))  # a cover left, ours lies ready
    assert message not in ada.talk.timeline.sent
    ada.ask(events.SlotFreed(link=link, waiting=0))
    assert message in ada.talk.timeline.sent
    assert not active.laid


def test_a_smaller_batch_lays_nothing_until_there_is_room() -> None:
    eight = Pace(batch=8)
    world, ada, ben = friends(ada_at=eight)
    ada.choose(USUAL)
    ada.write("u" * MAX_TEXT_BYTES)
    world.until(lambda: changes(ada) == [USUAL])
    active = ada.known._active
    assert active is not None
    for _ in range(20):
        before = len(active.laid)
        world.run(TICK)
        assert len(active.laid) <= max(2, before)
    world.until(lambda: ben.texts() != [])


def test_parts_of_terms_ride_with_what_leaves_anyway() -> None:
    world, ada, ben = friends()
    ada.left.clear()
    ada.write("hello")
    ada.choose(SLOW)
    world.until(lambda: ben.texts() != [])
    world.run(5 * TICK)
    assert len(ada.left) == 2


# --- by itself ----------------------------------------------------------------------------------------


def lone(pace: Pace = USUAL) -> tuple[Terms, Link]:
    """Terms of an active link."""
    counter = itertools.count(1)
    terms = Terms(lambda size: next(counter).to_bytes(size, "big"))
    link = Link(1, LinkState.COMPLETE, pace, 0.0)
    terms.begin(link, pace, 0.0, Batch())
    return terms, link


def full() -> tuple[Terms, list[body.Part]]:
    """Terms with four things to say, and these."""
    terms, _ = lone()
    terms.asked(events.WindowAsked(id=b"a" * 16, seconds=16), 0.0, Batch())
    terms.asked(events.WindowWithdrawn(), 0.0, Batch())
    terms.asked(events.WindowAsked(id=b"b" * 16, seconds=32), 0.0, Batch())
    terms.wish(SLOW, 0.0)
    return terms, [
        WindowPart(id=b"a" * 16, seconds=16, step=Step.PROPOSE),
        WindowPart(id=b"a" * 16, seconds=16, step=Step.END),
        WindowPart(id=b"b" * 16, seconds=32, step=Step.PROPOSE),
        PacePart(id=(1).to_bytes(16, "big"), pace=SLOW),
    ]


def test_all_is_said_in_order_and_once() -> None:
    terms, expected = full()
    assert terms.take(body.ROOM, 15) == expected
    assert terms.take(body.ROOM, 15) == []


@pytest.mark.parametrize("most", range(5))
def test_no_more_parts_are_said_than_may_be(most: int) -> None:
    terms, expected = full()
    assert terms.take(body.ROOM, most) == expected[:most]
    assert terms.take(body.ROOM, 15) == expected[most:]


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("short", [0, 1])
def test_no_more_is_said_than_there_is_room_for(count: int, short: int) -> None:
    terms, expected = full()
    room = sum(map(body.size, expected[: count + 1])) - short
    assert terms.take(room, 15) == expected[: count + 1 - short]


def test_what_was_not_said_on_a_link_is_not_said_on_the_next() -> None:
    terms, _ = full()
    terms.begin(Link(2, LinkState.COMPLETE, USUAL, 0.0), USUAL, 0.0, Batch())
    assert terms.take(body.ROOM, 15) == []


@pytest.mark.parametrize("batch", BATCHES)
def test_two_batches_are_laid_and_in_a_window_as_much_as_ever(batch: int) -> None:
    terms, link = lone(Pace(batch=batch))
    assert terms.laid_at_once(link) == 2 * batch
    terms.asked(events.WindowAsked(id=b"a" * 16, seconds=16), 0.0, Batch())
    assert terms.laid_at_once(link) == 2 * batch
    terms.heard(WindowPart(id=b"a" * 16, seconds=16, step=Step.AGREE), link, Batch())
    assert terms.laid_at_once(link) == 16
    terms.asked(events.WindowEnded(link=1), 0.0, Batch())
    assert terms.laid_at_once(link) == 2 * batch


def test_a_pace_that_is_said_already_is_not_said_again() -> None:
    terms, link = lone()
    terms.wish(SLOW, 0.0)
    (said,) = terms.take(body.ROOM, 15)
    assert isinstance(said, PacePart)
    terms.wish(SLOW, 1.0)
    assert terms.take(body.ROOM, 15) == []
    batch = Batch()
    terms.acknowledged(bytes(16), batch)
    assert batch.commands() == ()
    terms.acknowledged(said.id, batch)
    assert batch.commands() == (do.ChangePace(link=1, pace=SLOW),)
    assert link.pace == SLOW


def due(terms: Terms) -> float | None:
    return terms.next_deadline


def test_the_first_of_what_is_due_is_the_next_deadline() -> None:
    terms, _ = lone()
    assert due(terms) is None
    terms.wish(SLOW, 100.0)
    assert due(terms) == 100.0 + PACE_ANSWER_SECONDS
    terms.asked(events.WindowAsked(id=b"a" * 16, seconds=16), 50.0, Batch())
    assert due(terms) == 50.0 + WINDOW_ANSWER_SECONDS
    terms.asked(events.WindowWithdrawn(), 60.0, Batch())
    assert due(terms) == 100.0 + PACE_ANSWER_SECONDS


def test_a_proposal_under_the_id_of_ours_is_no_answer_to_it() -> None:
    terms, link = lone()
    terms.asked(events.WindowAsked(id=b"a" * 16, seconds=16), 0.0, Batch())
    terms.heard(WindowPart(id=b"a" * 16, seconds=16, step=Step.PROPOSE), link, Batch())
    assert terms.mine is not None
    assert terms.theirs is not None
