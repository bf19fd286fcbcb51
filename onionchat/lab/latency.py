"""Suite ``link``: what onionchat adds to a message beyond the wait for its cell and the way through Tor.

Two engines on a private network; one sends, the other receives. For each message four moments are taken, all
on the machine's one monotonic clock:

    asked   just before the request to send is written to the sender's control socket
    laid    when the reply to it has come back: the envelope was sealed, stored and laid before the reply
    left    when the cell that carries it was written towards tor
    told    when the receiver's watcher has the notice

    total = told - asked          wait = left - laid          added = total - wait - way

``wait`` is the schedule's: nothing may shorten it. ``way`` is half of the round trip of a raw echo, in the
median: blocks of a cell's size on onion streams between the same two tors, one after each message, so that
both meet the same conditions. So ``added`` is the time from request to laid envelope, reply included, and
from the cell's arrival to the notice: two ends' crypto, storage and sockets. The figure is the median.

Which cell carries a message follows from the schedule alone. The cell that lies ready when an envelope is
laid was built before it, so it leaves first; the envelope is in the one after it. The sender is the side that
dialled the link, and its cells are seen by a tap before tor's SOCKS port: ``left`` is the second departure
after ``laid``. Within a millisecond before a departure the metronome reads nothing, so a message that is
laid within `MARGIN` before one is counted as undecided and left out. Each message waits until the one before
it was acknowledged, so that no queue is ever in the way.

The controls stop an engine (SIGSTOP) for 50 ms, the sender's right before it is asked, the receiver's when
the cell is about to come: either must raise ``added`` by about that much.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from ..control import notices, replies, requests
from ..errors import ConnectionLost
from ..protocol.constants import CELL_SIZE
from .echo import Echo, echo
from .evidence import Evidence, at_most, between, evidence, fact
from .network import Progress
from .pair import Pair, pair
from .station import TICK, Station
from .tap import Record, Tap
from .watcher import Watcher

MESSAGES: Final = 80
MESSAGES_QUICK: Final = 20
HELD: Final = 0.050
"""Seconds for which the controls stop an engine."""
HELD_TIMES: Final = 10
HELD_TIMES_QUICK: Final = 5
MARGIN: Final = 0.004
"""Seconds before a departure in which it is not known which cell a message gets."""
ANSWER_SECONDS: Final = 15.0
_SETTLE_SECONDS: Final = 3.0
_SETUP: Final = 0.4
"""The part of the progress that setting up is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One message: when what happened to it, in monotonic seconds."""

    asked: float
    laid: float
    left: float
    told: float

    @property
    def beside_wait(self) -> float:
        """Seconds from request to notice, without the wait for the cell."""
        return (self.told - self.asked) - (self.left - self.laid)


def carrier(laid: float, departures: list[float]) -> float | None:
    """When the cell left that carries an envelope.

    Args:
        laid: when it was laid.
        departures: of the link's cells, in order, at least two of them after ``laid``.

    Returns:
        The second departure after ``laid``; None where it was laid too shortly before the first to tell.
    """
    first, second = [moment for moment in departures if moment > laid][:2]
    return None if first - laid < MARGIN else second


def measure(folder: Path, *, lifeline: int, tell: Progress, quick: bool) -> Evidence:
    """Measure it.

    Raises:
        OnionchatError: the network, an engine or the link did not come up, or went down.
    """
    with pair(
        folder, lifeline=lifeline, tell=lambda part, words: tell(_SETUP * part, words), tapped=True
    ) as both:
        tell(_SETUP, "opening raw streams")
        time.sleep(_SETTLE_SECONDS)
        road = _Road.of(both)
        with echo(road.sender, road.receiver, folder) as raw:
            return _measure(road, raw, tell, quick=quick)


def _measure(road: _Road, raw: Echo, tell: Progress, *, quick: bool) -> Evidence:
    messages = MESSAGES_QUICK if quick else MESSAGES
    held = HELD_TIMES_QUICK if quick else HELD_TIMES
    trips: list[float] = []
    runs: dict[str, list[Journey | None]] = {"plain": [], "sender": [], "receiver": []}
    schedule = ["plain"] * messages + ["sender"] * held + ["receiver"] * held
    random.shuffle(schedule)  # so that no run meets other conditions than the rest
    for done, kind in enumerate(schedule):
        tell(_SETUP + (1 - _SETUP) * done / len(schedule), f"message {done + 1} of {len(schedule)}")
        trips.append(raw.round_trip())
        runs[kind].append(road.travel(hold_sender=kind == "sender", hold_receiver=kind == "receiver"))
    tell(1.0, "done")
    way = median(trips) / 2
    plain = [one for one in runs["plain"] if one is not None]
    added = [1000 * (one.beside_wait - way) for one in plain]
    figures = [
        at_most("added_latency_ms", median(added), "ms", 10),
        fact("added_latency_p95_ms", quantiles(added, n=20)[-1], "ms"),
        fact("total_ms", 1000 * median(one.told - one.asked for one in plain), "ms"),
        fact("wait_for_cell_ms", 1000 * median(one.left - one.laid for one in plain), "ms"),
        fact("asked_to_laid_ms", 1000 * median(one.laid - one.asked for one in plain), "ms"),
        fact("left_to_told_ms", 1000 * median(one.told - one.left for one in plain), "ms"),
        fact("raw_echo_ms", 2000 * way, "ms"),
        fact("raw_echo_p95_ms", 1000 * quantiles(trips, n=20)[-1], "ms"),
        fact("tick_ms", 1000 * TICK, "ms"),
        fact("messages", len(plain), ""),
        fact("undecided", messages - len(plain), ""),
    ]
    controls = []
    for end in ("sender", "receiver"):
        slowed = [1000 * (one.beside_wait - way) for one in runs[end] if one is not None]
        raised = median(slowed) - median(added) if slowed else 0.0
        controls.append(between(f"added_by_50_ms_at_{end}", raised, 40, 70))
    return evidence("link", figures, controls)


class _Road:
    """The link from the side that dialled it, and the watchers at both ends."""

    def __init__(self, sender: Station, contact: str, receiver: Station, tap: Tap, connection: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self._contact = contact
        self._tap = tap
        self._connection = connection
        self._at_sender = sender.watch()
        self._at_receiver = receiver.watch()

    @classmethod
    def of(cls, both: Pair) -> _Road:
        """Find out who dialled the link that is in use: its cells pass that side's tap."""
        ends = ((both.you, both.your_contact, both.friend), (both.friend, both.their_contact, both.you))
        for sender, contact, receiver in ends:
            if sender.tap is not None:
                since = time.monotonic() - 2 * TICK
                living = {one.connection for one in _cells(sender.tap) if one.at > since}
                if len(living) == 1:
                    return cls(sender, contact, receiver, sender.tap, living.pop())
        raise ConnectionLost("there is no link, or more than one, between the two engines")

    def travel(self, *, hold_sender: bool, hold_receiver: bool) -> Journey | None:
        """Send one message and see it arrive; None where it is not known which cell it got."""
        self._until_left(1, after=time.monotonic())
        room = TICK - 0.04 - (HELD if hold_sender else 0)
        time.sleep(random.uniform(0.02, room))  # noqa: S311 - a moment to write at, not a secret
        held = [self.sender.hold(HELD)] if hold_sender else []
        asked = time.monotonic()
        request = requests.Send(contact=self._contact, text="A message of some words, as people write them.")
        message = self.sender.ask(request, replies.Message).message
        laid = time.monotonic()
        if hold_receiver:
            self._until_left(2, after=laid)
            held.append(self.receiver.hold(HELD))
        told = _seen(self._at_receiver, lambda one: _is_arrival(one, message))
        _seen(self._at_sender, lambda one: _is_delivery(one, message))
        for release in held:
            release.join()
        left = carrier(laid, self._departures(laid))
        return None if left is None else Journey(asked=asked, laid=laid, left=left, told=told)

    def _departures(self, after: float) -> list[float]:
        """When cells left on the link, in order."""
        return [one.at for one in _cells(self._tap) if one.connection == self._connection and one.at > after]

    def _until_left(self, count: int, *, after: float) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(self._departures(after)) < count:
            if time.monotonic() > deadline:
                raise ConnectionLost("the link between the two engines went down")
            time.sleep(0.001)


def _cells(tap: Tap) -> list[Record]:
    return [one for one in tuple(tap.records) if one.direction == "out" and one.size == CELL_SIZE]


def _seen(watcher: Watcher, wanted: Callable[[notices.AnyNotice], bool]) -> float:
    """When the watcher was told what is ``wanted``.

    Raises:
        ConnectionLost: never, within the time that it may take.
    """
    if not watcher.wait(lambda: any(wanted(one.notice) for one in watcher.sightings), ANSWER_SECONDS):
        raise ConnectionLost(f"a message did not arrive within {ANSWER_SECONDS:.0f} s")
    return next(one.at for one in watcher.sightings if wanted(one.notice))


def _is_arrival(notice: notices.AnyNotice, message: str) -> bool:
    return isinstance(notice, notices.MessageArrived) and notice.message.message == message


def _is_delivery(notice: notices.AnyNotice, message: str) -> bool:
    return (
        isinstance(notice, notices.MessageChanged)
        and notice.message.message == message
        and notice.message.state == "delivered"
    )
