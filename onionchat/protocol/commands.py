"""What a machine wants done: imperative, in order, data only.

Laws: `Persist` stands before everything that depends on it; an engine that cannot perform it performs none of
what follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .pace import Pace
from .record import ContactRecord, MessageRecord

Why = Literal["expired", "deleted", "deleted-by-peer"]
WindowState = Literal["proposed", "open", "declined", "withdrawn", "over"]
"""`proposed`: nobody has answered yet; `withdrawn`: nobody will; `over`: it was open and is no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The name of a record."""

    kind: str
    scope: bytes = b""
    key: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persist:
    """Store and drop records, all or nothing, durably."""

    puts: tuple[tuple[Key, bytes], ...] = field(default=(), repr=False)
    drops: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Connect to an onion service; answer with `DialSucceeded` or `LinkEnded`."""

    link: int
    onion: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCell:
    """Write a handshake cell, at once and whole."""

    link: int
    cell: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginSending:
    """Hand the link's sending side and key to the metronome and forget the key."""

    link: int
    key: bytes = field(repr=False)
    pace: Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePace:
    """Have the metronome send at another pace from the next slot on: the peer knows of it."""

    link: int
    pace: Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginWindow:
    """Have the metronome send at a window's rate for so long; answer with `WindowEnded`."""

    link: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lay:
    """Give the metronome the content of the next free cell."""

    link: int
    cell_type: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLink:
    """End a connection at once."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireInvite:
    """The invite has served: its record is already dropped, its onion service must go."""

    invite: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TellMessage:
    """A message is new or changed."""

    message: MessageRecord
    sent: bool
    """Ours, and its last part has left."""
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TellGone:
    """A message no longer exists here."""

    message: bytes
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class TellDeletionConfirmed:
    """The peer burned the message as well."""

    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TellWindow:
    """A bulk window was proposed, answered or ended."""

    window: bytes
    mine: bool
    """For what we send; the peer's otherwise."""
    seconds: int
    state: WindowState


@dataclass(frozen=True, slots=True, kw_only=True)
class TellContact:
    """Presence, name, lifetime or unread count changed."""

    contact: ContactRecord


Command = (
    Persist
    | Dial
    | SendCell
    | BeginSending
    | ChangePace
    | BeginWindow
    | Lay
    | CloseLink
    | RetireInvite
    | TellMessage
    | TellGone
    | TellDeletionConfirmed
    | TellWindow
    | TellContact
)
