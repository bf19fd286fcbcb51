"""What holds for everybody once a policy has changed.

Laws: whoever we are to be hidden from is cut off first, which needs no store; and what cannot be stored for
one keeps it from no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..control import notices
from ..errors import StoreError
from ..protocol import events
from ..protocol.contact import Contact
from ..protocol.invitation import Invitation
from . import report
from .doors import serve_contact, serve_invite

if TYPE_CHECKING:
    from .engine import Engine


def reconsider(engine: Engine) -> None:
    """Let the policies hold for everybody whom they concern.

    Raises:
        StoreError: what does not hold yet for somebody could not be stored.
    """
    book, failures = engine.opened(), list[StoreError]()
    for contact in book.contacts.values():
        if book.policies.hidden_by(contact.record, None) is not None:
            engine.services.remove(contact.onion.public)
            engine.services.remove(contact.record.invite_onion)
    for invitation in list(book.invitations.values()):
        _reconsider_invitation(engine, invitation)
    for contact in list(book.contacts.values()):
        try:
            _reconsider_contact(engine, contact)
        except StoreError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _reconsider_contact(engine: Engine, contact: Contact) -> None:
    book = engine.opened()
    pace, _ = book.policies.pace(contact.record, None)
    visible = book.policies.hidden_by(contact.record, None) is None
    try:
        if pace != contact.pace:
            engine.apply(contact, events.PaceChosen(pace=pace))
        if visible is not contact.visible:
            engine.apply(contact, events.PresenceChosen(visible=visible))
    finally:  # what could not be stored was read again, and is under the same policies
        contact = book.contacts.get(contact.record.id, contact)
        if contact.visible and not engine.services.runs(contact.onion.public):
            serve_contact(engine, contact)
            engine.start_contact(contact)
        place, places = book.policies.place(contact.record.id)
        for link in contact.links:
            engine.sender.move(link, place=place, places=places)
        engine.tell(notices.ContactChanged(contact=report.contact(contact)))


def _reconsider_invitation(engine: Engine, invitation: Invitation) -> None:
    """An invite's machine stores nothing about this."""
    policies, identity = engine.opened().policies, invitation.record.identity
    visible = policies.hidden_by(None, identity) is None
    engine.apply(invitation, events.PaceChosen(pace=policies.pace(None, identity)[0]))
    if visible is not invitation.visible:
        engine.apply(invitation, events.PresenceChosen(visible=visible))
        engine.services.remove(invitation.onion.public)
        serve_invite(engine, invitation.record)
