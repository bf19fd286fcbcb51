"""The metronome's loop: one turn waits for the next thing and does it.

Laws: no clock, socket or randomness of its own; an `Edge` brings them, a real one or a simulated one. At a
deadline there is one send and nothing else. In the last `QUIET` seconds before a deadline nothing is read
from the engine, so that what the user does then cannot delay the send. Nothing here grows with time.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Final, Protocol

from ..crypto import RandomSource
from ..crypto.stack import wipe_stack
from ..errors import ConnectionLost, LocalProtocolError
from ..protocol.cell import lay_out
from ..protocol.constants import MAX_TICK_MS
from .channel import (
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
)
from .course import MAX_DELAY
from .link import SEED_SIZE, SendingLink
from .numbers import UsedNumbers

QUIET: Final = 0.001
"""Seconds before a deadline in which the engine is not listened to."""

MAX_LINKS: Final = 512
"""Links at once: what the usual limit on open files (1,024) holds twice over."""


class Outlet(Protocol):
    """The sending side of one link's connection. Nothing here ever waits."""

    def send(self, batch: bytes) -> int:
        """Write at once.

        Returns:
            How many bytes were taken.

        Raises:
            BlockingIOError: none.
            OSError: the connection is gone.
        """

    def finish(self) -> None:
        """Nothing more is sent; what was sent still arrives."""

    def abort(self) -> None:
        """End the connection in both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message of the engine, with the link's outlet where it is a `Begin`."""

    message: ToMetronome
    outlet: Outlet | None = None


class Edge(Protocol):
    """The world as the loop sees it."""

    def clock(self) -> float:
        """Seconds on the monotonic clock."""

    def wait(self, until: float) -> None:
        """Return at that moment, or at once when it is past."""

    def receive(self, until: float) -> Arrival | None:
        """What the engine said, or None when nothing came until then. Looks once even when it is past.

        Raises:
            ConnectionLost: the engine is gone.
            LocalProtocolError: the message is malformed.
        """

    def report(self, message: ToEngine) -> None:
        """Tell the engine, without ever waiting for it."""


class Metronome:
    """Sends the batches of all links at their deadlines.

    Args:
        edge: clock, waiting, and the channel to the engine.
        random: gives the rotation its phase, each new link the seed of its phase, gaps and delays, and is
            asked for nothing else.
        max_delay: the upper bound of the random delays, in seconds.
    """

    def __init__(self, *, edge: Edge, random: RandomSource, max_delay: float = MAX_DELAY) -> None:
        self._edge = edge
        self._random = random
        self._max_delay = max_delay
        self._epoch = edge.clock() - int.from_bytes(random(8), "big") / 2**64 * MAX_TICK_MS / 1000
        """When the first slot of a rotation's first place began, whatever the rotation's tick is."""
        self._links: dict[int, tuple[SendingLink, Outlet]] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._used = UsedNumbers()

    def run(self) -> None:
        """Serve until the engine is gone; every link ends with it.

        Raises:
            LocalProtocolError: the engine broke the channel's rules. The links have ended then, too.
        """
        try:
            while True:
                self.run_once()
                wipe_stack()  # sealing leaves pieces of keys there
        except ConnectionLost:
            return
        finally:
            for _, outlet in self._links.values():
                outlet.abort()

    def run_once(self) -> None:
        """One turn: a message of the engine, or else the next deadline.

        Between two deadlines that are closer than `QUIET` one message is read all the same, so that the
        engine is heard however many links there are.

        Raises:
            ConnectionLost: the engine is gone.
            LocalProtocolError: the engine broke the channel's rules.
        """
        quiet = self._deadlines[0][0] - QUIET if self._deadlines else math.inf
        arrival = self._edge.receive(quiet)
        if arrival is not None:
            self._accept(arrival)
            if self._edge.clock() < quiet:
                return
        if self._deadlines:
            self._beat()

    def _beat(self) -> None:
        due, number = self._deadlines[0]
        link, outlet = self._links[number]
        link.seal()  # what the engine says from here on comes after it
        self._edge.wait(due)
        if link.missed(self._edge.clock()):
            self._go_on(number, link)
            return
        try:
            whole = outlet.send(link.batch) == len(link.batch)
            failure = None if whole else Reason.BLOCKED
        except BlockingIOError:
            failure = Reason.BLOCKED
        except OSError:
            failure = Reason.LOST
        if failure is not None:
            self._end(number, failure)
            return
        sent, real, closing = self._edge.clock(), link.real, link.closing
        if not closing:
            link.advance(sent)
        waiting = 0 if closing else link.waiting
        self._edge.report(Left(link=number, real=real, waiting=waiting, scheduled=due, sent=sent))
        if closing:
            self._end(number, Reason.FINISHED)
        else:
            self._go_on(number, link)

    def _go_on(self, number: int, link: SendingLink) -> None:
        """The first deadline's link has another one now."""
        heapq.heapreplace(self._deadlines, (link.due, number))
        if link.window_over:
            link.window_over = False
            self._edge.report(WindowOver(link=number))

    def _accept(self, arrival: Arrival) -> None:
        message = arrival.message
        if isinstance(message, Begin):
            self._begin(message, arrival.outlet)
            return
        if message.link not in self._links:
            if message.link not in self._used:
                raise LocalProtocolError("the engine spoke of a link that never began")
            return  # it ended while the message was under way
        link, _ = self._links[message.link]
        due, now = link.due, self._edge.clock()
        match message:
            case Lay():
                if not link.lay(lay_out(message.cell_type, message.body), now):
                    self._end(message.link, Reason.OVERFULL)
                    return
            case Change():
                link.change(message.pace, now, grid=self._grid(message))
            case Window():
                if not link.open_window(message.seconds, now):
                    raise LocalProtocolError("a window was opened in a window")
            case Finish():
                link.finish(now)
            case Drop():
                self._end(message.link, Reason.DROPPED)
                return
        if link.due != due:  # only in bursts
            self._deadlines[self._deadlines.index((due, message.link))] = (link.due, message.link)
            heapq.heapify(self._deadlines)

    def _begin(self, message: Begin, outlet: Outlet | None) -> None:
        if outlet is None:
            raise LocalProtocolError("a link began without its socket")
        if message.link in self._links:
            outlet.abort()
            raise LocalProtocolError("a link's number was used twice")
        if not self._used.add(message.link) or len(self._links) == MAX_LINKS:
            outlet.abort()
            self._edge.report(Ended(link=message.link, reason=Reason.REFUSED))
            return
        link = SendingLink(
            key=message.key,
            pace=message.pace,
            now=self._edge.clock(),
            seed=self._random(SEED_SIZE),
            grid=self._grid(message),
            max_delay=self._max_delay,
        )
        self._links[message.link] = link, outlet
        heapq.heappush(self._deadlines, (link.due, message.link))

    def _grid(self, message: Begin | Change) -> float | None:
        """When a slot of the link's place in the rotation begins, if it has one."""
        if not message.places:
            return None
        return self._epoch + message.place * message.pace.tick_ms / 1000 / message.places

    def _end(self, number: int, reason: Reason) -> None:
        """Forget a link, its key and its deadline with it."""
        _, outlet = self._links.pop(number)
        self._deadlines = [entry for entry in self._deadlines if entry[1] != number]
        heapq.heapify(self._deadlines)
        if reason is Reason.FINISHED:
            outlet.finish()
        else:
            outlet.abort()
        self._edge.report(Ended(link=number, reason=reason))
