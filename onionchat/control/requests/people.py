"""What a client may ask about people and what is said: identities, invites, contacts, messages, lifetimes.

Laws: see the package; reprs show no text and no code.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..limits import MAX_CODE, MAX_LIFETIME, MAX_NAME, MAX_TEXT, MIN_LIFETIME
from .base import Handle, Request

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Seconds = Annotated[int, msgspec.Meta(ge=MIN_LIFETIME, le=MAX_LIFETIME)]
Lifetime = Seconds | Literal["once", "off"]
"""``once``: gone when it was read and closed; ``off``: stays until it is deleted."""


class IdentityCreate(Request, frozen=True, kw_only=True, tag="identity-create"):
    """A new pseudonym, named only locally. Reply: `replies.Identity`.

    A disposable one lives in memory with everything of it, and is gone with the engine or when it locks.
    """

    name: Name
    disposable: bool = False


class IdentityList(Request, frozen=True, kw_only=True, tag="identity-list"):
    """Reply: `replies.Identities`."""


class IdentityBurn(Request, frozen=True, kw_only=True, tag="identity-burn"):
    """Burn an identity: its invites, contacts, messages, addresses and all keys. Reply: `replies.Done`.

    Peers are told nothing and only see it offline.
    """

    identity: Handle


class InviteCreate(Request, frozen=True, kw_only=True, tag="invite-create"):
    """A one-time invite that reaches ``identity``. Reply: `replies.Invite` with its code."""

    identity: Handle
    hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 366)] | None = None


class InviteList(Request, frozen=True, kw_only=True, tag="invite-list"):
    """Invites that are still open. Reply: `replies.Invites`."""


class InviteRevoke(Request, frozen=True, kw_only=True, tag="invite-revoke"):
    """Take an open invite back: its onion service goes away. Reply: `replies.Done`."""

    invite: Handle


class InviteAccept(Request, frozen=True, kw_only=True, tag="invite-accept"):
    """Use an invite that somebody gave us, as ``identity``. Reply: `replies.Contact`."""

    identity: Handle
    code: Annotated[str, msgspec.Meta(max_length=MAX_CODE)]
    name: Name

    def __repr__(self) -> str:
        return "InviteAccept(…)"


class ContactList(Request, frozen=True, kw_only=True, tag="contact-list"):
    """All contacts, of one identity if given. Reply: `replies.Contacts`."""

    identity: Handle | None = None


class ContactRename(Request, frozen=True, kw_only=True, tag="contact-rename"):
    """Change the local name of a contact. Reply: `replies.Contact`."""

    contact: Handle
    name: Name


class ContactRemove(Request, frozen=True, kw_only=True, tag="contact-remove"):
    """Burn a contact: its keys, messages and pair address. Reply: `replies.Done`.

    The peer is told nothing and only sees us offline.
    """

    contact: Handle


class ConversationBurn(Request, frozen=True, kw_only=True, tag="conversation-burn"):
    """Burn every message of a conversation here; the contact stays. Reply: `replies.Done`."""

    contact: Handle


class Messages(Request, frozen=True, kw_only=True, tag="messages"):
    """The newest ``limit`` messages of a conversation, oldest first. Reply: `replies.Conversation`."""

    contact: Handle
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200


class Send(Request, frozen=True, kw_only=True, tag="send"):
    """Queue a text; the reply comes when it is safely in the outbox. Reply: `replies.Message`.

    ``lifetime`` overrides the conversation's for this message; ``off`` only where the vault allows it.
    """

    contact: Handle
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
    lifetime: Lifetime | None = None

    def __repr__(self) -> str:
        return "Send(…)"


class Delete(Request, frozen=True, kw_only=True, tag="delete"):
    """Burn one message here, with ``both`` also at the peer. Reply: `replies.Done`.

    The peer is asked until it acknowledges or the message's own lifetime has ended.
    """

    contact: Handle
    message: Handle
    both: bool = False


class Shown(Request, frozen=True, kw_only=True, tag="shown"):
    """These received messages were on a person's screen: their clocks start now. Reply: `replies.Done`."""

    contact: Handle
    messages: Annotated[list[Handle], msgspec.Meta(max_length=1000)]


class Closed(Request, frozen=True, kw_only=True, tag="closed"):
    """A conversation is on no screen any more: what lives once and was read goes. Reply: `replies.Done`."""

    contact: Handle


class SetLifetime(Request, frozen=True, kw_only=True, tag="set-lifetime"):
    """How long messages of a conversation live from now on. Reply: `replies.Contact`."""

    contact: Handle
    lifetime: Lifetime


class Keep(Request, frozen=True, kw_only=True, tag="keep"):
    """Where messages of a conversation live, also those that there are. Reply: `replies.Contact`.

    In ``memory`` they never reach the disk again, and are gone with the engine or when it locks.
    """

    contact: Handle
    where: Literal["vault", "memory"]


class AllowOff(Request, frozen=True, kw_only=True, tag="allow-off"):
    """Whether messages in this vault may live without end; no at first. Reply: `replies.Done`.

    It cannot be forbidden while a conversation is set to ``off``; messages that live without end stay.
    """

    allowed: bool


class TimerTold(Request, frozen=True, kw_only=True, tag="timer-told"):
    """Who sends or reads asks this before the first message: what lifetimes promise.

    Reply: `replies.TimerPromise`.
    """

    read: bool = False
    """Somebody has read the words: they need not be shown any more."""
