"""What the engine tells those who watch. Data only.

Laws: tagged by ``notice``; a notice repeats the whole new state of the thing it speaks of, so that a client
needs no memory of earlier ones.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .replies import Contact, Identity, Invite, Message, TorState, VaultState


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag_field="notice", tag=True):
    """Base of all notices."""


class TorChanged(Notice, frozen=True, kw_only=True, tag="tor"):
    """Bootstrap progress, readiness or a problem."""

    tor: TorState


class ReachabilityChanged(Notice, frozen=True, kw_only=True, tag="reachability"):
    """How many of our onions were proven reachable, and, while all of them are, since when."""

    services: int
    reachable: int
    since: float | None = None
    elsewhere: int = 0
    """At how many of them another copy of the vault answers."""


class VaultChanged(Notice, frozen=True, kw_only=True, tag="vault"):
    """The vault was opened, or locked: then nothing that was said of what is in it holds any more."""

    vault: VaultState


class IdentityChanged(Notice, frozen=True, kw_only=True, tag="identity"):
    """A new or changed identity."""

    identity: Identity


class IdentityRemoved(Notice, frozen=True, kw_only=True, tag="identity-removed"):
    """An identity was burned; its contacts and invites were said to be gone before."""

    identity: str


class InviteChanged(Notice, frozen=True, kw_only=True, tag="invite"):
    """An invite is new, reachable, used, or gone (revoked or past its time)."""

    invite: Invite
    state: Literal["open", "used", "gone"]


class ContactChanged(Notice, frozen=True, kw_only=True, tag="contact"):
    """A new contact, or its name, presence, lifetime or unread count changed."""

    contact: Contact


class ContactRemoved(Notice, frozen=True, kw_only=True, tag="contact-removed"):
    """A contact was burned."""

    contact: str


class MessageArrived(Notice, frozen=True, kw_only=True, tag="message"):
    """A message was stored: received from the peer, or queued by us (also from another client)."""

    message: Message


class MessageChanged(Notice, frozen=True, kw_only=True, tag="message-changed"):
    """Its state or its clock changed."""

    message: Message


class MessageGone(Notice, frozen=True, kw_only=True, tag="message-gone"):
    """A message no longer exists here."""

    contact: str
    message: str
    why: Literal["expired", "deleted", "deleted-by-peer"]


class DeletionConfirmed(Notice, frozen=True, kw_only=True, tag="deletion-confirmed"):
    """The peer confirmed that a message which we deleted for both is gone there too."""

    contact: str
    message: str


class StoreTroubled(Notice, frozen=True, kw_only=True, tag="store-troubled"):
    """Something could not be stored (the disk is full, …): it was not done, and is tried again."""

    problem: str
    hint: str = ""


class Starved(Notice, frozen=True, kw_only=True, tag="starved"):
    """The engine had to wait this long for the processor: chatting is slow, the schedule is not affected."""

    milliseconds: float


class Stopping(Notice, frozen=True, kw_only=True, tag="stopping"):
    """The engine is about to end."""


AnyNotice = (
    TorChanged
    | ReachabilityChanged
    | VaultChanged
    | IdentityChanged
    | IdentityRemoved
    | InviteChanged
    | ContactChanged
    | ContactRemoved
    | MessageArrived
    | MessageChanged
    | MessageGone
    | DeletionConfirmed
    | StoreTroubled
    | Starved
    | Stopping
)
