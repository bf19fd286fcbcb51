"""Two or three engines and their metronomes, whole and real, in simulated time: what leaves, when, how large.

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
from onionchat.metronome.channel import Ended, Reason, ToEngine
from onionchat.metronome.edge import ProcessEdge
from onionchat.metronome.loop import Arrival, Metronome, Outlet
from onionchat.protocol.contact import Contact
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import Person, people, until

LEAD, CELLS = 6, 24
"""Batches of each side that leave before those that count, and how many count."""
GRID_SECONDS = 60.0
"""With a budget: the moment from which batches count. All links' slots lie on one grid of the engine's, so a
batch's delay follows from the moment, and not from how long its link has been there."""
MOST_SECONDS = 150
"""In simulated time: a link that carries less until then has come to a standstill."""


class Later(Exception):
    """The loop would wait for the engine until then."""

    def __init__(self, until: float) -> None:
        self.until = until


@dataclass
class Trace:
    """What left on one link, in one direction: moments of the simulated clock, and bytes."""

    link: int
    began: float
    sent: list[tuple[float, int]] = field(default_factory=list)
    ended: bool = False

    def note(self, at: float, size: int) -> None:
        self.sent.append((at, size))

    def counted(self, since: float | None) -> list[tuple[float, int]]:
        """What counts, by seconds since the link began; or what left ``since`` a moment, by its moments."""
        if since is None:
            return [(round(at - self.began, 6), size) for at, size in self.sent[LEAD : LEAD + CELLS]]
        return [(round(at, 6), size) for at, size in self.sent if at >= since][:CELLS]


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
        self.reasons: list[Reason] = []
        """Why links ended."""

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
        self.traces.append(Trace(arrival.message.link, self.clock()))
        return replace(arrival, outlet=RecordingOutlet(arrival.outlet, self.traces[-1], self.clock))

    def report(self, message: ToEngine) -> None:
        if isinstance(message, Ended):
            self.reasons.append(message.reason)
        super().report(message)


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
    folder: Path,
    deeds: Sequence[Deed] = (),
    *,
    schedule: requests.AnyRequest | None = None,
    eve: bool = False,
) -> list[list[tuple[float, int]]]:
    """What the link of the first two carried while ``deeds`` were done: all that an observer could see.

    ``eve``: a third person is a contact of the first, too.
    """
    TurnedMetronome.made = []
    since = GRID_SECONDS if isinstance(schedule, requests.BudgetSet) else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "PlayedMetronome", TurnedMetronome)
        async with people(folder, *(MemoryVault() for _ in range(3 if eve else 2))) as group:
            ada, *others = group
            for person in group:
                person.identity()
                person.ask(schedule or requests.PolicyShow())
            for other in others:
                other.accept(ada.invite())
            await until(lambda: all(links and len(links[-1].sent) >= LEAD for links in _begun()))
            await until(lambda: all(len(trace.sent) >= LEAD for trace in _links(group)))
            await trio.sleep_until(since or 0.0)
            living = _links(group)[:2]
            patch.setattr(Connections, "send", _recorded(Connections.send, group, living))
            start = trio.current_time()
            for offset, who, act in sorted(deeds, key=lambda deed: deed[0]):
                await trio.sleep_until(start + offset)
                act(group[who])
            for _ in range(MOST_SECONDS):  # each look costs real time
                if all(trace.ended or len(trace.counted(since)) == CELLS for trace in living):
                    break
                await trio.sleep(1)
            return [trace.counted(since) for trace in living]


def _begun() -> list[list[Trace]]:
    return [metronome.edge.traces for metronome in TurnedMetronome.made]


def _links(group: Sequence[Person]) -> list[Trace]:
    """What leaves on the links of the first person with each of the others, there and back.

    Where one of them is not there yet, a trace on which nothing left stands for it.
    """
    ada, *others = group
    pairs = [pair for other in others for pair in ((ada, other), (other, ada))]
    return [_link(group.index(one), contact_of(one, other)) or Trace(0, 0.0) for one, other in pairs]


def _link(person: int, contact: Contact | None) -> Trace | None:
    if contact is None or contact.active is None:
        return None
    traces = TurnedMetronome.made[person].edge.traces
    return next((trace for trace in traces if trace.link == contact.active.number), None)


def contact_of(person: Person, other: Person) -> Contact | None:
    """Who ``other`` is to ``person``; nobody before both have been introduced."""
    theirs = {contact.onion.public for contact in other.engine.opened().contacts.values()}
    ours = person.engine.opened().contacts.values()
    return next((contact for contact in ours if contact.record.peer_onion in theirs), None)


def _recorded(
    send: Callable[[Connections, int, bytes], None], group: Sequence[Person], living: Sequence[Trace]
) -> Callable[[Connections, int, bytes], None]:
    """What an engine writes by itself counts, too: once there is a link, it writes nothing.

    With a third person, who may come and go, that is another matter.
    """
    ada, _, *others = group

    def noted(connections: Connections, link: int, cell: bytes) -> None:
        aside = False
        for other in others:
            contact = contact_of(ada, other)
            hers = contact is not None and connections is ada.engine.connections and link in contact.links
            aside = aside or hers or connections is other.engine.connections
        for trace in () if aside else living:
            trace.note(trio.current_time(), len(cell))
        send(connections, link, cell)

    return noted


def texts(person: Person) -> list[replies.Message]:
    return person.messages()
