"""Messages and notices as lines for people."""

from __future__ import annotations

import time
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from ..control import notices
from ..control.notices import AnyNotice, Notice
from ..control.replies import Contacts, Message
from ..control.requests import ContactList
from .session import ask
from .span import in_words, moment
from .table import aligned

if TYPE_CHECKING:
    from ..client.blocking import Client


def message_row(one: Message, name: str, now: float) -> tuple[str, ...]:
    """Handle, time, who, state, time left, text."""
    who = "you" if one.mine else name
    if one.system:
        return one.message, moment(one.written, now), "", "note", "", one.text
    left = _left(one, now)
    return one.message, moment(one.written, now), who, one.state, left, one.text


def _left(one: Message, now: float) -> str:
    if one.lifetime == "once":
        return "once" if one.expires is None else "gone when closed"
    if one.lifetime == "off":
        return "stays"
    return f"lives {in_words(one.lifetime)}" if one.expires is None else f"{in_words(one.expires - now)} left"


class Teller:
    """Tells of notices; learns the contacts' names when it first needs one (a locked engine has none)."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: dict[str, str] = {}

    def tell(self, notice: AnyNotice) -> str:
        """One line (more only for a text that has more), with the time in front."""
        return aligned([(time.strftime("%H:%M:%S"), *self._told(notice))])

    def _name(self, contact: str) -> str:
        if contact not in self._names:
            found = ask(self._client, ContactList(), Contacts).contacts
            self._names.update({each.contact: each.name for each in found})
        return self._names.get(contact, contact)

    @singledispatchmethod
    def _told(self, notice: Notice) -> tuple[str, ...]:
        raise AssertionError(f"nobody told how to tell {type(notice).__name__}")

    @_told.register
    def _(self, notice: notices.TorChanged) -> tuple[str, ...]:
        tor = notice.tor
        return "tor", tor.problem or ("ready" if tor.ready else f"{tor.percent} %, {tor.words}")

    @_told.register
    def _(self, notice: notices.ReachabilityChanged) -> tuple[str, ...]:
        elsewhere = f", {notice.elsewhere} answered by another copy" if notice.elsewhere else ""
        return "addresses", f"{notice.reachable} of {notice.services} proven reachable{elsewhere}"

    @_told.register
    def _(self, notice: notices.VaultChanged) -> tuple[str, ...]:
        return "vault", notice.vault

    @_told.register
    def _(self, notice: notices.IdentityChanged) -> tuple[str, ...]:
        return "identity", notice.identity.name

    @_told.register
    def _(self, notice: notices.IdentityRemoved) -> tuple[str, ...]:
        return "identity", f"{notice.identity}: burned"

    @_told.register
    def _(self, notice: notices.InviteChanged) -> tuple[str, ...]:
        reach = ", reachable" if notice.state == "open" and notice.invite.reachable else ""
        return "invite", f"{notice.invite.invite} {notice.state}{reach}"

    @_told.register
    def _(self, notice: notices.ContactChanged) -> tuple[str, ...]:
        one = notice.contact
        self._names[one.contact] = one.name
        return "contact", f"{one.name}: {one.presence}, {one.unread} unread"

    @_told.register
    def _(self, notice: notices.ContactRemoved) -> tuple[str, ...]:
        return "contact", f"{self._names.pop(notice.contact, notice.contact)}: removed"

    @_told.register
    def _(self, notice: notices.MessageArrived) -> tuple[str, ...]:
        return "message", *message_row(notice.message, self._name(notice.message.contact), time.time())

    @_told.register
    def _(self, notice: notices.MessageChanged) -> tuple[str, ...]:
        one = notice.message
        return "message", one.message, f"{self._name(one.contact)}: {one.state}"

    @_told.register
    def _(self, notice: notices.MessageGone) -> tuple[str, ...]:
        return "message", notice.message, f"{self._name(notice.contact)}: {notice.why}"

    @_told.register
    def _(self, notice: notices.DeletionConfirmed) -> tuple[str, ...]:
        return "message", notice.message, f"{self._name(notice.contact)}: deleted there too"

    @_told.register
    def _(self, notice: notices.StoreTroubled) -> tuple[str, ...]:
        return "vault", f"{notice.problem}{'; ' if notice.hint else ''}{notice.hint}"

    @_told.register
    def _(self, notice: notices.Starved) -> tuple[str, ...]:
        return "engine", f"waited {notice.milliseconds:.0f} ms for the processor"

    @_told.register
    def _(self, notice: notices.Stopping) -> tuple[str, ...]:
        return "engine", "ends"
