"""The life of marked messages between two engines of one machine, and how each of them ends.

Four conversations: in one all messages expire; one is burned whole; one lives in memory; one stays, for the
controls, but for some of its messages, which are deleted one by one at the end. While messages expire, and
while the burning is under way, the engine is killed, and goes on after that.

Laws: everything is asked for over the control socket, as a user's program does. A message's text is random,
so that it is found only where it really stands.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ..client.blocking import Client
from ..control.replies import Contact, Contacts, Conversation, Done, Identity, Invite, Message
from ..control.requests import (
    ContactList,
    ContactRemove,
    Delete,
    IdentityCreate,
    InviteAccept,
    InviteCreate,
    Keep,
    Messages,
    Send,
    Shown,
)
from ..errors import ControlError, PeerUnreachable
from .network import Progress
from .station import POLL, Station

TICK: Final = 0.025
"""Seconds between two cells: shorter than users may choose, so that thousands of messages get across."""
LONG: Final = 7 * 24 * 3600
_SHOWN: Final = 1000
"""Messages in an answer, at most."""
ROUND: Final = 400
"""Messages of each side that are under way at once: an answer must show them all."""
PATIENCE: Final = 240.0
_OFFLINE: Final = "DisableNetwork 1\n"
_TEXT_BYTES: Final = 48
_KILL_AFTER: Final = 0.004
"""Seconds from a request until its engine is killed: in the midst of it."""


@dataclass(slots=True, kw_only=True)
class Life:
    """Two engines, and what was said between them.

    Attributes:
        you: the engine that is searched.
        expiring, burned, fleeting, kept: your contacts, one for each conversation.
        texts: what was said in each conversation, by its contact.
        deleted: what was deleted by itself.
    """

    you: Station
    friend: Station
    expiring: str = ""
    burned: str = ""
    fleeting: str = ""
    kept: str = ""
    theirs: dict[str, str] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict, repr=False)
    kills: int = 0
    deleted: list[str] = field(default_factory=list, repr=False)

    def meet(self) -> None:
        """Become contacts of each other, four times, and have one conversation live in memory.

        Raises:
            PeerUnreachable: they did not meet.
        """
        mine = self.you.ask(IdentityCreate(name="Sam"), Identity).identity
        other = self.friend.ask(IdentityCreate(name="Robin"), Identity).identity
        found: list[str] = []
        for number in range(4):
            known = {one.contact for one in _contacts(self.friend)}
            code = self.friend.ask(InviteCreate(identity=other), Invite).code
            one = self.you.ask(InviteAccept(identity=mine, code=code, name=f"Robin{number}"), Contact).contact
            until(partial(self._known, number + 1), "the engines to meet")
            (self.theirs[one],) = {c.contact for c in _contacts(self.friend)} - known
            self.texts[one] = []
            found.append(one)
        self.expiring, self.burned, self.fleeting, self.kept = found
        self.you.ask(Keep(contact=self.fleeting, where="memory"), Contact)

    def talk(self, contact: str, count: int, lifetime: int, tell: Callable[[int], None]) -> None:
        """Have both sides write ``count`` messages together, and show what comes.

        Raises:
            PeerUnreachable: they did not all arrive.
        """
        sides = ((self.you, contact), (self.friend, self.theirs[contact]))
        said = 0
        while said < count:
            for _ in range(min(ROUND, (count - said + 1) // 2)):
                for station, one in sides:
                    text = secrets.token_hex(_TEXT_BYTES)
                    station.ask(Send(contact=one, text=text, lifetime=lifetime), Message)
                    self.texts[contact].append(text)
                    said += 1
                tell(said)
            until(lambda: all(_settled(station, one) for station, one in sides), "messages to arrive")

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages of the conversation that stays, one by one, and here alone."""
        for message in messages:
            self.you.ask(Delete(contact=self.kept, message=message.message), Done)
            self.deleted.append(message.text)

    def alive(self, contact: str) -> list[Message]:
        """The newest messages that the engine still shows."""
        return shown(self.you, contact)

    def shown_anywhere(self) -> list[Message]:
        """The newest messages of each conversation that the engine still shows."""
        return [message for contact in self.texts for message in shown(self.you, contact)]

    def said(self) -> frozenset[str]:
        """Every text."""
        return frozenset(text for texts in self.texts.values() for text in texts)

    def kill_while_expiring(self) -> None:
        """Kill the engine once the first messages have gone, and have it go on."""
        before = min(_SHOWN, len(self.texts[self.expiring]))  # some may have gone by now
        until(lambda: len(self.alive(self.expiring)) < before, "the first messages to expire")
        self._kill()

    def burn(self) -> None:
        """Remove a contact with all that was said, and kill the engine in the midst of it."""

        asking = threading.Thread(target=_ask_alone, args=(self.you.socket, self.burned), daemon=True)
        asking.start()
        time.sleep(_KILL_AFTER)
        self._kill()
        asking.join()
        if self.burned in {one.contact for one in _contacts(self.you)}:
            self.you.ask(ContactRemove(contact=self.burned), Done)

    def until_expired(self) -> None:
        """Wait until nothing of the expiring conversation is shown.

        Raises:
            PeerUnreachable: it took too long.
        """
        until(lambda: not self.alive(self.expiring), "messages to expire")

    def _known(self, count: int) -> bool:
        return all(_met(station) == count for station in (self.you, self.friend))

    def _kill(self) -> None:
        killed = self.you.kill_engine()
        self.kills += 1
        self.you.resume(killed)


