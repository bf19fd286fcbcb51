"""Two engines and two metronomes, whole and real, in simulated time: what leaves, when, and how large.

A metronome's own loop is turned by a task: where it would wait for the engine, the task waits instead.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trio

from onionchat.control import replies, requests
from onionchat.engine.connection import Connections
from onionchat.errors import ConnectionLost
from onionchat.metronome.edge import ProcessEdge
from onionchat.metronome.loop import Arrival, Metronome, Outlet
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import Person, people, until

LEAD, CELLS = 6, 24
"""Batches of each side that leave before those that count, and how many count."""
MOST_SECONDS = 150
"""In simulated time: a link that carries less until then has come to a standstill."""


class Later(Exception):
    """The loop would wait for the engine until then."""

    def __init__(self, until: float) -> None:
        self.until = until


@dataclass
class Trace:
    """What left on one link, in one direction: seconds since its beginning, and bytes."""

    began: float
    sent: list[tuple[float, int]] = field(default_factory=list)
    ended: bool = False

    def note(self, at: float, size: int) -> None:
        self.sent.append((round(at - self.began, 6), size))

    @property
    def counted(self) -> list[tuple[float, int]]:
        return self.sent[LEAD : LEAD + CELLS]


class RecordingOutlet:
    """Passes on what is sent, and writes down when."""

    def __init__(self, outlet: Outlet, trace: Trace, clock: Callable[[], float]) -> None:
        self._outlet = outlet
        self._trace = trace
        self._clock = clock

    def send(self, cell: bytes) -> int:
        self._trace.note(self._clock(), len(cell))
        return self._outlet.send(cell)

    def finish(self) -> None:
        self._trace.ended = True
        self._outlet.finish()

    def abort(self) -> None:
        self._trace.ended = True
        self._outlet.abort()


class SimulatedEdge(ProcessEdge):
    """A process's edge in simulated time; ``wait`` runs ahead of it by a millisecond at most."""

    def __init__(self, channel: socket.socket) -> None:
        super().__init__(channel)
        self._ahead = 0.0
        self.traces: list[Trace] = []

    def clock(self) -> float:
        return max(trio.current_time(), self._ahead)

    def wait(self, until: float) -> None:
        self._ahead = max(self._ahead, until)

    def receive(self, until: float) -> Arrival | None:
        if not self._poll.poll(0):
            if self.clock() < until:
                raise Later(until)
            return None
        arrival = super().receive(0.0)
        if arrival is None or arrival.outlet is None:
            return arrival
        self.traces.append(Trace(self.clock()))
        return replace(arrival, outlet=RecordingOutlet(arrival.outlet, self.traces[-1], self.clock))


class TurnedMetronome:
    """Stands where an engine's metronome stands."""

    made: list[TurnedMetronome]
    """All of one run, in the order of their engines."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self.edge = SimulatedEdge(channel)
        self._loop = Metronome(edge=self.edge, random=lambda size: bytes([len(self.made) + 1]) * size)
        self.made.append(self)

    async def serve(self) -> None:
        """Until the engine is gone."""
        try:
            while True:
                try:
                    self._loop.run_once()
                    await trio.lowlevel.checkpoint()
                except Later as later:
                    with trio.move_on_at(later.until):
                        await trio.lowlevel.wait_readable(self._channel)
        except ConnectionLost:
            return
        finally:
            self._channel.close()
            for _, outlet in self._loop._links.values():
                outlet.abort()


Action = Callable[[Person], object]
Deed = tuple[float, int, Action]
"""Seconds after the first batch that counts, who, and what."""


async def wire(
    folder: Path, deeds: Sequence[Deed] = (), *, schedule: requests.ScheduleSet | None = None
) -> list[list[tuple[float, int]]]:
    """What both sides' links carried while ``deeds`` were done; all that an observer of both could see."""
    TurnedMetronome.made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "PlayedMetronome", TurnedMetronome)
        patch.setattr(Connections, "send", _recorded(Connections.send))
        async with people(folder, MemoryVault(), MemoryVault()) as pair:
            for person in pair:
                person.identity()
                person.ask(schedule or requests.PolicyShow())
            pair[1].accept(pair[0].invite())
            traces = [metronome.edge.traces for metronome in TurnedMetronome.made]
            await until(lambda: all(links and len(links[-1].sent) >= LEAD for links in traces))
            living = [links[-1] for links in traces]  # another link would begin with the same seed
            start = trio.current_time()
            for offset, who, act in sorted(deeds, key=lambda deed: deed[0]):
                await trio.sleep_until(start + offset)
                act(pair[who])
            for _ in range(MOST_SECONDS):  # each look costs real time
                if all(trace.ended or len(trace.sent) >= LEAD + CELLS for trace in living):
                    break
                await trio.sleep(1)
            return [trace.counted for trace in living]


def _recorded(send: Callable[[Connections, int, bytes], None]) -> Callable[[Connections, int, bytes], None]:
    """What an engine writes by itself counts, too: once there is a link, it writes nothing."""

    def noted(connections: Connections, link: int, cell: bytes) -> None:
        for metronome in TurnedMetronome.made:
            if metronome.edge.traces and len(metronome.edge.traces[-1].sent) >= LEAD:
                metronome.edge.traces[-1].note(trio.current_time(), len(cell))
        send(connections, link, cell)

    return noted


def texts(person: Person) -> list[replies.Message]:
    return person.messages()
