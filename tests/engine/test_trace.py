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
from onionchat.engine.connection import Connections, Deliver
from onionchat.engine.engine import Engine, Machine
from onionchat.errors import LocalProtocolError, RemoteProtocolError
from onionchat.metronome.channel import Lay, Reason
from onionchat.metronome.link import SendingLink
from onionchat.metronome.loop import Arrival, Metronome
from onionchat.protocol import commands as do
from onionchat.protocol.constants import CELL_SIZE
from tests.engine import core
from tests.engine.core import Person, random_text
from tests.engine.wire import CELLS, Deed, TurnedMetronome, texts, wire
from tests.profiles import WALKS

SCHEDULES: dict[str, requests.AnyRequest] = {
    "constant": requests.ScheduleSet(),
    "poisson": requests.ScheduleSet(level="poisson"),
    "batches of 4": requests.ScheduleSet(batch=4),
    "batches of 8": requests.ScheduleSet(batch=8),
    "budget": requests.BudgetSet(kilobytes=0.976),  # for one contact a tick of 2 s
}
BATCHES = {"batches of 4": 4, "batches of 8": 8}
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
        self._idle: dict[tuple[str, bool], list[list[tuple[float, int]]]] = {}

    def run(
        self, deeds: Sequence[Deed], schedule: str, *, eve: bool = False
    ) -> list[list[tuple[float, int]]]:
        folder = self._folder / f"w{next(self._numbers)}"
        clock = MockClock(
            autojump_threshold=0.001
        )  # times count from a link's beginning: a late dial is no matter
        return trio.run(lambda: wire(folder, deeds, schedule=SCHEDULES[schedule], eve=eve), clock=clock)

    def idle(self, schedule: str, *, eve: bool = False) -> list[list[tuple[float, int]]]:
        if (schedule, eve) not in self._idle:
            self._idle[schedule, eve] = self.run((), schedule, eve=eve)
        return self._idle[schedule, eve]


@pytest.fixture
def worlds(tmp_path: Path) -> Worlds:
    return Worlds(tmp_path)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_idle_run_is_full_of_cells(worlds: Worlds, schedule: str) -> None:
    size = CELL_SIZE * BATCHES.get(schedule, 1)
    for side in worlds.idle(schedule):
        assert [one for _, one in side] == [size] * CELLS
    assert worlds.run((), schedule) == worlds.idle(schedule)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_nothing_that_users_do_shows_on_the_wire(worlds: Worlds, schedule: str) -> None:
    @settings(
        max_examples=max(5, WALKS),
        deadline=None,
        derandomize=not WALKS,
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


def flood(person: Person) -> None:
    """Whole cells, as many at once as the connection takes."""
    metronome = TurnedMetronome.made[2]
    for link, outlet in list(metronome._loop._links.values()):
        with contextlib.suppress(OSError):
            for _ in range(500):
                outlet.send(link.batch)
                link.advance(metronome.edge.clock())


def dribble() -> list[Deed]:
    """One cell in pieces, a byte at a time, over 20 seconds, and nothing else."""
    cell, size = bytearray(), 49

    def begin(person: Person) -> None:
        loop = TurnedMetronome.made[2]._loop
        ((link, _),) = loop._links.values()
        cell.extend(link.batch)
        loop._deadlines.clear()

    def piece(person: Person) -> None:
        ((_, outlet),) = TurnedMetronome.made[2]._loop._links.values()
        for byte in cell[:size]:
            outlet.send(bytes([byte]))
        del cell[:size]

    def over(person: Person) -> None:
        assert not cell
        assert person.contact.presence == "online"  # it was a cell

    pieces = CELL_SIZE // size + 1
    return [(1.0, 2, begin), *((2.0 + at / 2, 2, piece) for at in range(pieces)), (25.0, 2, over)]


def stall(patch: pytest.MonkeyPatch) -> list[Deed]:
    """Read nothing more, so that what the other writes finds no room soon."""
    cells, reading = Connections._cells, dict[Connections, trio.CancelScope]()

    async def read(self: Connections, link: int, connection: socket.socket, deliver: Deliver) -> None:
        with trio.CancelScope() as reading[self]:
            await cells(self, link, connection, deliver)
            return
        await trio.sleep_forever()

    def narrow(person: Person) -> None:
        for connection in person.engine.connections._sockets.values():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    patch.setattr(Connections, "_cells", read)
    return [(0.5, 0, narrow), (1.0, 2, lambda person: reading[person.engine.connections].cancel())]


def test_a_contact_who_floods_moves_no_cell_of_others(worlds: Worlds) -> None:
    floods: list[Deed] = [(1.0 + 3 * at, 2, flood) for at in range(13)]
    seen = worlds.run(floods, "constant", eve=True)
    assert len(TurnedMetronome.made[2].edge.traces) > 2  # cut off, and back again
    assert seen == worlds.idle("constant", eve=True)


def test_a_contact_who_dribbles_moves_no_cell_of_others(worlds: Worlds) -> None:
    assert worlds.run(dribble(), "constant", eve=True) == worlds.idle("constant", eve=True)


def test_a_contact_who_stalls_moves_no_cell_of_others(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = worlds.idle("constant", eve=True)
    assert Reason.BLOCKED not in TurnedMetronome.made[0].edge.reasons
    assert worlds.run(stall(monkeypatch), "constant", eve=True) == idle
    assert Reason.BLOCKED in TurnedMetronome.made[0].edge.reasons


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
    except ExceptionGroup as group:
        _, crash = group.split(came_to_a_standstill)
        if crash is not None:
            raise crash from None
        return
    assert seen != worlds.idle("constant")


def came_to_a_standstill(error: BaseException) -> bool:
    """Whether nothing left any more, or a side broke the rules: an observer sees either, and no crash."""
    if isinstance(error, AssertionError):
        return "it did not come about" in str(error)
    return isinstance(error, LocalProtocolError | RemoteProtocolError)


def test_an_engine_that_crashes_has_not_shown_itself() -> None:
    for error, stands in (
        (AssertionError("it did not come about"), True),
        (RemoteProtocolError("the peer's doing"), True),
        (AssertionError("something else"), False),
        (AttributeError("a mutant that was not written well"), False),
    ):
        _, crash = ExceptionGroup("", [ExceptionGroup("", [error])]).split(came_to_a_standstill)
        assert (crash is None) is stands
