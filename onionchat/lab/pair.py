"""Two engines that know each other, on a private network.

Laws: they meet as two people would: one makes an invite, the other accepts it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..control.replies import Contact, Contacts, Identity, Invite, Invites, TimerPromise
from ..control.requests import (
    ContactList,
    IdentityCreate,
    InviteAccept,
    InviteCreate,
    InviteList,
    TimerTold,
)
from ..errors import PeerUnreachable
from .network import PrivateNetwork, Progress
from .station import POLL, Station
from .tap import Tap

MEETING_SECONDS: Final = 90.0
FRIEND: Final = "Robin"
YOU: Final = "Sam"

_NETWORK: Final = 0.5
_ENGINES: Final = 0.75
_PUBLISHED: Final = 0.9
"""Parts of the progress at which each step ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both, each with the handle that the other has there; and how long what took, in seconds."""

    you: Station
    friend: Station
    your_contact: str
    """The friend, as a contact of yours."""
    their_contact: str
    """You, as a contact of the friend's."""
    bootstrap_s: float
    """From the start of both engines until both tors had bootstrapped."""
    publish_s: float
    """From the making of an invite until its onion service was proven reachable."""
    connect_s: float
    """From its acceptance until both were on line and held the addresses made for this pair."""


@contextmanager
def pair(folder: Path, *, lifeline: int, tell: Progress, tapped: bool) -> Iterator[Pair]:
    """Start a private network and two engines, and introduce them. All of it ends with the block.

    Args:
        folder: where they may live; it exists.
        lifeline: see `Station`.
        tell: told of the progress, from 0 to 1.
        tapped: put a tap between each engine's links and its tor.

    Raises:
        TorUnavailable: no tor, or one that does not get ready.
        ControlError: an engine that ended.
        PeerUnreachable: they did not meet.
    """
    with ExitStack() as stack:
        network = stack.enter_context(PrivateNetwork(folder / "net"))
        network.start(lambda part, words: tell(_NETWORK * part, words))
        taps = [stack.enter_context(Tap()) if tapped else None for _ in range(2)]
        you, friend = (
            Station(folder / name, torrc=network.client_torrc, lifeline=lifeline, tap=tap)
            for name, tap in zip(("you", "friend"), taps, strict=True)
        )
        stations = (you, friend)
        for station in stations:
            stack.callback(station.wait)
        begun = time.monotonic()
        for station in stations:
            stack.callback(station.end)
            station.start()
        for number, station in enumerate(stations):
            get_ready(station, number, tell)
        bootstrap = time.monotonic() - begun
        yield introduce(you, friend, bootstrap, tell)


def get_ready(station: Station, number: int, tell: Progress) -> None:
    """Wait until the engine that was started first (0) or second (1) can be used.

    Raises:
        TorUnavailable: its tor does not get ready.
        ControlError: it ended.
    """
    share = (_ENGINES - _NETWORK) / 2
    base = _NETWORK + number * share
    whose = ("yours", "the other's")[number]
    tell(base, f"starting two engines: {whose}")
    station.until_open()
    station.until_ready(lambda percent, words: tell(base + share * percent / 100, f"tor, {whose}: {words}"))


def introduce(you: Station, friend: Station, bootstrap: float, tell: Progress) -> Pair:
    """Let two engines meet that are ready.

    Raises:
        PeerUnreachable: they did not.
    """
    for station in (you, friend):  # what is typed first is a message: nobody is there to read this before it
        station.ask(TimerTold(read=True), TimerPromise)
    mine = you.ask(IdentityCreate(name=YOU), Identity).identity
    theirs = friend.ask(IdentityCreate(name=FRIEND), Identity).identity
    tell(_ENGINES, "publishing an invite")
    begun = time.monotonic()
    invite = friend.ask(InviteCreate(identity=theirs), Invite)
    _until(
        lambda: any(one.reachable for one in friend.ask(InviteList(), Invites).invites),
        "an invite did not become reachable",
    )
    published = time.monotonic()
    tell(_PUBLISHED, "using the invite: two strangers meet")
    accepted = you.ask(InviteAccept(identity=mine, code=invite.code, name=FRIEND), Contact)
    _until(lambda: _met(you) and _met(friend), "the two engines did not meet")
    tell(1.0, "connected")
    return Pair(
        you=you,
        friend=friend,
        your_contact=accepted.contact,
        their_contact=friend.ask(ContactList(), Contacts).contacts[0].contact,
        bootstrap_s=bootstrap,
        publish_s=published - begun,
        connect_s=time.monotonic() - published,
    )


def _met(station: Station) -> bool:
    contacts = station.ask(ContactList(), Contacts).contacts
    return any(contact.introduced and contact.presence == "online" for contact in contacts)


def _until(good: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + MEETING_SECONDS
    while not good():
        if time.monotonic() > deadline:
            raise PeerUnreachable(
                f"{problem} within {MEETING_SECONDS:.0f} s", hint="see whether the machine is busy; try again"
            )
        time.sleep(POLL)
