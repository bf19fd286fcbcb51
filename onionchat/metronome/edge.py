"""The real world of the loop: the monotonic clock, the engine's channel, the links' sockets.

Laws: only `ProcessEdge.wait` and `ProcessEdge.receive` wait, and only until the moment they were given. A
descriptor that arrives where none belongs is closed and is the engine's bug. Socket options of a link that
the engine shares (blocking or not) are left as they are: each send says itself that it must not wait.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import stat
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from ..errors import ConnectionLost, LocalProtocolError
from .channel import MAX_DATAGRAM, Begin, Left, ToEngine, decode_to_metronome, encode
from .loop import Arrival

_DESCRIPTORS: Final = 2
"""Room for one more descriptor than a message may have, so that a second is noticed."""


class SocketOutlet:
    """A connected stream socket, shared with the engine, which goes on reading from it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        if connection.family in {socket.AF_INET, socket.AF_INET6}:
            # A cell must not wait for the acknowledgement of the one before it.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, cell: bytes) -> int:
        """See `Outlet.send`."""
        return self._connection.send(cell, socket.MSG_DONTWAIT)

    def finish(self) -> None:
        """See `Outlet.finish`. The engine's copy is still open, so closing alone would end nothing."""
        self._end(socket.SHUT_WR)

    def abort(self) -> None:
        """See `Outlet.abort`."""
        self._end(socket.SHUT_RDWR)

    def _end(self, how: int) -> None:
        with contextlib.suppress(OSError):  # the peer was quicker
            self._connection.shutdown(how)
        self._connection.close()


class ProcessEdge:
    """What the metronome's process gives its loop.

    Args:
        channel: this process's end of the SOCK_SEQPACKET pair with the engine.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._unsent: deque[ToEngine] = deque()

    clock = staticmethod(time.monotonic)

    def wait(self, until: float) -> None:
        """Sleep until that moment of the clock."""
        remaining = until - time.monotonic()
        if remaining > 0:
            time.sleep(remaining)

    def receive(self, until: float) -> Arrival | None:
        """See `Edge.receive`. Whole milliseconds, rounded down: `wait` sleeps the rest."""
        timeout = None
        if until != math.inf:
            timeout = max(0, int((until - time.monotonic()) * 1000))
        if not self._poll.poll(timeout):
            return None
        try:
            datagram, descriptors, flags, _ = socket.recv_fds(self._channel, MAX_DATAGRAM, _DESCRIPTORS)
        except OSError:
            raise ConnectionLost("the engine is gone") from None
        try:
            return _arrival(datagram, descriptors, flags)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def report(self, message: ToEngine) -> None:
        """See `Edge.report`.

        While the engine does not read, what it counts on is kept until there is room again: the endings,
        and the laid cells that left, of which no more can be than were laid. Covers that left are let go.
        """
        self._unsent.append(message)
        try:
            while self._unsent:
                self._channel.send(encode(self._unsent[0]), socket.MSG_DONTWAIT)
                self._unsent.popleft()
        except OSError:  # no room, or the engine is gone, which the next receive will say
            if isinstance(message, Left) and not message.real:
                self._unsent.pop()


def _arrival(datagram: bytes, descriptors: Sequence[int], flags: int) -> Arrival:
    """Owns the descriptors only where it returns."""
    if not datagram:
        raise ConnectionLost("the engine is gone")
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise LocalProtocolError("the engine sent the metronome more than a message holds")
    message = decode_to_metronome(datagram)
    if not isinstance(message, Begin):
        if descriptors:
            raise LocalProtocolError("a socket came with a message that begins no link")
        return Arrival(message=message)
    if len(descriptors) != 1 or not stat.S_ISSOCK(os.fstat(descriptors[0]).st_mode):
        raise LocalProtocolError("a link begins with one socket")
    return Arrival(message=message, outlet=SocketOutlet(socket.socket(fileno=descriptors[0])))
