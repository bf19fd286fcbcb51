"""The engine's side of the metronome's channel.

Laws: a link's key passes here once and is not kept; a metronome that is gone or does not take what it is told
ends every link; a fresh one is asked for and knows nothing of the old links.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import trio

from ..metronome.channel import (
    MAX_DATAGRAM,
    Begin,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    ToMetronome,
    decode_to_engine,
    encode,
)
from .launch import Launch

RESTART_SECONDS = 1.0


class Sender:
    """Tells the metronome what to send, and tells the engine what left."""

    def __init__(
        self, launch: Launch, on_left: Callable[[int, int], None], on_ended: Callable[[int], None]
    ) -> None:
        self._launch = launch
        self._on_left = on_left
        self._on_ended = on_ended
        self._channel: socket.socket | None = None
        self._links: set[int] = set()
        self._idle = trio.Event()

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a metronome at hand and hear what it reports."""
        while True:
            with await self._launch.metronome() as channel:
                channel.setblocking(False)
                self._channel = channel
                task_status.started()
                try:
                    await self._listen(channel)
                finally:
                    self._lose()
            await trio.sleep(RESTART_SECONDS)

    async def _listen(self, channel: socket.socket) -> None:
        while self._channel is channel:
            await trio.lowlevel.wait_readable(channel)
            try:
                datagram = channel.recv(MAX_DATAGRAM)
            except BlockingIOError:
                continue
            except OSError:
                return
            if not datagram:
                return
            match decode_to_engine(datagram):
                case Left(link=link, waiting=waiting):
                    if link in self._links:
                        self._on_left(link, waiting)
                case Ended(link=link):
                    self._forget(link)

    def begin(self, link: int, connection: socket.socket, key: bytes, tick: float) -> None:
        """From now on the metronome sends on ``connection`` (which is duplicated)."""
        if self._send(Begin(link=link, key=key, tick=tick), [connection.fileno()]):
            self._links.add(link)
        else:
            self._on_ended(link)

    def lay(self, link: int, cell_type: int, body: bytes) -> None:
        """The content of a cell to come."""
        if link in self._links:
            self._send(Lay(link=link, cell_type=cell_type, body=body))

    def drop(self, link: int) -> None:
        """Send nothing more on a link."""
        if link in self._links:
            self._links.discard(link)
            self._send(Drop(link=link))

    async def finish_all(self) -> None:
        """Let a close cell leave on every link."""
        self._idle = trio.Event()
        for link in list(self._links):
            self._send(Finish(link=link))
        if self._links:
            await self._idle.wait()

    def _send(self, message: ToMetronome, descriptors: list[int] | None = None) -> bool:
        if self._channel is None:
            return False
        try:
            socket.send_fds(self._channel, [encode(message)], descriptors or [])
        except OSError:  # gone, or so far behind that its schedule means nothing any more
            self._lose()
            return False
        return True

    def _forget(self, link: int) -> None:
        if link in self._links:
            self._links.discard(link)
            self._on_ended(link)
            if not self._links:
                self._idle.set()

    def _lose(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        for link in list(self._links):
            self._forget(link)
