"""The wire is the same, event for event, whatever the users do; and each bent engine shows itself.

In simulated time, with equal seeds: the shipped engines, and the metronome's own loop.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from onionchat.control import requests
from onionchat.engine.engine import Engine, Machine
from onionchat.metronome.channel import Lay
from onionchat.metronome.link import SendingLink
from onionchat.metronome.loop import Arrival, Metronome
from onionchat.protocol import commands as do
from onionchat.protocol.constants import CELL_SIZE
from tests.engine import core
from tests.engine.core import Person, random_text
from tests.engine.wire import CELLS, Deed, texts, wire

SCHEDULES = {
    "constant": requests.ScheduleSet(),
    "poisson": requests.ScheduleSet(level="poisson"),
    "batches of 4": requests.ScheduleSet(batch=4),
}
SECONDS = 40.0


def send(size: int) -> Callable[[Person], object]:
    return lambda person: person.send(random_text(size))


def delete_newest(person: Person) -> None:
    for message in texts(person)[-1:]:
        both = message.mine
        person.ask(requests.Delete(contact=person.handle, message=message.message, both=both))


def read_all(person: Person) -> None:
    theirs = [message.message for message in texts(person) if not message.mine]
    person.ask(requests.Shown(contact=person.handle, messages=theirs))


def look_around(person: Person) -> None:
    for request in (
        requests.Status(),
        requests.PolicyShow(contact=person.handle),
        requests.ContactList(),
        requests.IdentityList(),
        requests.InviteList(),
    ):
        person.ask(request)


def set_lifetime(person: Person) -> None:
    person.ask(requests.SetLifetime(contact=person.handle, lifetime=5))


def rename(person: Person) -> None:
    person.ask(requests.ContactRename(contact=person.handle, name="somebody else"))


ACTIONS = st.one_of(
    st.sampled_from([2, 40, 1_000, 5_000, 60_000]).map(send),
    st.sampled_from([delete_newest, read_all, look_around, set_lifetime, rename]),
)
DEEDS = st.lists(st.tuples(st.floats(0, SECONDS), st.integers(0, 1), ACTIONS), min_size=1, max_size=25)
BUSY: Sequence[Deed] = [
    (at + 0.3, at % 2, act)
    for at, act in enumerate([send(40), send(5_000), look_around, send(40), read_all, delete_newest] * 3)
]


class Worlds:
    """Idle runs, one for each schedule, and folders for others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._idle: dict[str, list[list[tuple[float, int]]]] = {}

    def run(self, deeds: Sequence[Deed], schedule: str) -> list[list[tuple[float, int]]]:
        folder = self._folder / f"w{next(self._numbers)}"
        clock = MockClock(
            autojump_threshold=0.001
        )  # times count from a link's beginning: a late dial is no matter
        return trio.run(lambda: wire(folder, deeds, schedule=SCHEDULES[schedule]), clock=clock)

    def idle(self, schedule: str) -> list[list[tuple[float, int]]]:
        if schedule not in self._idle:
            self._idle[schedule] = self.run((), schedule)
        return self._idle[schedule]


@pytest.fixture
def worlds(tmp_path: Path) -> Worlds:
    return Worlds(tmp_path)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_idle_run_is_full_of_cells(worlds: Worlds, schedule: str) -> None:
    size = CELL_SIZE * (SCHEDULES[schedule].batch or 1)
    for side in worlds.idle(schedule):
        assert [one for _, one in side] == [size] * CELLS
    assert worlds.run((), schedule) == worlds.idle(schedule)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_nothing_that_users_do_shows_on_the_wire(worlds: Worlds, schedule: str) -> None:
    @settings(
        max_examples=5,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(DEEDS)
    def same(deeds: list[Deed]) -> None:
        assert worlds.run(deeds, schedule) == worlds.idle(schedule)

    same()


def knock(first: bytes) -> Callable[[Person], object]:
    """Strangers who come to a person's pair address, say ``first``, and stay."""

    def come(person: Person) -> None:
        for _ in range(20):
            visitor = core.connect([person.folder], person.contact.onion.public)
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                visitor.setblocking(False)
                visitor.send(first)
            VISITORS.append(visitor)

    return come


VISITORS: list[socket.socket] = []


@pytest.fixture
def visitors() -> Iterator[None]:
    yield
    while VISITORS:
        VISITORS.pop().close()


@pytest.mark.usefixtures("visitors")
def test_strangers_who_flood_stall_or_dribble_move_no_cell_of_others(worlds: Worlds) -> None:
    floods: list[Deed] = [
        (1.0, 0, knock(b"")),  # stall
        (3.0, 1, knock(bytes(1))),  # dribble
        *((5.0 + at, at % 2, knock(bytes(100_000))) for at in range(20)),
    ]
    assert worlds.run(floods, "constant") == worlds.idle("constant")
    assert len(VISITORS) == 22 * 20


def send_on_enqueue(patch: pytest.MonkeyPatch) -> None:
    accept = Metronome._accept

    def eager(self: Metronome, arrival: Arrival) -> None:
        accept(self, arrival)
        if isinstance(arrival.message, Lay) and arrival.message.link in self._links:
            link, outlet = self._links[arrival.message.link]
            outlet.send(link.batch)
            link.advance(self._edge.clock())
            self._deadlines = [(link.due, arrival.message.link)]

    patch.setattr(Metronome, "_accept", eager)


def acknowledge_at_once(patch: pytest.MonkeyPatch) -> None:
    perform = Engine._perform

    def eager(self: Engine, machine: Machine, performed: tuple[do.Command, ...]) -> None:
        perform(self, machine, performed)
        for command in performed:
            if isinstance(command, do.TellMessage) and command.new and not command.message.mine:
                self.connections.send(machine.links[0], bytes(CELL_SIZE))  # type: ignore[union-attr]  # a contact

    patch.setattr(Engine, "_perform", eager)


def another_size(patch: pytest.MonkeyPatch) -> None:
    seal = SendingLink.seal

    def short(self: SendingLink) -> None:
        seal(self)
        if self.real:
            self.batch = self.batch[:CELL_SIZE] + bytes(512)

    patch.setattr(SendingLink, "seal", short)


def skip_covers(patch: pytest.MonkeyPatch) -> None:
    beat = Metronome._beat

    def thrifty(self: Metronome) -> None:
        due, number = self._deadlines[0]
        link, _ = self._links[number]
        if link.real:
            beat(self)
            return
        self._edge.wait(due)
        link.advance(due)
        self._go_on(number, link)

    patch.setattr(Metronome, "_beat", thrifty)


def hurry_after_typing(patch: pytest.MonkeyPatch) -> None:
    settle = SendingLink._settle

    def hurried(self: SendingLink, now: float) -> None:
        settle(self, now)
        if self.real:
            self.due -= 0.001

    patch.setattr(SendingLink, "_settle", hurried)


@pytest.mark.parametrize(
    "bend", [send_on_enqueue, acknowledge_at_once, another_size, skip_covers, hurry_after_typing]
)
def test_an_engine_that_is_bent_shows_itself(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, bend: object
) -> None:
    assert worlds.run(BUSY, "constant") == worlds.idle("constant")
    bend(monkeypatch)  # type: ignore[operator]  # each takes the patch
    try:
        seen = worlds.run(BUSY, "constant")
    except (AssertionError, ExceptionGroup):
        return  # it came to a standstill: nothing left any more, which an observer sees as well
    assert seen != worlds.idle("constant")
