"""What happens to a contact's machine: past tense, data only."""

from __future__ import annotations

from dataclasses import dataclass, field

from .pace import Pace


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
    """A batch left this link, and at most another one that was laid waits; the next may be laid."""

    link: int
    waiting: int
    """Cells that were laid and have not left."""


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
class ConversationClosed:
    """What was on a person's screen of this conversation is there no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeChosen:
    """The user sets how long messages of this conversation live."""

    lifetime: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingChosen:
    """The user sets where the messages of this conversation live."""

    memory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceChosen:
    """Our cells to this contact go at another pace from now on, whoever's setting that follows from.

    The record's own `pace` is set by who asks, and stored with this.
    """

    pace: Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChosen:
    """The contact may reach us and see us on line, or neither, whoever's setting that follows from.

    The record's own `hidden` is set by who asks, and stored with this.
    """

    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAsked:
    """The user proposes a bulk window for what we send."""

    id: bytes
    """16 random bytes."""
    seconds: int
    """One of `constants.WINDOW_SECONDS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowWithdrawn:
    """The user takes a proposal back that was not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAnswered:
    """The user answers the window that the peer proposes for what it sends."""

    agree: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnded:
    """A window of ours has run to its end."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """The user gave the contact another local name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxOpened:
    """The vault was unlocked: this came while it was locked, on a link that has ended."""

    link: int
    """A number that no link has."""
    session: bytes
    """The handle of the one that the envelopes are of."""
    envelopes: tuple[tuple[float, bytes], ...] = field(repr=False)
    """When each came, in seconds since 1970, and it; in the order in which they came."""


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
    | ConversationClosed
    | LifetimeChosen
    | KeepingChosen
    | PaceChosen
    | PresenceChosen
    | WindowAsked
    | WindowWithdrawn
    | WindowAnswered
    | WindowEnded
    | Renamed
    | BoxOpened
    | DeadlinePassed
)
