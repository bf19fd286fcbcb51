"""Machines' state as replies and notices for people and scripts.

Laws: what came from a peer is made safe here, once, before it crosses the control socket; no key, address or
secret does, but an invite's code, which is made to be handed over.
"""

from __future__ import annotations

from ..control import notices, replies
from ..control.limits import MAX_LINE
from ..control.text import plain
from ..protocol import commands as do
from ..protocol.constants import OFF, ONCE
from ..protocol.contact import Contact
from ..protocol.invitation import Invitation
from ..protocol.record import IdentityRecord, MessageRecord
from ..protocol.terms import Window
from .policy import schedule
from .service import Services

ASIDE = 512
"""Bytes that a message takes beside its text, and the reply beside its messages."""


def reachability(services: Services) -> notices.ReachabilityChanged:
    """How our addresses are."""
    return notices.ReachabilityChanged(
        services=len(services),
        reachable=services.reachable_count,
        since=services.reachable_since,
        elsewhere=services.elsewhere_count,
    )


def identity(record: IdentityRecord, contacts: int) -> replies.Identity:
    """A pseudonym of ours."""
    return replies.Identity(
        identity=record.id.hex(), name=record.name, contacts=contacts, disposable=record.disposable
    )


def invite(invitation: Invitation, *, reachable: bool) -> replies.Invite:
    """An open invite."""
    record = invitation.record
    return replies.Invite(
        invite=record.id.hex(),
        identity=record.identity.hex(),
        code=invitation.invite.encode(),
        created=record.created,
        expires=invitation.expires,
        reachable=reachable,
    )


def contact(machine: Contact) -> replies.Contact:
    """A peer."""
    record, timeline = machine.record, machine.talk.timeline
    return replies.Contact(
        contact=record.id.hex(),
        identity=record.identity.hex(),
        name=record.name,
        presence=machine.presence,
        online_since=machine.online_since,
        introduced=record.introduced,
        problem=machine.problem,
        lifetime=_lifetime(record.lifetime),
        keep="memory" if record.memory else "vault",
        unread=timeline.unread,
        last_message=timeline.newest,
        schedule=schedule(machine.pace),
        visible=machine.visible,
        window=_window(machine.talk.terms.mine),
        their_window=_window(machine.talk.terms.theirs),
    )


def notice(machine: Contact, command: do.Command) -> notices.AnyNotice | None:
    """What a command of a contact's machine tells those who watch; None where it tells nothing."""
    identifier = machine.record.id
    match command:
        case do.TellContact() | do.TellWindow():
            return notices.ContactChanged(contact=contact(machine))
        case do.TellMessage(message=record, sent=sent, new=new):
            arrived = notices.MessageArrived if new else notices.MessageChanged
            return arrived(message=message(identifier, record, sent=sent))
        case do.TellGone(message=gone, why=why):
            return notices.MessageGone(contact=identifier.hex(), message=gone.hex(), why=why)
        case do.TellDeletionConfirmed(message=gone):
            return notices.DeletionConfirmed(contact=identifier.hex(), message=gone.hex())
        case _:
            return None


def _lifetime(lifetime: int) -> replies.Lifetime:
    if lifetime == ONCE:
        return "once"
    return "off" if lifetime == OFF else lifetime


def _window(one: Window | None) -> replies.Window:
    if one is None:
        return replies.Window()
    return replies.Window(state="open" if one.open else "asked", seconds=one.seconds)


def conversation(machine: Contact, limit: int, now: float) -> replies.Conversation:
    """The newest ``limit`` messages that are alive, fewer where they would not fit one line."""
    timeline, room = machine.talk.timeline, MAX_LINE
    found: list[replies.Message] = []
    for record in reversed(list(timeline)):
        # making it safe costs time for each character, also for those that vanish: looked at before
        size = len(record.text.encode())
        if len(found) == limit or room < ASIDE + 2 * size:
            break
        made = message(machine.record.id, record, sent=record.id in timeline.sent)
        # the longest that JSON makes of a character: «\\n»
        room -= ASIDE + 2 * max(size, len(made.text.encode()))
        if room < 0:
            break
        if record.deadline > now:
            found.append(made)
    return replies.Conversation(messages=found[::-1])


def message(contact_id: bytes, record: MessageRecord, *, sent: bool) -> replies.Message:
    """A message that is alive."""
    state: replies.MessageState
    if record.mine:
        state = "delivered" if record.delivered else "sent" if sent else "queued"
    else:
        state = "received" if record.clock is None else "read"
    return replies.Message(
        message=record.id.hex(),
        contact=contact_id.hex(),
        mine=record.mine,
        text=plain(record.text),
        written=record.written,
        state=state,
        lifetime=_lifetime(record.lifetime),
        expires=record.expires,
        system=record.system,
    )


def said_once(performed: tuple[do.Command, ...]) -> tuple[do.Command, ...]:
    """With only the last that tells how a contact is: a peer may say a dozen things of windows at once."""
    telling = (do.TellContact, do.TellWindow)
    last = next((command for command in reversed(performed) if isinstance(command, telling)), None)
    return tuple(command for command in performed if command is last or not isinstance(command, telling))
