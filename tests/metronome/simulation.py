"""A world without time for the metronome's loop: the clock moves only when the loop waits."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from onionchat.errors import ConnectionLost
from onionchat.metronome import QUEUE_LIMIT, Begin, Ended, Lay, Left, ToEngine, ToMetronome, WindowOver
from onionchat.metronome.loop import Arrival, Metronome
from onionchat.protocol.pace import Pace

KEY = bytes(range(32))
SECOND = Pace(tick_ms=1000)


@dataclass
class SimulatedOutlet:
    """Records what is sent and when. ``takes`` decides how many bytes are taken, or raises."""

    clock: Callable[[], float]
    takes: Callable[[bytes], int] = len
    sent: list[tuple[float, bytes]] = field(default_factory=list)
    ended: str = ""

    def send(self, cell: bytes) -> int:
        taken = self.takes(cell)
        self.sent.append((self.clock(), cell))
        return taken

    def finish(self) -> None:
        self.ended = "finish"

    def abort(self) -> None:
        self.ended = "abort"


class SimulatedEdge:
    """Plays a script of arrivals, then the engine is gone at ``end``.

    With ``counting`` it lays no more than may wait, as an engine does.
    """

    def __init__(
        self,
        *,
        end: float,
        oversleep: Callable[[float], float] = lambda until: until,
        counting: bool = False,
    ) -> None:
        self.now = 0.0
        self.end = end
        self.reports: list[ToEngine] = []
        self.calls: list[str] = []
        self._arrivals: deque[tuple[float, Arrival]] = deque()
        self._oversleep = oversleep
        self._counting = counting
        self._laid: Counter[int] = Counter()

    def script(self, arrivals: Iterable[tuple[float, Arrival]]) -> None:
        self._arrivals = deque(sorted(arrivals, key=lambda pair: pair[0]))

    def clock(self) -> float:
        self.calls.append("clock")
        return self.now

    def wait(self, until: float) -> None:
        self.calls.append("wait")
        self.now = max(self.now, self._oversleep(until))

    def receive(self, until: float) -> Arrival | None:
        self.calls.append("receive")
        horizon = max(until, self.now)
        while self._arrivals and self._counting and not self._counts(self._arrivals[0][1].message):
            self._arrivals.popleft()
        if self._arrivals and self._arrivals[0][0] <= horizon:
            moment, arrival = self._arrivals.popleft()
            self.now = max(self.now, moment)
            return arrival
        if horizon >= self.end:
            raise ConnectionLost("the engine is gone")
        self.now = horizon
        return None

    def _counts(self, message: ToMetronome) -> bool:
        if isinstance(message, Lay):
            if self._laid[message.link] == QUEUE_LIMIT:
                return False
            self._laid[message.link] += 1
        return True

    def report(self, message: ToEngine) -> None:
        self.calls.append("report")
        self.reports.append(message)
        if isinstance(message, Left):
            self._laid[message.link] -= message.real

    @property
    def left(self) -> list[Left]:
        return [report for report in self.reports if isinstance(report, Left)]

    @property
    def ended(self) -> list[Ended]:
        return [report for report in self.reports if isinstance(report, Ended)]

    @property
    def windows_over(self) -> list[int]:
        return [report.link for report in self.reports if isinstance(report, WindowOver)]


@dataclass
class Run:
    """What one simulated run showed."""

    edge: SimulatedEdge
    outlets: list[SimulatedOutlet]

    @property
    def trace(self) -> list[tuple[float, int, int]]:
        """(moment, link, size) of everything on the wire, in order."""
        return sorted(
            (moment, link, len(cell))
            for link, outlet in enumerate(self.outlets)
            for moment, cell in outlet.sent
        )


def play(
    messages: Iterable[tuple[float, ToMetronome]] = (),
    *,
    links: int = 1,
    pace: Pace = SECOND,
    places: int = 0,
    end: float = 20.0,
    takes: Callable[[bytes], int] = len,
    oversleep: Callable[[float], float] = lambda until: until,
    counting: bool = False,
) -> Run:
    """Run the loop with ``links`` links that begin at 0; ``takes`` is for link 0 alone.

    In a rotation with ``places`` each link has the place of its number.
    """
    edge = SimulatedEdge(end=end, oversleep=oversleep, counting=counting)
    outlets = [SimulatedOutlet(lambda: edge.now, takes if link == 0 else len) for link in range(links)]
    begins = [
        (0.0, Arrival(message=_begin(link, pace, places), outlet=outlets[link])) for link in range(links)
    ]
    edge.script(begins + [(moment, Arrival(message=message)) for moment, message in messages])
    Metronome(edge=edge, random=random.Random(7).randbytes).run()
    return Run(edge=edge, outlets=outlets)


def _begin(link: int, pace: Pace, places: int) -> Begin:
    return Begin(link=link, key=KEY, pace=pace, place=link if places else 0, places=places)
