"""The reference and the program in conversation: texts, links that break, epochs, deletions, two links."""

from __future__ import annotations

import pytest

from ..protocol.world import Person
from .body import OFF, ONCE
from .cell import REKEY_CELLS
from .test_meeting import ROLES, Second, both_talk, hang_up, settled, together

LONGEST = ("ünïcödé " * 6_000).encode()[:65_536].decode(errors="ignore")
LENGTHS = (1, 250, 260, 1_700, 1_775, 1_776, 1_777, 1_790, 1_800, 1_830, 1_831, 3_700, 20_000)
FORGETTABLE = 600


def quiet(real: Person, second: Second) -> None:
    """Nothing went wrong on the way: no session was made anew."""
    assert real.lines() == []
    assert second.side.resets == 0


def epochs(second: Second) -> int:
    session = second.side.session
    assert session is not None
    return session.ratchet.epoch


@pytest.mark.parametrize("role", ROLES)
def test_texts_of_every_length_arrive_whole_and_in_order(role: str) -> None:
    world, real, second = together(role)
    texts = ["x" * length for length in LENGTHS]
    for text in texts:
        real.write(text)
        second.write(text)
    world.until(lambda: settled(real, second))
    assert real.texts() == second.texts() == texts
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_the_longest_text_goes_both_ways_at_once(role: str) -> None:
    assert 65_500 < len(LONGEST.encode()) <= 65_536
    world, real, second = together(role)
    real.write(LONGEST)
    second.write(LONGEST)
    world.until(lambda: settled(real, second))
    assert real.texts() == second.texts() == [LONGEST]
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_epochs_follow_each_other_in_a_long_talk(role: str) -> None:
    world, real, second = together(role)
    while epochs(second) < 6:
        both_talk(world, real, second)
        assert len(second.texts()) < FORGETTABLE, "no epoch comes"
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_an_epoch_comes_with_time_alone(role: str) -> None:
    world, real, second = together(role)
    world.run(3 * 3_600)
    both_talk(world, real, second)
    both_talk(world, real, second)
    assert epochs(second) >= 1
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_epochs_get_through_links_that_break(role: str) -> None:
    world, real, second = together(role, 7)
    before = epochs(second)
    for turn in range(45):
        real.write(f"real {turn}")
        second.write(f"second {turn}")
        world.run(7)
        if turn % 3 == 2:
            hang_up(world)
    world.until(lambda: settled(real, second))
    assert epochs(second) >= before + 2
    assert real.texts() == [f"second {turn}" for turn in range(45)]
    assert second.texts() == [f"real {turn}" for turn in range(45)]
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_a_link_takes_new_keys_many_times(role: str) -> None:
    world, real, second = together(role)
    wires = len(world.wires)
    world.run(2 * 2.0 * REKEY_CELLS + 100)
    both_talk(world, real, second)
    assert len(world.wires) == wires
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_envelopes_that_are_lost_are_skipped_and_their_texts_said_again(role: str) -> None:
    world, real, second = together(role)
    texts = []
    for turn in range(12):
        texts += [f"{turn}", "y" * 8_000 + str(turn)]
        for text in texts[-2:]:
            real.write(text)
            second.write(text)
        world.run(3 + turn)
        world.cutter = lambda wire, writer, carried: True
        world.run(12)
        world.cutter = None
        world.until(lambda: real.online and second.online)
    world.until(lambda: settled(real, second))
    assert real.texts() == second.texts() == texts
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_either_program_may_end_at_any_point_and_go_on(role: str) -> None:
    world, real, second = together(role)
    texts = []
    for turn in range(8):
        texts += [f"{turn}", "z" * 3_000 + str(turn)]
        for text in texts[-2:]:
            real.write(text)
            second.write(text)
        world.run(1 + 2 * turn)
        if turn % 2:
            real.restart()
        else:
            second.restart()
    world.until(lambda: settled(real, second))
    assert real.texts() == second.texts() == texts
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_a_close_cell_ends_the_link_on_both_sides(role: str) -> None:
    world, real, second = together(role)
    second.close()
    world.run(1)
    assert not real.online
    world.until(lambda: settled(real, second))
    both_talk(world, real, second)
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_both_dial_at_once_and_agree_on_a_link(role: str) -> None:
    for seed in range(8):
        world, real, second = together(role, seed)
        world.delay = lambda wire, reader, w=world: w.random.uniform(0.1, 1.9)  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        real.leave()
        world.run(10)
        real.come_back()
        second.dial_at = world.now
        real.write("from Real")
        second.write("from Second")
        world.run(120)
        assert settled(real, second)
        assert sum(wire.whole for wire in world.wires) == 1
        assert real.texts() == ["from Second"]
        assert second.texts() == ["from Real"]
        quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_a_message_lives_as_long_as_the_shorter_of_two_lifetimes(role: str) -> None:
    world, real, second = together(role)
    second.side.delivery.lifetime = 600
    short, long = second.write("short"), real.write("long", lifetime=7_200)
    world.until(lambda: settled(real, second))
    real.show(short)
    assert second.side.delivery.see(long, world.now) == "long"
    world.run(590)
    second.side.pass_time(world.now)
    assert (real.texts(), second.texts()) == (["short"], ["long"])
    world.run(20)
    second.side.pass_time(world.now)
    assert real.texts() == second.texts() == []
    assert list(second.side.delivery.messages) == []
    assert [message.text for message in real.talk.timeline] == ["long"]  # its writer's own lifetime is longer


