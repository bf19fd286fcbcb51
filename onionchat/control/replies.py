"""What the engine answers. Data only; see `requests` for which request gets which.

Laws: every time is in seconds since 1970 (UTC) as a float; every lifetime in whole seconds. Text that came
from a peer is already free of control characters, escapes and bidirectional marks when it gets here.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Presence = Literal["offline", "connecting", "online"]
MessageState = Literal["queued", "sent", "delivered", "received", "read"]
# own: queued -> sent (a cell with its last part left) -> delivered (the peer stored it)
# theirs: received -> read (shown)
VaultState = Literal["absent", "locked", "open"]
Level = Literal["constant", "poisson", "burst"]
Scope = Literal["contact", "identity", "vault"]
Source = Literal["contact", "identity", "vault", "engine", "budget"]
Lifetime = int | Literal["once", "off"]
# seconds; once: gone when it was read and closed; off: stays until it is deleted
WindowState = Literal["none", "asked", "open"]
# asked: an answer is awaited


class Result(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Base of all results."""


class Done(Result, frozen=True, kw_only=True, tag="done"):
    """It was done; there is nothing more to say."""


class TorState(msgspec.Struct, frozen=True, kw_only=True):
    """Tor as the engine sees it."""

    mode: Literal["managed", "system"]
    version: str = ""
    percent: int = 0
    words: str = "not started"
    """Bootstrap in words, such as «building circuits»."""
    ready: bool = False
    problem: str = ""
    """A line for people when something keeps tor from working; empty otherwise."""


class StatusReport(Result, frozen=True, kw_only=True, tag="status"):
    """The engine in one look."""

    version: str
    pid: int
    vault: VaultState
    amnesic: bool
    tor: TorState
    reachable_since: float | None = None
    """Since when our own onion was proven reachable, None while it is not."""
    services: int = 0
    """How many onion services we hold."""
    reachable: int = 0
    """How many of them were proven reachable."""
    elsewhere: int = 0
    """At how many of them another copy of the vault answers."""
    links: int = 0
    tick: float
    """Seconds between two cells on a link."""
    starved_ms: float = 0.0
    """The longest recent time that the engine was kept waiting for the processor."""
    metronome_realtime: bool = False
    """Whether the process that sends has real-time priority."""
    tor_realtime: bool = False
    """Whether our tor has; a system tor is not looked at."""
    lock_after: int = 0
    """Seconds without anybody there after which the open vault locks itself; 0 for never."""
    lock_receives: bool = False
    """Whether links of the open vault stay up and receive when it locks."""
    receiving: int = 0
    """While locked: on how many links what comes is put into the box."""
    clock_behind: float = 0.0
    """Seconds that the machine's clock is behind the latest time that the open vault has seen."""


class VaultWays(Result, frozen=True, kw_only=True, tag="vault-ways"):
    """What unlocks the vault; of a passphrase that burns never whether there is one."""

    key_file: bool
    """Whether a key file is asked for beside the passphrase."""
    credential: bytes
    """What to find the security key by that is asked for beside the passphrase; empty if none is."""
    memory: int
    """MiB of memory that each try takes."""
    passes: int
    """How often each try goes through that memory."""
    wait: float
    """Seconds until a passphrase is tried again, after wrong ones."""
    recovery: bool | None = None
    """Whether there are recovery words; null while locked, for the folder does not show it."""


class Backup(Result, frozen=True, kw_only=True, tag="backup"):
    """What was written to a backup, or restored from one."""

    identities: int
    contacts: int
    left_out: list[str]
    """Names of contacts that are not in it: a backup cannot bring them back, or they leave no trace."""
    memory: int
    """MiB of memory that each guess takes: at the passphrase of the backup, or of the vault made from it."""


class Identity(Result, frozen=True, kw_only=True, tag="identity"):
    """A pseudonym of ours."""

    identity: str
    name: str
    contacts: int = 0
    disposable: bool = False
    """It lives in memory with everything of it."""


class Identities(Result, frozen=True, kw_only=True, tag="identities"):
    """In order of creation."""

    identities: list[Identity]


class Invite(Result, frozen=True, kw_only=True, tag="invite"):
    """An open invite of ours."""

    invite: str
    identity: str
    code: str
    created: float
    expires: float | None = None
    reachable: bool = False
    """Whether its onion service was already proven reachable."""

    def __repr__(self) -> str:
        return f"Invite({self.invite}, …)"


