"""The engine's side of the metronome's channel.

Laws: a link's key passes here once and is not kept; a metronome that is gone or does not take what it is told
ends every link; a fresh one is asked for and knows nothing of the old links.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

import trio

from ..metronome.channel import (
    MAX_DATAGRAM,
    Begin,
    Change,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    ToMetronome,
    Window,
    WindowOver,
    decode_to_engine,
    encode,
)
from ..protocol.pace import BATCHES, Level, Pace
from .launch import Launch

RESTART_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class _Sending:
    """What the sender knows of a link."""

    pace: Pace
    place: int
    places: int
    laid: int = 0
    """Cells that were laid and have not left: those of the batch that is ready, and those behind it."""
    window: bool = False

    @property
    def free(self) -> bool:
        """Whether more may be laid: a batch behind the ready one, so that no slot stays empty.

        In a window, whose slots come quickly, as much as the largest batch.
        """
        return self.laid <= (BATCHES[-1] if self.window else self.pace.batch)


class Sender:
    """Tells the metronome what to send, and tells the engine what left.

    Args:
        launch: gives metronomes.
        on_free: told of a link on which more may be laid.
        on_ended: told of a link on which nothing is sent any more.
        on_window_over: told of a link whose window has run to its end.
    """

    def __init__(
        self,
        launch: Launch,
        on_free: Callable[[int], None],
        on_ended: Callable[[int], None],
        on_window_over: Callable[[int], None],
    ) -> None:
        self._launch = launch
        self._on_free = on_free
        self._on_ended = on_ended
        self._on_window_over = on_window_over
        self._channel: socket.socket | None = None
        self._links: dict[int, _Sending] = {}
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
                case Left() as report:
                    self._left(report)
                case WindowOver(link=link):
                    self._window_over(link)
                case Ended(link=link):
                    self._forget(link)

    def _left(self, report: Left) -> None:
        # counted here: a report may have crossed what was laid since
        sending = self._links.get(report.link)
        if sending is not None:
            sending.laid -= report.real
            if sending.free:
                self._on_free(report.link)

    def _window_over(self, link: int) -> None:
        if link in self._links:
            self._links[link].window = False
            self._on_window_over(link)

    def begin(
        self,
        link: int,
        connection: socket.socket,
        key: bytes,
        pace: Pace,
        *,
        place: int = 0,
        places: int = 0,
    ) -> None:
        """From now on the metronome sends on ``connection`` (which is duplicated).

        Args:
            link: its number.
            connection: its socket.
            key: its sending key, which is not kept.
            pace: its schedule. Only a constant one has places: another goes on until the peer knows of it.
            place: in a rotation, which of its places the link has, from 0.
            places: how many places the rotation has; 0 where there is none.
        """
        place, places = _seat(pace, place, places)
        begin = Begin(link=link, key=key, pace=pace, place=place, places=places)
        if self._send(begin, [connection.fileno()]):
            self._links[link] = _Sending(pace=pace, place=place, places=places)
        else:
            self._on_ended(link)

    def change(self, link: int, pace: Pace, *, place: int = 0, places: int = 0) -> None:
        """Send at another pace from the next slot on; in a window, after its end."""
        sending = self._links.get(link)
        place, places = _seat(pace, place, places)
        if sending is not None:
            sending.pace, sending.place, sending.places = pace, place, places
            self._send(Change(link=link, pace=pace, place=place, places=places))

    def move(self, link: int, *, place: int, places: int) -> None:
        """Give a link another place in the rotation, at the pace that it has."""
        sending = self._links.get(link)
        if sending is not None and (sending.place, sending.places) != _seat(sending.pace, place, places):
            self.change(link, sending.pace, place=place, places=places)

    def window(self, link: int, seconds: int) -> None:
        """Open a bulk window; `on_window_over` tells its end, unless the link ends before. One at a time."""
        if link in self._links:
            self._links[link].window = True
            self._send(Window(link=link, seconds=seconds))

    def lay(self, link: int, cell_type: int, body: bytes) -> None:
        """The content of a cell to come."""
        if link in self._links:
            self._links[link].laid += 1
            self._send(Lay(link=link, cell_type=cell_type, body=body))

    def waiting(self, link: int) -> int:
        """How many cells were laid and have not left."""
        return self._links[link].laid if link in self._links else 0

    def drop(self, link: int) -> None:
        """Send nothing more on a link."""
        if link in self._links:
            self._release(link)
            self._send(Drop(link=link))

    async def finish_all(self, most: float) -> None:
        """Let a close cell leave on every link, and end those on which none did within one tick of theirs.

        Args:
            most: seconds after which a link with a longer tick ends, too.
        """
        self._idle, begun = trio.Event(), trio.current_time()
        for link in list(self._links):
            self._send(Finish(link=link))
        ticks = sorted(
            (min(sending.pace.tick_ms / 1000, most), link) for link, sending in self._links.items()
        )
        for tick, link in ticks:
            with trio.move_on_at(begun + tick):
                await self._idle.wait()
            if link in self._links:
                self.drop(link)
                self._on_ended(link)

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


def _seat(pace: Pace, place: int, places: int) -> tuple[int, int]:
    """The place of a link at ``pace``: only a constant one has slots to rotate."""
    return (place, places) if pace.level is Level.CONSTANT else (0, 0)
