"""Dials take turns: eight at once, and of those that wait the most recently seen first."""

from __future__ import annotations

import socket
import threading
from queue import SimpleQueue
from random import Random

import pytest
import trio
import trio.testing

from onionchat.engine.connection import Connections, Connector
from onionchat.engine.sender import Sender
from onionchat.errors import PeerUnreachable
from onionchat.protocol import events
from onionchat.protocol.constants import DIALS_UNDER_WAY
from onionchat.tor import Line

MANY = 30


class Lines:
    """Contacts that answer, or not, when they are told to."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[int] = SimpleQueue()
        self._ends = [threading.Event() for _ in range(MANY)]

    def connector(self, contact: int) -> Connector:
        def connect(_: Line) -> socket.socket:
            self.begun.put(contact)
            self._ends[contact].wait()
            raise PeerUnreachable("nobody is there")

        return connect

    def end(self, contact: int) -> None:
        self._ends[contact].set()

    async def next(self) -> int:
        return await trio.to_thread.run_sync(lambda: self.begun.get(timeout=30))


class NoSender(Sender):
    """Links of this file send nothing."""

    def __init__(self) -> None:
        self._links = {}


@pytest.mark.parametrize("seed", range(6))
async def test_the_most_recently_seen_are_dialled_first_and_no_more_than_eight_at_once(seed: int) -> None:
    lines = Lines()
    ended: list[events.Event] = []
    order = list(range(MANY))
    Random(seed).shuffle(order)
    async with trio.open_nursery() as nursery:
        connections = Connections(nursery, NoSender())
        for contact in order:  # contact n was seen at n
            connections.dial(contact, lines.connector(contact), ended.append, seen=float(contact))
        under_way = {await lines.next() for _ in range(DIALS_UNDER_WAY)}
        assert under_way == set(range(MANY - DIALS_UNDER_WAY, MANY))
        for expected in reversed(range(MANY - DIALS_UNDER_WAY)):
            assert lines.begun.empty()
            lines.end(under_way.pop())
            found = await lines.next()
            assert found == expected
            under_way.add(found)
        for contact in under_way:
            lines.end(contact)
    assert {event.link for event in ended if isinstance(event, events.LinkEnded)} == set(range(MANY))


async def test_a_dial_that_is_given_up_gives_its_place_or_its_wait_away() -> None:
    lines = Lines()
    ended: list[events.Event] = []
    async with trio.open_nursery() as nursery:
        connections = Connections(nursery, NoSender())
        for contact in range(DIALS_UNDER_WAY + 3):
            connections.dial(contact, lines.connector(contact), ended.append, seen=-float(contact))
        for _ in range(DIALS_UNDER_WAY):
            await lines.next()
        connections.close(DIALS_UNDER_WAY)  # it waits
        connections.close(0)  # it is under way
        assert await lines.next() == DIALS_UNDER_WAY + 1
        assert events.LinkEnded(link=DIALS_UNDER_WAY) in ended
        lines.end(1)
        assert await lines.next() == DIALS_UNDER_WAY + 2
        for contact in range(MANY):
            lines.end(contact)
    assert len(ended) == DIALS_UNDER_WAY + 3
    assert lines.begun.empty()


async def test_a_dial_that_is_given_up_at_once_is_never_made() -> None:
    lines = Lines()
    ended: list[events.Event] = []
    async with trio.open_nursery() as nursery:
        connections = Connections(nursery, NoSender())
        connections.dial(1, lines.connector(1), ended.append, seen=0.0)
        connections.close(1)
        await trio.testing.wait_all_tasks_blocked()
        assert ended == [events.LinkEnded(link=1)]
        assert lines.begun.empty()
        connections.dial(2, lines.connector(2), ended.append, seen=0.0)
        assert await lines.next() == 2
        lines.end(2)


async def test_nothing_begins_after_the_end() -> None:
    lines = Lines()
    ended: list[events.Event] = []
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        async with trio.open_nursery() as nursery:
            connections = Connections(nursery, NoSender())
            connections.end()
            lines.end(1)
            connections.dial(1, lines.connector(1), ended.append, seen=0.0)
            connections.accept(2, ours, ended.append)
            await trio.testing.wait_all_tasks_blocked()
            said, there = sorted(map(str, ended)), len(connections)
            nursery.cancel_scope.cancel()
        assert said == [str(events.LinkEnded(link=link)) for link in (1, 2)]
        assert there == 0
        assert lines.begun.empty()
        assert theirs.recv(1) == b""


async def test_a_dial_that_is_given_up_calls_nobody_any_more() -> None:
    ours, theirs = socket.socketpair()
    begun, over = SimpleQueue[None](), SimpleQueue[bytes]()

    def connect(line: Line) -> socket.socket:
        with line.held(ours):
            begun.put(None)
            over.put(ours.recv(1))
        raise PeerUnreachable("the call was given up")

    with ours, theirs:
        async with trio.open_nursery() as nursery:
            connections = Connections(nursery, NoSender())
            connections.dial(1, connect, lambda _: None, seen=0.0)
            await trio.to_thread.run_sync(lambda: begun.get(timeout=30))
            connections.close(1)
        assert await trio.to_thread.run_sync(lambda: over.get(timeout=30)) == b""
        assert theirs.recv(1) == b""