@pytest.mark.parametrize("role", ROLES)
def test_a_program_that_does_not_say_that_it_knows_once_and_off_is_told_the_nearest_span(role: str) -> None:
    world, real, second = together(role)
    second.side.delivery.lifetime = 28 * 86_400
    once, off = real.write("once", lifetime=ONCE), real.write("off", lifetime=OFF)
    world.until(lambda: settled(real, second))
    held = second.side.delivery.messages
    assert [held[name].lifetime for name in (once, off)] == [5, 28 * 86_400]
    assert [message.lifetime for message in real.talk.timeline] == [ONCE, OFF]


@pytest.mark.parametrize("dialler", ["Real", "Second"])
def test_who_dials_anew_has_given_up_the_link_before(dialler: str) -> None:
    """Its program ended without a word; the other still takes the link that it dialled for a good one."""
    world, real, second = together("joiner")
    real.reachable, second.reachable = dialler == "Second", dialler == "Real"
    hang_up(world)
    world.until(lambda: settled(real, second))
    if dialler == "Real":
        real.wires.clear()
        real.metronomes.clear()
        real.restart()
    else:
        second.wires.clear()
        second.restart()
    real.write("from Real")
    second.write("from Second")
    world.until(lambda: (real.texts(), second.texts()) == (["from Second"], ["from Real"]), seconds=15)
    world.run(60)
    assert settled(real, second)
    quiet(real, second)


# --- deletions ---


@pytest.mark.parametrize("role", ROLES)
def test_what_was_delivered_is_deleted_on_both_sides(role: str) -> None:
    world, real, second = together(role)
    kept = real.write("kept by Real"), second.write("kept by Second")
    gone = real.write("gone"), second.write("gone too")
    world.until(lambda: settled(real, second))
    real.burn(gone[0])
    second.side.delivery.delete(gone[1])
    world.until(lambda: settled(real, second))
    assert second.texts() == ["kept by Real"]
    assert real.texts() == ["kept by Second"]
    assert set(second.side.delivery.messages) == set(kept)
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_what_is_still_leaving_is_deleted_before_it_is_whole(role: str) -> None:
    world, real, second = together(role)
    gone = real.write("x" * 40_000), second.write("x" * 40_000)
    world.run(20)
    hang_up(world)
    real.burn(gone[0])
    second.side.delivery.delete(gone[1])
    world.until(lambda: settled(real, second))
    both_talk(world, real, second)
    assert len(real.shown()) == len(second.texts()) == 1
    quiet(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_what_has_not_left_is_never_heard_of(role: str) -> None:
    world, real, second = together(role)
    hang_up(world)
    world.run(1)
    real.burn(real.write("never"))
    second.side.delivery.delete(second.write("never"))
    assert real.idle()
    assert second.idle()
    world.until(lambda: settled(real, second))
    assert real.texts() == second.texts() == []
