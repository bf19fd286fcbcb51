"""Two engines that know each other, somebody who sits before one of them, and the wire that is watched.

The one who is watched is the one who dialled the link: only its cells pass between metronome and tor's SOCKS
port. Its two legs: ``guard``, between its tor and the guard, where packets are seen; and ``socks``, between
metronome and tor, where cells are seen.

Laws: nothing here decides what anybody does; that is `scenario`'s.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ..control import run_folder
from ..control.replies import Contact, Contacts, Policy
from ..control.requests import ContactList, ScheduleSet
from ..errors import ConnectionLost, PeerUnreachable
from ..protocol.constants import CELL_SIZE
from .legs import Leg, Packets, Wire
from .network import PrivateNetwork, Progress
from .pair import Pair, get_ready, introduce
from .screen import Screen
from .station import Station

LegName = Literal["guard", "socks"]
LEGS: Final[tuple[LegName, ...]] = ("guard", "socks")
Level = Literal["constant", "poisson", "burst"]

_SETTLE_SECONDS: Final = 3.0
_LINK_SECONDS: Final = 60.0
_POLL: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One engine and the legs of the wire that are its."""

    station: Station
    contact: str
    """The other, as this one's contact."""
    legs: dict[LegName, Leg]


class Stage:
    """What `stage` gives. ``watched`` and ``other`` are the two sides; ``screen`` is before ``watched``."""

    def __init__(self, both: Pair, wire: Wire, legs: list[dict[LegName, Leg]], lifeline: int) -> None:
        you = Side(station=both.you, contact=both.your_contact, legs=legs[0])
        friend = Side(station=both.friend, contact=both.their_contact, legs=legs[1])
        self._sides = (you, friend)
        self._wire = wire
        self._lifeline = lifeline
        self._screens = ExitStack()
        self.watched, self.other = you, friend
        self.screen: Screen

    def news(self) -> Packets:
        """All that passed on any leg since this was asked last."""
        return self._wire.news()

    def find_link(self) -> None:
        """See who dialled the link that is up, and sit down before that one.

        Raises:
            PeerUnreachable: there is no link, or no end of several.
        """
        deadline = time.monotonic() + _LINK_SECONDS
        while time.monotonic() < deadline:
            self.news()
            time.sleep(1.0)
            packets = self.news()
            cells = packets[(packets["out"] == 1) & (packets["size"] == CELL_SIZE)]
            sending = [side for side in self._sides if (cells["leg"] == side.legs["socks"].number).any()]
            if len(sending) == 1:
                (self.watched,) = sending
                (self.other,) = (side for side in self._sides if side is not self.watched)
                self.open_screen()
                return
        raise PeerUnreachable("the two engines have no link, or more than one", hint="try again")

    def open_screen(self) -> None:
        """A fresh TUI before the one who is watched, in the place of one that has long been used."""
        self._screens.close()
        side = self.watched
        name = _contact(side).name
        screen = Screen(side.station.socket, contact=side.contact, name=name, lifeline=self._lifeline)
        self.screen = self._screens.enter_context(screen)
        time.sleep(_SETTLE_SECONDS)

    def choose(self, level: Level) -> None:
        """Have both send on another level from now on."""
        for side in self._sides:
            side.station.ask(ScheduleSet(level=level), Policy)
        deadline = time.monotonic() + _LINK_SECONDS
        while any(_contact(side).schedule.level != level for side in self._sides):
            if time.monotonic() > deadline:
                raise ConnectionLost(f"the two engines did not agree on the level «{level}»")
            time.sleep(_POLL)
        time.sleep(_SETTLE_SECONDS)

    def leave_tor(self) -> None:
        """Have the two reach each other over loopback alone; tor goes on beside it with nothing to do.

        Raises:
            PeerUnreachable: they did not find each other again.
        """
        you, friend = self._sides
        for side, there in ((you, friend), (friend, you)):
            folder = run_folder(there.station.folder)
            side.legs["socks"].target = ("127.0.0.1", self._wire.short_cut(folder))
        for side in self._sides:
            side.legs["socks"].cut()
        self.find_link()

    def unread(self) -> int:
        """How many messages of the watched one the other has."""
        return _contact(self.other).unread

    def close(self) -> None:
        """Stand up."""
        self._screens.close()


@contextmanager
def stage(
    folder: Path,
    network: PrivateNetwork,
    *,
    lifeline: int,
    tell: Progress,
    tick: float,
    changes: Mapping[str, object] | None = None,
) -> Iterator[Stage]:
    """Start two engines in a network, introduce them, and watch their wires. It ends with the block.

    Args:
        folder: fresh; where they may live.
        network: it runs.
        lifeline: see `Station`.
        tell: told of the progress, from 0 to 1.
        tick: seconds between two cells, which here may be shorter than users may choose.
        changes: see `Station`.

    Raises:
        OnionchatError: as `pair`.
    """
    folder.mkdir(mode=0o700)
    with ExitStack() as stack:
        wire = stack.enter_context(Wire(folder))
        legs: list[dict[LegName, Leg]] = [
            {"guard": wire.open(proxy=True), "socks": wire.open(proxy=False)} for _ in range(2)
        ]
        you, friend = (
            Station(
                folder / name,
                torrc=f"{network.client_torrc}Socks5Proxy 127.0.0.1:{own['guard'].port}\n",
                lifeline=lifeline,
                tap=own["socks"],
                changes={"tick": tick, **(changes or {})},
            )
            for name, own in zip(("you", "friend"), legs, strict=True)
        )
        for station in (you, friend):
            stack.callback(station.wait)
        begun = time.monotonic()
        for station in (you, friend):
            stack.callback(station.end)
            station.start()
        for number, station in enumerate((you, friend)):
            get_ready(station, number, tell)
        both = introduce(you, friend, time.monotonic() - begun, tell)
        set_up = Stage(both, wire, legs, lifeline)
        stack.callback(set_up.close)
        time.sleep(_SETTLE_SECONDS)
        set_up.find_link()
        yield set_up


def busiest(packets: Packets, leg: Leg) -> Packets:
    """What passed on the connection of a leg that carried most."""
    mine: Packets = packets[packets["leg"] == leg.number]
    if not len(mine):
        return mine
    totals = np.bincount(mine["connection"], weights=mine["size"])
    chosen: Packets = mine[mine["connection"] == totals.argmax()]
    return chosen


def _contact(side: Side) -> Contact:
    (contact,) = side.station.ask(ContactList(), Contacts).contacts
    return contact
