"""What the TUI knows, kept up to date by the engine's notices.

Laws: pure and synchronous; no Textual, no waiting, no clock. The engine is right: whatever it says replaces
what was here. Drafts live in memory only and outlive a lost engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..control import notices
from ..control.notices import AnyNotice
from ..control.replies import Contact, Identity, Invite, Lifetime, Message, StatusReport, TorState

_RANK = {"queued": 0, "sent": 1, "delivered": 2, "received": 0, "read": 3}


class Unsent(NamedTuple):
    """What was written and is not yet safe with the engine."""

    contact: str
    text: str
    lifetime: Lifetime | None = None
    """For this message alone; None for the conversation's."""


class Model:
    """Identities, contacts, invites, and the messages of the one conversation that is open."""

    def __init__(self) -> None:
        self.drafts: dict[str, str] = {}
        """Text that was not sent, by contact."""
        self.unsent: list[Unsent] = []
        """What was sent and is not yet safe with the engine, oldest first."""
        self.reset()

    def reset(self) -> None:
        """Forget all but the drafts: another connection to an engine begins."""
        self.tor = TorState(mode="managed")
        self.services = 0
        self.reachable = 0
        self.reachable_since: float | None = None
        self.elsewhere = 0
        self.tick = 0.0
        self.starved_ms = 0.0
        self.clock_behind = 0.0
        """Seconds that the machine's clock is behind what the vault has seen."""
        self.identities: dict[str, Identity] = {}
        self.contacts: dict[str, Contact] = {}
        self.invites: dict[str, Invite] = {}
        self.identity: str | None = None
        """As whom the user writes."""
        self.conversation: str | None = None
        """The contact whose conversation is open."""
        self._messages: dict[str, Message] = {}
        self._gone: set[str] | None = None

    def lock(self) -> None:
        """Forget everything that is in the vault, and what was not sent yet with it."""
        self.take_identities(())
        self.contacts.clear()
        self.invites.clear()
        self.drafts.clear()
        self.unsent.clear()
        self.leave()

    def take_status(self, status: StatusReport) -> None:
        """The engine as a whole."""
        self.tor = status.tor
        self.services, self.reachable = status.services, status.reachable
        self.reachable_since, self.elsewhere = status.reachable_since, status.elsewhere
        self.tick, self.starved_ms = status.tick, status.starved_ms
        self.clock_behind = status.clock_behind

    def take_identities(self, identities: Iterable[Identity]) -> None:
        """All identities, in the engine's order; the first is written as until another is chosen."""
        self.identities = {one.identity: one for one in identities}
        if self.identity not in self.identities:
            self.identity = next(iter(self.identities), None)

    def write_as(self, identity: str) -> None:
        """Choose an identity; a conversation of another one is closed."""
        self.identity = identity
        if self.conversation is not None and self.contacts[self.conversation].identity != identity:
            self.leave()

    def begin(self, contact: str) -> None:
        """Open a conversation, still empty, and remember what notices say of it until `load`."""
        self.leave()
        self.conversation, self.identity = contact, self.contacts[contact].identity
        self._gone = set()

    def load(self, contact: str, messages: Iterable[Message]) -> None:
        """The open conversation as the engine lists it; what notices said meanwhile is not undone."""
        if contact != self.conversation:
            return
        meanwhile, gone = self._messages, self._gone or set()
        self._messages = {one.message: one for one in messages if one.message not in gone}
        self._gone = None
        for message in meanwhile.values():
            self._put(message)

    def leave(self) -> None:
        """Close the open conversation: its messages are not kept here."""
        self.conversation, self._messages, self._gone = None, {}, None

    @property
    def messages(self) -> list[Message]:
        """The messages of the open conversation, oldest first."""
        return list(self._messages.values())

    def take_back(self) -> None:
        """What the engine did not take becomes draft again, before what was written since."""
        for one in reversed(self.unsent):
            self.drafts[one.contact] = "\n".join(filter(None, [one.text, self.drafts.get(one.contact, "")]))
        self.unsent.clear()

    def own_contacts(self) -> list[Contact]:
        """The contacts of the current identity."""
        return [one for one in self.contacts.values() if one.identity == self.identity]

    def own_invites(self) -> list[Invite]:
        """The open invites of the current identity."""
        return [one for one in self.invites.values() if one.identity == self.identity]

    def unread_elsewhere(self) -> int:
        """How many unread messages wait at other identities."""
        return sum(one.unread for one in self.contacts.values() if one.identity != self.identity)

    def drop_expired(self, now: float) -> bool:
        """Remove what has outlived its time, should the engine be late."""
        over = [
            one.message for one in self._messages.values() if one.expires is not None and one.expires <= now
        ]
        for message in over:
            self._forget(message)
        return bool(over)

    def apply(self, notice: AnyNotice) -> None:
        """Take over what a notice says."""
        match notice:
            case notices.MessageArrived() | notices.MessageChanged():
                if notice.message.contact == self.conversation:
                    self._put(notice.message)
            case notices.MessageGone():
                self._forget(notice.message)
            case notices.TorChanged():
                self.tor = notice.tor
            case notices.ReachabilityChanged():
                self.services, self.reachable = notice.services, notice.reachable
                self.reachable_since, self.elsewhere = notice.since, notice.elsewhere
            case notices.Starved():
                self.starved_ms = notice.milliseconds
            case _:
                self._apply_list(notice)

    def _apply_list(self, notice: AnyNotice) -> None:
        match notice:
            case notices.IdentityChanged():
                self.identities[notice.identity.identity] = notice.identity
                self.identity = self.identity or notice.identity.identity
            case notices.IdentityRemoved():
                self._remove_identity(notice.identity)
            case notices.InviteChanged() if notice.state == "open":
                self.invites[notice.invite.invite] = notice.invite
            case notices.InviteChanged():
                self.invites.pop(notice.invite.invite, None)
            case notices.ContactChanged():
                self.contacts[notice.contact.contact] = notice.contact
            case notices.ContactRemoved():
                self._remove_contact(notice.contact)
            case _:
                pass  # the vault's state, a confirmed deletion and the engine's end change no data here

    def _put(self, message: Message) -> None:
        """Take a message over, unless what is known is further on its way."""
        if self._gone is not None and message.message in self._gone:
            return
        known = self._messages.get(message.message)
        if known is None or _RANK[message.state] >= _RANK[known.state]:
            self._messages[message.message] = message

    def _forget(self, message: str) -> None:
        """A message never comes back, not even with a list that was written before it went."""
        if self._gone is not None:
            self._gone.add(message)
        self._messages.pop(message, None)

    def _remove_identity(self, identity: str) -> None:
        self.identities.pop(identity, None)
        for contact in [one.contact for one in self.contacts.values() if one.identity == identity]:
            self._remove_contact(contact)
        if self.identity == identity:
            self.identity = next(iter(self.identities), None)

    def _remove_contact(self, contact: str) -> None:
        self.contacts.pop(contact, None)
        self.drafts.pop(contact, None)
        self.unsent[:] = [one for one in self.unsent if one.contact != contact]
        if self.conversation == contact:
            self.leave()
