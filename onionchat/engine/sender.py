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
ENOUGH_LAID = 2
"""With one cell ready and one behind it no slot stays empty, and nothing piles up."""


class Sender:
    """Tells the metronome what to send, and tells the engine what left."""

    def __init__(
        self, launch: Launch, on_free: Callable[[int], None], on_ended: Callable[[int], None]
    ) -> None:
        self._launch = launch
        self._on_free = on_free
        self._on_ended = on_ended
        self._channel: socket.socket | None = None
        self._links: dict[int, int] = {}
        """How many cells were laid on each and have not left: the ready one, and one behind it."""
        self._idle = trio.Event()

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a metronome at hand and hear what it reports."""
        await self._renew()
        task_status.started()
        while True:
            try:
                await self._listen()
            finally:
                self._lose()
            await trio.sleep(RESTART_SECONDS)
            await self._renew()

    async def _renew(self) -> None:
        self._channel = await self._launch.metronome()
        self._channel.setblocking(False)

    async def _listen(self) -> None:
        while (channel := self._channel) is not None:
            try:
                await trio.lowlevel.wait_readable(channel)
                datagram = channel.recv(MAX_DATAGRAM)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                return
            if not datagram:
                return
            match decode_to_engine(datagram):
                case Left(link=link, real=real):
                    self._left(link, real=real)
                case Ended(link=link):
                    self._forget(link)

    def _left(self, link: int, *, real: bool) -> None:
        # counted here: a report may have crossed what was laid since
        if link in self._links:
            self._links[link] -= real
            if self._links[link] < ENOUGH_LAID:
                self._on_free(link)

    def begin(self, link: int, connection: socket.socket, key: bytes, tick: float) -> None:
        """From now on the metronome sends on ``connection`` (which is duplicated)."""
        if self._send(Begin(link=link, key=key, tick=tick), [connection.fileno()]):
            self._links[link] = 0
        else:
            self._on_ended(link)

    def lay(self, link: int, cell_type: int, body: bytes) -> None:
        """The content of a cell to come."""
        if link in self._links:
            self._links[link] += 1
            self._send(Lay(link=link, cell_type=cell_type, body=body))

    def drop(self, link: int) -> None:
        """Send nothing more on a link."""
        if link in self._links:
            self._release(link)
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
            self._release(link)
            self._on_ended(link)

    def _release(self, link: int) -> None:
        del self._links[link]
        if not self._links:
            self._idle.set()

    def _lose(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None and channel.fileno() >= 0:
            trio.lowlevel.notify_closing(channel)
            channel.close()
        for link in list(self._links):
            self._forget(link)
