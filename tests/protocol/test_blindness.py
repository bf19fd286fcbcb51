"""What the user does moves no cell, no dial and no link: the same seeds give the same wire, event for event.

Acts that are visible by their nature (another pace, a window, being off line) are not among the actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onionchat.protocol import commands as do
from onionchat.protocol import contact as contact_module
from onionchat.protocol import events
from onionchat.protocol.commands import Command
from onionchat.protocol.contact import Contact
from onionchat.protocol.dialling import Dialling
from onionchat.protocol.pace import BATCHES, Level, Pace
from tests.profiles import WALKS
from tests.protocol.world import USUAL, Machine, Person, Wire, World, introduced

LENGTH = 300.0
"""Seconds that are compared."""

PACES = st.builds(
    Pace,
    level=st.sampled_from((Level.CONSTANT, Level.POISSON)),
    tick_ms=st.sampled_from((1_000, 2_000, 10_000)),
    batch=st.sampled_from(BATCHES),
)


@dataclass(frozen=True, kw_only=True)
class Action:
    """What a user does, and when."""

    at: float
    whose: int
    what: str
    size: int = 1


ACTIONS = st.lists(
    st.builds(
        Action,
        at=st.floats(0, LENGTH),
        whose=st.integers(0, 1),
        what=st.sampled_from(("write", "brief", "burn", "hide", "show", "rename", "lifetime")),
        size=st.sampled_from((1, 20, 1_000, 5_000, 60_000)),
    ),
    max_size=15,
)


class Watched(Person):
    """A person of whom all that concerns links is written down."""

    def __init__(self, world: World, name: str, *, pace: Pace = USUAL) -> None:
        super().__init__(world, name, pace=pace)
        self.links: list[tuple[float, str, int]] = []

    def _perform(self, machine: Machine, command: Command) -> None:
        if isinstance(command, do.Dial | do.CloseLink | do.BeginSending | do.ChangePace | do.BeginWindow):
            self.links.append((self.world.now, type(command).__name__, command.link))
        super()._perform(machine, command)

    def act(self, action: Action) -> None:
        """Do it, if it can be done now."""
        messages = [message.id for message in self.talk.timeline]
        match action.what:
            case "write":
                self.write("w" * action.size)
            case "brief":
                self.write("b" * action.size, lifetime=5)
            case "burn" | "hide" if messages:
                self.burn(messages[action.size % len(messages)], both=action.what == "burn")
            case "show":
                self.show(*messages)
            case "rename":
                self.ask(events.Renamed(name="n" * action.size))
            case "lifetime":
                self.ask(events.LifetimeChosen(lifetime=5 + action.size))


@dataclass
class Trace:
    """All that an observer sees, and what was said behind it."""

    cells: list[tuple[float, int, str, int]]
    links: list[list[tuple[float, str, int]]]
    said: int


def trace(actions: list[Action], seed: int, paces: tuple[Pace, Pace]) -> Trace:
    """Two friends whose network has its moods, as ``seed`` says."""
    world = World(seed)
    ada, ben = people = [Watched(world, name, pace=pace) for name, pace in zip("ab", paces, strict=True)]
    ben.join(ada.invite())
    world.until(lambda: introduced(ada, ben), 5_000)
    cells: list[tuple[float, int, str, int]] = []

    def watch(wire: Wire, writer: Person, _: int) -> bool:
        cells.append((world.now, world.wires.index(wire), writer.name, 1952))
        return False

    world.cutter = watch
    moods = Random(seed)
    for _ in range(6):
        world.later(moods.uniform(0, LENGTH), mood(world, moods.choice(people), moods.randrange(3)))
    for action in actions:
        world.later(action.at, lambda action=action: people[action.whose].act(action))  # type: ignore[misc]  # mypy cannot see defaults of a lambda
    world.run(LENGTH)
    return Trace(cells, [person.links for person in people], sum(len(person.left) for person in people))


def mood(world: World, person: Person, kind: int) -> Callable[[], None]:
    """Something that the network does."""

    def happen() -> None:
        if kind == 0:
            person.reachable = not person.reachable
        for wire in world.wires if kind > 0 else []:
            if kind == 1 or wire.dialler is person:
                wire.cut()

    return happen


@settings(max_examples=max(12, WALKS), deadline=None, derandomize=True, database=None)
@given(ACTIONS, st.integers(0, 2**16), st.tuples(PACES, PACES))
def test_the_wire_is_the_same_whatever_the_users_do(
    actions: list[Action], seed: int, paces: tuple[Pace, Pace]
) -> None:
    idle, busy = trace([], seed, paces), trace(actions, seed, paces)
    assert busy.links == idle.links
    assert busy.cells == idle.cells


SEED = 2
"""With it one of the two cannot be dialled for a while, and a link breaks."""

SCENE = [
    Action(at=place * 15 + whose, whose=whose, what=what, size=size)
    for place, (what, size) in enumerate(
        [("write", 1), ("write", 5_000), ("brief", 20), ("burn", 0), ("write", 60_000), ("show", 1)] * 3
    )
    for whose in (0, 1)
]


def test_so_much_is_said_behind_it() -> None:
    """A comparison of nothing with nothing would prove nothing."""
    pair = (USUAL, USUAL)
    idle, busy = trace([], SEED, pair), trace(SCENE, SEED, pair)
    assert busy.said > idle.said + 50
    assert {what for links in busy.links for _, what, _ in links} == {"Dial", "CloseLink", "BeginSending"}
    assert (busy.links, busy.cells) == (idle.links, idle.cells)


def _dial_when_written(self: Contact, event: events.Event, now: float) -> tuple[Command, ...]:
    if isinstance(event, events.TextWritten):
        self.start(now)
    return HANDLE(self, event, now)


def _close_when_burned(self: Contact, event: events.Event, now: float) -> tuple[Command, ...]:
    if isinstance(event, events.DeletionAsked) and self.links:
        return (*HANDLE(self, event, now), do.CloseLink(link=self.links[0]))
    return HANDLE(self, event, now)


HANDLE = Contact.handle


@pytest.mark.parametrize("bent", [_dial_when_written, _close_when_burned])
def test_a_contact_that_betrays_its_user_is_noticed(
    bent: Callable[[Contact, events.Event, float], tuple[Command, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = trace([], SEED, (USUAL, USUAL))
    monkeypatch.setattr(Contact, "handle", bent)
    assert trace(SCENE, SEED, (USUAL, USUAL)).links != idle.links


def test_a_wait_that_is_drawn_from_the_common_randomness_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shared(Dialling):
        def __init__(self, random: Callable[[int], bytes]) -> None:
            super().__init__(random)
            self._random = random

        def _wait(self, now: float) -> None:
            self._seed = self._random(32)
            super()._wait(now)

    monkeypatch.setattr(contact_module, "Dialling", Shared)
    idle = trace([], SEED, (USUAL, USUAL))
    assert trace(SCENE, SEED, (USUAL, USUAL)).links != idle.links
