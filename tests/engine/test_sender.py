"""What the engine tells the metronome, and what it makes of its reports."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from onionchat.engine.launch import Launch
from onionchat.engine.sender import Sender
from onionchat.metronome import (
    Begin,
    Change,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    Reason,
    ToEngine,
    ToMetronome,
    Window,
    WindowOver,
    decode_to_metronome,
    encode,
)
from onionchat.metronome.channel import MAX_DATAGRAM
from onionchat.protocol.pace import Level, Pace

from . import core
from .core import until

KEY = bytes(range(32))
PACE = Pace(batch=4)


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


class Given(Launch):
    """Gives a metronome that the test plays."""

    def __init__(self) -> None:
        self.given: list[socket.socket] = []

    async def metronome(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setblocking(False)
        self.given.append(theirs)
        return ours


class Rig:
    """A sender, the metronome's end of its channel, and what the engine was told."""

    def __init__(self, launch: Given) -> None:
        self.launch = launch
        self.told: list[tuple[str, int]] = []
        self.sender = Sender(
            launch,
            lambda link: self.told.append(("free", link)),
            lambda link: self.told.append(("ended", link)),
            lambda link: self.told.append(("over", link)),
        )

    def heard(self) -> list[ToMetronome]:
        """What the metronome was told since the last call."""
        found: list[ToMetronome] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram, descriptors, _, _ = socket.recv_fds(self.launch.given[-1], MAX_DATAGRAM, 1)
                for descriptor in descriptors:
                    socket.close(descriptor)
                found.append(decode_to_metronome(datagram))
        return found

    async def report(self, message: ToEngine, tells: int = 0) -> None:
        """Let the metronome report, and wait until the sender has told so much more of it."""
        expected = len(self.told) + tells
        self.launch.given[-1].send(encode(message))
        await until(lambda: not self._unread and len(self.told) >= expected)
        assert len(self.told) == expected

    @property
    def _unread(self) -> bool:
        channel = self.sender._channel
        assert channel is not None
        try:
            return bool(channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False

    def begin(self, link: int = 1, pace: Pace = PACE) -> None:
        near, far = socket.socketpair()
        with near, far:
            self.sender.begin(link, near, KEY, pace)

    def lay(self, count: int, link: int = 1) -> None:
        for _ in range(count):
            self.sender.lay(link, 1, b"")


@contextlib.asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    launch = Given()
    made = Rig(launch)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.sender.serve)
        yield made
        nursery.cancel_scope.cancel()
    for channel in launch.given:
        channel.close()


def left(real: int, link: int = 1) -> Left:
    return Left(link=link, real=real, waiting=0, scheduled=0.0, sent=0.0)


async def test_the_metronome_is_told_of_paces_places_and_windows() -> None:
    async with rig() as made:
        near, far = socket.socketpair()
        with near, far:
            made.sender.begin(1, near, KEY, PACE, place=2, places=8)
        made.sender.change(1, Pace(level=Level.POISSON))
        made.sender.change(1, Pace(tick_ms=500), place=1, places=2)
        made.sender.window(1, 64)
        made.sender.lay(1, 3, b"body")
        made.sender.drop(1)
        assert made.heard() == [
            Begin(link=1, key=KEY, pace=PACE, place=2, places=8),
            Change(link=1, pace=Pace(level=Level.POISSON)),
            Change(link=1, pace=Pace(tick_ms=500), place=1, places=2),
            Window(link=1, seconds=64),
            Lay(link=1, cell_type=3, body=b"body"),
            Drop(link=1),
        ]


async def test_nothing_is_told_of_a_link_that_is_not_sent_on() -> None:
    async with rig() as made:
        made.sender.change(1, PACE)
        made.sender.window(1, 16)
        made.sender.lay(1, 1, b"")
        made.sender.drop(1)
        assert made.heard() == []
        assert made.sender.waiting(1) == 0
        await made.report(left(0))
        await made.report(WindowOver(link=1))
        await made.report(Ended(link=1, reason=Reason.LOST))


async def test_more_may_be_laid_once_at_most_a_batch_waits() -> None:
    async with rig() as made:
        made.begin()
        made.lay(9)
        assert made.sender.waiting(1) == 9
        await made.report(left(4))
        assert made.sender.waiting(1) == 5
        await made.report(left(1), tells=1)
        assert made.sender.waiting(1) == 4
        await made.report(left(0), tells=1)
        assert made.told == [("free", 1)] * 2


async def test_another_pace_brings_another_measure() -> None:
    async with rig() as made:
        made.begin()
        made.lay(4)
        made.sender.change(1, Pace(batch=1))
        await made.report(left(2))
        await made.report(left(1), tells=1)


async def test_in_a_window_more_may_wait() -> None:
    async with rig() as made:
        made.begin(pace=Pace(batch=1))
        made.lay(9)
        await made.report(left(0))
        made.sender.window(1, 16)
        await made.report(left(1), tells=1)
        await made.report(WindowOver(link=1), tells=1)
        assert made.told[-1] == ("over", 1)
        await made.report(left(1))


async def test_close_cells_leave_on_every_link() -> None:
    async with rig() as made:
        made.begin(1)
        made.begin(2)
        made.heard()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.sender.finish_all, 60.0)
            await trio.testing.wait_all_tasks_blocked()
            assert made.heard() == [Finish(link=1), Finish(link=2)]
            for link in (1, 2):
                made.launch.given[-1].send(encode(Ended(link=link, reason=Reason.FINISHED)))
        assert made.told == [("ended", 1), ("ended", 2)]


async def test_a_link_on_which_no_close_cell_left_within_its_tick_is_dropped(clock: MockClock) -> None:
    async with rig() as made:
        for link, tick_ms in ((1, 4_000), (2, 500), (3, 30_000), (4, 2_000)):
            made.begin(link, Pace(tick_ms=tick_ms))
        made.heard()
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.sender.finish_all, 3.0)
            await trio.testing.wait_all_tasks_blocked()
            assert made.heard() == [Finish(link=link) for link in (1, 2, 3, 4)]
            made.launch.given[-1].send(encode(Ended(link=4, reason=Reason.FINISHED)))
            await trio.sleep(0.4)
            assert made.told == [("ended", 4)]
            await trio.sleep(0.2)
            assert made.told == [("ended", 4), ("ended", 2)]
            await trio.sleep(2.3)
            assert made.told == [("ended", 4), ("ended", 2)]
        assert trio.current_time() == pytest.approx(begun + 3.0)
        assert made.told == [("ended", 4), ("ended", 2), ("ended", 1), ("ended", 3)]
        assert made.heard() == [Drop(link=2), Drop(link=1), Drop(link=3)]


async def test_a_metronome_that_is_gone_ends_every_link_and_another_takes_its_place() -> None:
    async with rig() as made:
        made.begin(1)
        made.begin(2)
        made.launch.given[-1].close()
        await until(lambda: len(made.told) == 2)
        made.begin(3)
        assert made.told == [("ended", 1), ("ended", 2), ("ended", 3)]
        await until(lambda: len(made.launch.given) == 2)
        made.begin(4)
        (begun,) = made.heard()
        assert begun.link == 4