class Invites(Result, frozen=True, kw_only=True, tag="invites"):
    """In order of creation."""

    invites: list[Invite]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When cells leave on a contact's link, and what that costs on an idle link."""

    level: Level
    tick: float
    """Mean seconds between two batches."""
    batch: int
    """Cells that leave together."""
    covered: bool
    """False: cells leave when something is sent, and whoever watches the timing sees when."""
    delay: float
    """Seconds that a short message waits for its slot in the mean."""
    megabytes: float
    """Million bytes a day that our cells cost on the local network for a contact who is on line all day."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One rate for all links together, and what comes of it for each of today's contacts."""

    kilobytes: float
    """Thousand bytes of cells per second."""
    places: int
    """In the rotation: one for each contact, the next power of two."""
    schedule: Schedule


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk window in one direction."""

    state: WindowState = "none"
    seconds: int = 0


class Contact(Result, frozen=True, kw_only=True, tag="contact"):
    """A peer as one identity knows it."""

    contact: str
    identity: str
    name: str
    presence: Presence = "offline"
    online_since: float | None = None
    introduced: bool = False
    """True once both sides hold the pair's own keys and addresses."""
    problem: str = ""
    """A line for people when a first contact comes to nothing (the invite was used already, …)."""
    lifetime: Lifetime
    """How long a message of this conversation lives."""
    keep: Literal["vault", "memory"] = "vault"
    """Where its messages live."""
    unread: int = 0
    last_message: float | None = None
    schedule: Schedule
    """What its link follows as soon as the peer knows; after 10 minutes a new link follows it anyway."""
    visible: bool = True
    """False while we appear offline to it."""
    window: Window = Window()
    """For what we send."""
    their_window: Window = Window()
    """For what they send; while it is asked for, it is ours to answer."""


class Contacts(Result, frozen=True, kw_only=True, tag="contacts"):
    """In order of creation."""

    contacts: list[Contact]


class Message(Result, frozen=True, kw_only=True, tag="message"):
    """One message that is still alive."""

    message: str
    contact: str
    mine: bool
    text: str
    written: float
    state: MessageState
    lifetime: Lifetime
    expires: float | None = None
    """When it goes; None while its clock has not started (own: at delivery; theirs: shown), or for off."""
    system: bool = False
    """True for a line of ours about the conversation (a session made anew): never from the peer."""

    def __repr__(self) -> str:
        return f"Message({self.message}, …)"


class Conversation(Result, frozen=True, kw_only=True, tag="conversation"):
    """Messages, oldest first."""

    messages: list[Message]


class TimerPromise(Result, frozen=True, kw_only=True, tag="timer-promise"):
    """What lifetimes promise, and what not."""

    first: bool
    """Whether nobody has read them yet in this vault: then the words are to be shown."""
    words: str


class Policy(Result, frozen=True, kw_only=True, tag="policy"):
    """What holds for a contact, an identity or the vault, where it comes from, and what else there is."""

    scope: Scope
    schedule: Schedule
    source: Source
    """Where the schedule comes from: the narrowest that has one, the engine's default, or the budget."""
    visible: bool
    """Whether we are to be seen on line there, the wider ones considered."""
    hidden_by: Scope | None = None
    """Who hides us: the widest that does."""
    budget: float | None = None
    """Thousand bytes of cells per second for all links together, where one is set."""
    places: int = 0
    """With a budget: places in the rotation, one for each contact, the next power of two."""
    choices: list[Schedule]
    """What could be chosen instead, with what it costs; while there is a budget it would not take effect."""
    budgets: list[Budget]
    """What all links could share, with what it costs."""
    otherwise: Schedule | None = None
    """What would hold if what decides now were dropped; None where that is the engine's default."""
    asked: Schedule | None = None
    """What was asked about, with what it would cost."""


AnyResult = (
    Done
    | StatusReport
    | VaultWays
    | Backup
    | Identity
    | Identities
    | Invite
    | Invites
    | Contact
    | Contacts
    | Message
    | Conversation
    | TimerPromise
    | Policy
)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not carried out."""

    code: str
    """For programs: the error's class in kebab case (``wrong-passphrase``, ``bad-request``, …)."""
    message: str
    hint: str = ""
    exit_code: Annotated[int, msgspec.Meta(ge=1, le=125)] = 1


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one answer to a request: ``result`` or ``error``; ``id`` is None if none could be read."""

    id: int | None
    result: AnyResult | None = None
    error: Failure | None = None
