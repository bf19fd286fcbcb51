"""Sockets of links: accepted, dialled, read cell by cell, their sending side handed to the metronome.

Laws: the engine writes nothing but handshake cells; at most one cell of a peer is buffered; what goes wrong
on one connection ends that connection and nothing else.
"""

from __future__ import annotations

import heapq
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio

from ..errors import TransportError
from ..protocol import events
from ..protocol.constants import CELL_SIZE, DIALS_UNDER_WAY
from ..protocol.pace import Pace
from ..tor import Line
from .sender import Sender

Deliver = Callable[[events.Event], None]
"""Takes an event to the machine that owns the link."""

Connector = Callable[[Line], socket.socket]
"""Blocks until a connection stands, or the line is hung up; raises `TransportError`."""

DIAL_SECONDS = 120.0
"""Beyond what a dial takes by itself: for a tor that hangs."""


@dataclass(order=True, slots=True, kw_only=True)
class _Turn:
    """A dial that waits for a place; the contact that was seen last goes first."""

    unseen: float
    """When the contact was seen, negative."""
    link: int
    granted: trio.Event = field(default_factory=trio.Event, compare=False)


class Connections:
    """All open connections, by link number."""

    def __init__(self, nursery: trio.Nursery, sender: Sender) -> None:
        self._nursery = nursery
        self._sender = sender
        self._sockets: dict[int, socket.socket] = {}
        self._scopes: dict[int, trio.CancelScope] = {}
        self._waiting: list[_Turn] = []
        self._under_way = 0
        self._threads = trio.CapacityLimiter(4 * DIALS_UNDER_WAY)  # some hang in a tor that does
        self._ended = False

    def __len__(self) -> int:
        return len(self._sockets)

    def dial(self, link: int, connect: Connector, deliver: Deliver, *, seen: float) -> None:
        """Connect in the background; says `DialSucceeded`, and in any case `LinkEnded` at the end.

        Args:
            link: its number.
            connect: makes the connection.
            deliver: takes what happens.
            seen: when the contact was on line; of those that wait, who was seen last is dialled first.
        """
        self._scopes[link] = trio.CancelScope()
        turn = _Turn(unseen=-seen, link=link)
        heapq.heappush(self._waiting, turn)
        self._nursery.start_soon(self._serve, link, partial(self._dial, link, connect, turn), deliver)

    def accept(self, link: int, connection: socket.socket, deliver: Deliver) -> None:
        """Read from a connection that somebody made; says `LinkEnded` at its end."""
        self._scopes[link] = trio.CancelScope()
        self._sockets[link] = connection
        self._nursery.start_soon(self._serve, link, None, deliver)

    def send(self, link: int, cell: bytes) -> None:
        """Write a handshake cell at once and whole; a connection that cannot take it ends."""
        connection = self._sockets.get(link)
        if connection is None:
            return
        try:
            sent = connection.send(cell, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            sent = 0
        if sent != len(cell):
            self._scopes[link].cancel()

    def begin(self, link: int, key: bytes, pace: Pace, *, place: int, places: int) -> None:
        """Hand the sending side to the metronome."""
        connection = self._sockets.get(link)
        if connection is not None:
            self._sender.begin(link, connection, key, pace, place=place, places=places)

    def close(self, link: int) -> None:
        """End a connection at once, also one that is being dialled."""
        if link in self._scopes:
            self._scopes[link].cancel()

    def end(self) -> None:
        """End all connections at once; what is dialled or accepted from now on ends as soon as it begins."""
        self._ended = True
        for scope in self._scopes.values():
            scope.cancel()

    async def _serve(self, link: int, dial: Callable[[], Awaitable[bool]] | None, deliver: Deliver) -> None:
        try:
            with self._scopes[link] as scope:
                if self._ended:
                    scope.cancel()
                if dial is not None and await dial():
                    deliver(events.DialSucceeded(link=link))
                dial = None  # it holds the address, and the link may outlive the vault's being open
                if link in self._sockets:
                    await self._cells(link, self._sockets[link], deliver)
        finally:
            del self._scopes[link]
            self._sender.drop(link)
            connection = self._sockets.pop(link, None)
            if connection is not None:
                connection.close()
            deliver(events.LinkEnded(link=link))

    def _grant(self) -> None:
        """Give out free places. Tasks call it, so that all who ask at once have asked before it does."""
        while self._waiting and self._under_way < DIALS_UNDER_WAY:
            self._under_way += 1
            heapq.heappop(self._waiting).granted.set()

    async def _dial(self, link: int, connect: Connector, turn: _Turn) -> bool:
        self._grant()
        try:
            await turn.granted.wait()  # waiting for a place does not count
            return await self._connect(link, connect)
        finally:
            if turn.granted.is_set():
                self._under_way -= 1
            else:
                self._waiting.remove(turn)
                heapq.heapify(self._waiting)
            self._grant()

    async def _connect(self, link: int, connect: Connector) -> bool:
        connection, line = None, Line()
        deadline = trio.move_on_after(DIAL_SECONDS)
        try:
            with deadline:
                connection = await trio.to_thread.run_sync(
                    connect, line, limiter=self._threads, abandon_on_cancel=True
                )
        except (TransportError, OSError):  # nobody there, tor gone, no descriptor: dialled again in time
            return False
        finally:  # whoever is not to be called any more is not called by a thread that goes on
            line.hang_up()
        if connection is None:
            return False
        connection.setblocking(False)
        self._sockets[link] = connection
        return True

    async def _cells(self, link: int, connection: socket.socket, deliver: Deliver) -> None:
        cell = bytearray(CELL_SIZE)
        view = memoryview(cell)
        have = 0
        while True:
            await trio.lowlevel.wait_readable(connection)
            try:
                got = connection.recv_into(view[have:])
            except BlockingIOError:
                continue
            except OSError:
                return
            if not got:
                return
            have += got
            if have == CELL_SIZE:
                have = 0
                deliver(events.CellReceived(link=link, cell=bytes(cell)))
