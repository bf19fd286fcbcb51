"""What happens to a contact's machine: past tense, data only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DialSucceeded:
    """The connection that `commands.Dial` asked for stands."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionAccepted:
    """Somebody connected to one of our onion services."""

    link: int
    at_invite: bool = False
    """At the invite's service instead of the pair address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReceived:
    """Exactly one cell's bytes came in."""

    link: int
    cell: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnded:
    """The connection is gone, or the dial came to nothing."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFreed:
    """A cell left this link, and the metronome took what was laid for it; the next may be laid."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWritten:
    """The user sends a text; ``lifetime`` None takes the conversation's."""

    id: bytes
    text: str = field(repr=False)
    lifetime: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionAsked:
    """The user burns a message here, or for both."""

    message: bytes
    both: bool
    id: bytes
    """Of the deletion itself, where it has to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesShown:
    """Received messages were on a person's screen."""

    messages: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeChosen:
    """The user sets how long messages of this conversation live."""

    lifetime: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """The user gave the contact another local name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed:
    """It is time to look what is due."""


Event = (
    DialSucceeded
    | ConnectionAccepted
    | CellReceived
    | LinkEnded
    | SlotFreed
    | TextWritten
    | DeletionAsked
    | MessagesShown
    | LifetimeChosen
    | Renamed
    | DeadlinePassed
)