@contextmanager
def life(folder: Path, *, lifeline: int, tell: Progress) -> Iterator[Life]:
    """Start both engines; they end with the block.

    Raises:
        ControlError: an engine did not start.
    """
    with ExitStack() as stack:
        stations = [
            Station(folder / name, torrc=_OFFLINE, lifeline=lifeline, changes={"tick": TICK})
            for name in ("you", "friend")
        ]
        for station in stations:
            stack.callback(station.wait)
        for station in stations:
            stack.callback(station.end)
            record = str(station.folder.with_suffix(".sent"))
            station.engine = [sys.executable, "-P", "-m", "onionchat.lab.erasure_engine", record]
            station.start()
        for number, station in enumerate(stations):
            tell(number / 2, "starting two engines")
            station.until_open()
        yield Life(you=stations[0], friend=stations[1])


def until(good: Callable[[], bool], what: str) -> None:
    """Wait until something holds.

    Raises:
        PeerUnreachable: it took too long.
    """
    deadline = time.monotonic() + PATIENCE
    while not good():
        if time.monotonic() > deadline:
            raise PeerUnreachable(
                f"waited {PATIENCE:.0f} s in vain for {what}",
                hint="see whether the machine is busy; try again",
            )
        time.sleep(POLL)


def shown(station: Station, contact: str) -> list[Message]:
    """The newest messages that an engine shows of a conversation, without what it says itself."""
    if contact not in {one.contact for one in _contacts(station)}:
        return []
    found = station.ask(Messages(contact=contact, limit=_SHOWN), Conversation).messages
    return [message for message in found if not message.system]


def _settled(station: Station, contact: str) -> bool:
    """Show what came; whether everything has arrived on both sides."""
    messages = station.ask(Messages(contact=contact, limit=_SHOWN), Conversation).messages
    unread = [message.message for message in messages if message.state == "received"]
    if unread:
        station.ask(Shown(contact=contact, messages=unread), Done)
    return all(message.state in ("delivered", "read") for message in messages if not message.system)


def _contacts(station: Station) -> list[Contact]:
    return station.ask(ContactList(), Contacts).contacts


def _met(station: Station) -> int:
    return sum(contact.introduced and contact.presence == "online" for contact in _contacts(station))


def _ask_alone(socket: Path, contact: str) -> None:
    """Ask on a connection of its own, for an answer that may never come."""
    with suppress(ControlError), Client.connect(socket) as client:
        client.ask(ContactRemove(contact=contact))
