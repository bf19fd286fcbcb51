"""What requests about invites do: making one, and using one that somebody gave us.

Laws: nothing is served or dialled before it is stored; an invite that could lead to nobody is refused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..control import notices, replies
from ..errors import ConfigError, ControlError
from ..protocol import commands as do
from ..protocol.invitation import join
from ..protocol.invite import Invite, decode
from ..protocol.record import IdentityRecord, InviteRecord, pack
from . import report
from .doors import serve_contact, serve_invite

if TYPE_CHECKING:
    from .engine import Engine

HANDLE: Final = 8


def new_invite(engine: Engine, identity: IdentityRecord, hours: int | None) -> replies.Invite:
    """Make an invite that reaches ``identity``, for so many hours or for ever.

    Raises:
        OnionchatError: it was not made.
    """
    book, now = engine.opened(), engine.clock.now()
    _check_room(engine, identity)
    record = InviteRecord(
        id=os.urandom(HANDLE),
        identity=identity.id,
        created=now,
        expires_hour=0 if hours is None else int(now // 3600) + hours + 1,
        onion_seed=os.urandom(32),
        static_secret=os.urandom(32),
        secret=os.urandom(16),
        memory=identity.disposable,
    )
    book.persist(do.Persist(puts=((do.Key(kind="invite", key=record.id), pack(record)),)))
    invitation = book.invitation(record)
    book.invitations[record.id] = invitation
    serve_invite(engine, record)
    made = report.invite(invitation, reachable=False)
    engine.tell(notices.InviteChanged(invite=made, state="open"))
    return made


def accept_invite(engine: Engine, identity: IdentityRecord, code: str, name: str) -> replies.Contact:
    """Use the invite with this code as ``identity``; its giver is called ``name``.

    Raises:
        OnionchatError: it is none, or cannot be used.
    """
    book, now = engine.opened(), engine.clock.now()
    invite = decode(code)
    if invite.expired(now):
        raise ConfigError("this invite is past its time", hint="ask for a new one")
    _check_new(engine, invite)
    _check_room(engine, identity)
    contact = join(
        invite,
        identity=identity.id,
        name=name,
        now=now,
        around=engine.around,
        pace=book.policies.pace(None, identity.id)[0],
        memory=identity.disposable,
    )
    key = do.Key(kind="contact", key=contact.record.id)
    book.persist(do.Persist(puts=((key, pack(contact.record)),)))
    book.contacts[contact.record.id] = contact
    engine.seat(contact)
    serve_contact(engine, contact)
    engine.start_contact(contact)
    made = report.contact(contact)
    engine.tell(notices.ContactChanged(contact=made))
    return made


def _check_new(engine: Engine, invite: Invite) -> None:
    """Refuse an invite of our own, and one that we have used."""
    book = engine.opened()
    own = [one.invite.onion for one in book.invitations.values()]
    own += [contact.record.invite_onion for contact in book.contacts.values()]
    if invite.onion in own:
        raise ConfigError("this is your own invite", hint="give it to the person whom you want to talk to")
    for contact in book.contacts.values():
        if invite.onion == contact.record.first_onion:
            raise ConfigError(
                f"you have used this invite already: it is your contact «{contact.record.name}»",
                hint="an invite is for one person, once; ask for a new one to make another contact",
            )


def _check_room(engine: Engine, identity: IdentityRecord) -> None:
    """Refuse an invite that could lead to nobody."""
    policies = engine.opened().policies
    policies.check_budget(policies.settings.budget, more=len(engine.opened().invitations) + 1)
    if policies.hidden_by(None, identity.id) is not None:
        raise ControlError(
            "hidden",
            "you appear offline as this identity: nobody could meet you",
            hint="be visible first: onionchat presence visible",
        )
