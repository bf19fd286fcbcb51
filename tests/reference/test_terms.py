"""The reference and the program settle paces and windows with each other."""

from __future__ import annotations

import pytest

from onionchat.protocol import commands as do
from onionchat.protocol import events
from onionchat.protocol.pace import Level
from onionchat.protocol.pace import Pace as RealPace

from ..protocol.world import Metronome, Person
from .greeting import POISSON, Pace
from .test_meeting import ROLES, Mixed, Second, both_talk, hang_up, settled, together

SLOW, RANDOM = Pace(tick_ms=9_000, batch=4), Pace(level=POISSON, tick_ms=1_000, batch=2)


def real_pace(pace: Pace) -> RealPace:
    return RealPace(level=Level(pace.level), tick_ms=pace.tick_ms, batch=pace.batch)


def sending(real: Person) -> Metronome:
    active = real.known._active
    assert active is not None
    return real.metronomes[active.number]


def calm(role: str) -> tuple[Mixed, Person, Second]:
    """Two who have come together, and settled which link stays."""
    world, real, second = together(role)
    world.run(10)
    second.why.clear()
    return world, real, second


def undisturbed(real: Person, second: Second) -> None:
    """No link ended and no session was made anew."""
    assert second.why == []
    assert real.lines() == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("pace", [SLOW, RANDOM])
def test_each_side_changes_its_pace_once_the_other_knows(role: str, pace: Pace) -> None:
    world, real, second = calm(role)
    real.choose(real_pace(pace))
    second.side.want(pace)
    world.until(lambda: sending(real).pace == real_pace(pace) and second.side.terms.pace == pace)
    both_talk(world, real, second)
    world.run(600)
    both_talk(world, real, second)
    undisturbed(real, second)
    (link,) = second.side.links
    assert link.paces == [Pace(), pace]


@pytest.mark.parametrize("role", ROLES)
def test_who_changes_its_mind_is_understood(role: str) -> None:
    world, real, second = calm(role)
    for pace in (SLOW, RANDOM, Pace()):
        real.choose(real_pace(pace))
        second.side.want(pace)
        world.run(2.5)
    both_talk(world, real, second)
    world.run(300)
    assert sending(real).pace == real_pace(Pace())
    assert second.side.terms.pace == Pace()
    undisturbed(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_a_new_link_begins_with_the_pace_that_was_wanted(role: str) -> None:
    world, real, second = calm(role)
    real.choose(real_pace(SLOW))
    second.side.want(SLOW)
    hang_up(world)
    world.until(lambda: real.online and second.online)
    (link,) = [link for link in second.side.links if link is second.side.active]
    assert link.paces == [SLOW]
    assert link.own_pace == SLOW
    both_talk(world, real, second)


@pytest.mark.parametrize("role", ROLES)
def test_a_window_of_the_program(role: str) -> None:
    world, real, second = calm(role)
    real.propose(16)
    world.until(lambda: second.side.terms.theirs is not None)
    second.side.terms.answer(agree=True)
    world.until(lambda: sending(real).window)
    real.write("w" * 50_000)
    world.until(lambda: second.texts() != [], 10)
    world.until(lambda: second.side.terms.theirs is None)
    assert real.windows("my") == ["proposed", "open", "over"]
    both_talk(world, real, second)
    undisturbed(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_a_window_of_the_reference(role: str) -> None:
    world, real, second = calm(role)
    second.side.terms.propose(64)
    second.write("w" * 60_000)
    world.until(lambda: real.windows("their") == ["proposed"])
    real.ask(events.WindowAnswered(agree=True))
    world.until(lambda: second.side.terms.window == 64)
    world.until(lambda: real.texts() != [], 10)
    world.until(lambda: real.windows("their") == ["proposed", "open", "over"], 70)
    world.until(lambda: settled(real, second))
    undisturbed(real, second)


@pytest.mark.parametrize("role", ROLES)
def test_windows_that_come_to_nothing(role: str) -> None:
    world, real, second = calm(role)
    real.propose(16)
    second.side.terms.propose(32)
    world.until(lambda: second.side.terms.theirs is not None and real.windows("their") == ["proposed"])
    second.side.terms.answer(agree=False)
    second.side.terms.end()
    world.until(lambda: real.windows("my")[-1] == "declined" and real.windows("their")[-1] == "withdrawn")
    real.propose(16)
    second.side.terms.propose(32)
    world.until(lambda: second.side.terms.theirs is not None and real.windows("their")[-1] == "proposed")
    real.ask(events.WindowWithdrawn())
    second.side.terms.answer(agree=True)  # the two cross
    real.ask(events.WindowAnswered(agree=False))
    world.run(30)
    assert second.side.terms.theirs is second.side.terms.mine is None
    assert real.windows("my") == ["proposed", "declined", "proposed", "withdrawn"]
    assert not [command for command in real.log if isinstance(command, do.BeginWindow)]
    both_talk(world, real, second)
    undisturbed(real, second)
