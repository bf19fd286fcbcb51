"""Burning more than one thing at once: a conversation, an identity.

Laws: what is burned together goes in one commit, so that a power cut finds all of it there or none; nobody
but who watches here is told anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..control import notices, replies
from ..protocol import commands as do
from ..protocol import events
from ..protocol.batch import Batch
from ..protocol.constants import MESSAGE_ID
from ..protocol.contact import Contact
from ..protocol.record import IdentityRecord
from . import report

if TYPE_CHECKING:
    from .engine import Engine


def burn_conversation(engine: Engine, contact: Contact) -> replies.Done:
    """Erase every message with a contact here, also those that have not left yet; the contact stays.

    Raises:
        StoreError: none was erased.
    """
    engine.apply(
        contact,
        *(
            events.DeletionAsked(message=message.id, both=False, id=os.urandom(MESSAGE_ID))
            for message in list(contact.talk.timeline)
        ),
    )
    return replies.Done()


def burn_identity(engine: Engine, identity: IdentityRecord) -> replies.Done:
    """Erase an identity with its contacts, its messages, its invites and all their keys.

    Raises:
        StoreError: nothing was erased.
    """
    contacts, invitations = engine.opened().burn_identity(identity)
    for contact in contacts:
        engine.forget(contact)
        engine.tell(notices.ContactRemoved(contact=contact.record.id.hex()))
    for invitation in invitations:
        engine.forget_invitation(invitation)
        engine.tell(notices.InviteChanged(invite=report.invite(invitation, reachable=False), state="gone"))
    engine.tell(notices.IdentityRemoved(identity=identity.id.hex()))
    return replies.Done()


def in_one_commit(performed: Iterable[do.Command]) -> tuple[do.Command, ...]:
    """The same commands with one `Persist` before all others; of two changes of a record the later holds."""
    batch = Batch()
    for command in performed:
        if isinstance(command, do.Persist):
            for key, value in command.puts:
                batch.put(key, value)
            for key in command.drops:
                batch.drop(key)
        else:
            batch.do(command)
    return batch.commands()
