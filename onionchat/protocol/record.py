"""What is kept, as data: one struct per kind of record, and its name in the vault.

Laws: a record is read back strictly (unknown fields are refused); reprs show no key and no text. Times are
seconds since 1970. Nothing here reads or writes a vault.
"""

from __future__ import annotations

import math
from typing import Final, Literal, TypeVar

import msgspec

from .constants import OFF, ONCE, ONCE_OPEN, SUITE, VERSION
from .pace import Pace

OutgoingKind = Literal["text", "delete", "hello", "address"]


class _Record(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class IdentityRecord(_Record, kw_only=True):
    """A pseudonym: a local grouping, so it has no keys of its own."""

    id: bytes
    name: str
    created: float
    pace: Pace | None = None
    """For its contacts that have none of their own; None leaves it to the vault's settings."""
    hidden: bool = False
    """Off line for all of its contacts, and for its invites."""
    disposable: bool = False
    """It and everything of it live in memory alone."""


class SettingsRecord(_Record, kw_only=True):
    """What holds for the whole vault; there is one, under the kind «settings» alone."""

    pace: Pace | None = None
    budget: float | None = None
    """Bytes of cells per second for all links together, instead of a tick for each."""
    hidden: bool = False
    """Off line for everybody."""
    off_allowed: bool = False
    """Whether messages may live without end."""
    timer_told: bool = False
    """Whether the user was told what lifetimes promise, and what not."""
    lock_after: int = 0
    """Seconds without anybody there after which the vault locks itself; 0 for never."""
    lock_receives: bool = False
    """Whether links stay up and receive while it is locked, where nothing else is asked for."""


class ClockRecord(_Record, kw_only=True):
    """The latest time that this vault saw; there is one, under the kind «clock» alone."""

    seen: float
    wall: float
    """What the machine's clock said then: less, where it had been set back."""


class InviteRecord(_Record, kw_only=True):
    """An open invite of ours, with the keys of its own onion service."""

    id: bytes
    identity: bytes
    created: float
    expires_hour: int
    onion_seed: bytes
    static_secret: bytes
    secret: bytes
    contact: bytes = b""
    """Who used it; it stays until both sides hold the pair's own keys."""
    memory: bool = False
    """Whether the conversation with who uses it is kept in memory."""


class Psk(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A pre-shared key for the next handshake; each handshake derives one of the next generation."""

    generation: int
    key: bytes
    session: bytes
    """Which session goes with it; empty for an invite's, with which a session begins, or `RECOVERY`."""
    restores: bool = False
    """Left by a handshake with the recovery psk, or with what such a one left, before its session began."""

    def __repr__(self) -> str:
        return f"Psk(generation={self.generation}, …)"


RECOVERY: Final = b"recovery"
"""In the place of a session's handle: the psk with which a session is begun anew after a backup."""


class ContactRecord(_Record, kw_only=True):
    """A peer as one identity knows it, with the keys that exist for this pair alone."""

    id: bytes
    identity: bytes
    name: str
    created: float
    lifetime: int
    onion_seed: bytes
    """Of our pair address."""
    static_secret: bytes
    """Ours for this pair."""
    first_static: bytes = b""
    """The secret behind our invite's static key, by which the peer knows us until it has our address."""
    first_onion: bytes = b""
    """Of the peer's invite that we used: the same one is not used twice."""
    peer_onion: bytes = b""
    peer_statics: list[bytes] = []
    """Public keys that the peer may prove, newest first; the second only until the first was used."""
    psks: list[Psk] = []
    """Newest first."""
    recovery_psk: bytes = b""
    """From the first contact, never another one; empty where the peer's program knew none."""
    restored: bool = False
    """From a backup, and no session was begun since."""
    invite_psk: bytes = b""
    """From the invite's secret: kept by who joins until the session is confirmed, by the inviter until
    `introduced`."""
    invite: bytes = b""
    """The invite of ours that the peer used, until both sides hold the pair's keys."""
    invite_onion: bytes = b""
    """That invite's onion public key."""
    version: int = VERSION
    """The highest that both sides have had: the peer never speaks a lower one again."""
    suite: int = SUITE
    """Likewise."""
    introduced: bool = False
    session: bytes = b""
    """The handle of the present session."""
    session_lost: bool = False
    last_seen: float = 0.0
    sequence: int = 0
    """Of the next outgoing message."""
    pace: Pace | None = None
    """The user's for this contact; None leaves it to the identity's."""
    hidden: bool = False
    """Off line for this contact."""
    memory: bool = False
    """Messages are kept in memory, never on the disk."""


class BackupRecord(_Record, kw_only=True):
    """What a backup holds, and no vault: see `backup`."""

    made: float
    settings: SettingsRecord
    identities: list[IdentityRecord]
    contacts: list[ContactRecord]


class OutgoingRecord(_Record, kw_only=True):
    """Something the peer must acknowledge. ``target`` is a message id, ``data`` a text in UTF-8."""

    id: bytes
    sequence: int
    kind: OutgoingKind
    written: float
    lifetime: int = 0
    target: bytes = b""
    data: bytes = b""
    until: float
    """When we stop trying."""


class MessageRecord(_Record, kw_only=True):
    """A message that is still alive."""

    id: bytes
    mine: bool
    text: str
    written: float
    stored: float
    lifetime: int
    delivered: bool = False
    """Own ones: the peer stored it."""
    clock: float | None = None
    """When its life began to run: at delivery for ours, when first shown for theirs."""
    until: float
    """When it dies at the latest, seen or not."""
    system: bool = False

    @property
    def expires(self) -> float | None:
        """When it goes; None while its clock has not started, and where it never goes by itself."""
        return None if self.clock is None or self.lifetime == OFF else self.deadline

    @property
    def deadline(self) -> float:
        """When it dies, whatever happens."""
        if self.clock is None:
            return self.until
        if self.lifetime == OFF:
            return math.inf
        return min(self.clock + (ONCE_OPEN if self.lifetime == ONCE else self.lifetime), self.until)

    @property
    def kept_until(self) -> float:
        """When it dies at the latest if nobody has it open: what lives once and was read, at once."""
        if self.clock is not None and self.lifetime == ONCE:
            return self.clock
        return self.deadline


class SeenRecord(_Record, kw_only=True):
    """A message id that must not be shown (again) until the sender cannot resend it."""

    until: float


class GistRecord(_Record, kw_only=True):
    """What must be known of a conversation before its messages are read from the vault.

    It ends with the first message that makes it wrong by dying: one that is unread, or the newest.
    """

    unread: int
    newest: float | None
    """When the last message was stored; None where there is none."""


class BoxRecord(_Record, kw_only=True):
    """What opens the part of the box in which a contact's envelopes are; it dies as they are taken out."""

    secret: bytes
    """X25519."""
    session: bytes
    """The handle of the session that the envelopes are of."""
    first: int
    """The first of its places."""
    places: int


class SessionRecord(_Record, kw_only=True):
    """The ratchet's state, replaced at every step."""

    ratchet: bytes


R = TypeVar("R", bound=_Record)


def pack(record: _Record) -> bytes:
    """A record's bytes."""
    return msgspec.msgpack.encode(record)


def unpack(data: bytes, kind: type[R]) -> R:
    """A record from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are not such a record.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except UnicodeDecodeError:
        raise msgspec.DecodeError("a text that is not UTF-8") from None


def end_of(kind: str, data: bytes) -> float:
    """When what is kept under a kind ends by itself, in seconds since 1970; infinity for never.

    A gist ends as well, but that is not in its bytes.

    Raises:
        msgspec.DecodeError: the bytes are not such a record.
    """
    match kind:
        case "message":
            return unpack(data, MessageRecord).kept_until
        case "outgoing":
            return unpack(data, OutgoingRecord).until
        case "seen":
            return unpack(data, SeenRecord).until
    return math.inf
