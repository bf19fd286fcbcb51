"""``onionchat contact``: the people an identity knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from .burn import confirm, yes_option
from .names import find_contact, new_name
from .session import Session, ask, json_option, pass_session
from .span import lives, moment
from .table import aligned

if TYPE_CHECKING:
    from ..control.replies import Contact


@click.group(no_args_is_help=False)
def contact() -> None:
    """The people you know."""


@contact.command("list")
@json_option
@pass_session
def list_all(session: Session) -> None:
    """All contacts.

    Handle, name, whose they are, presence, lifetime of messages, unread messages.
    """
    from ..control.replies import Contacts, Identities
    from ..control.requests import ContactList, IdentityList

    with session.connect() as client:
        found = ask(client, ContactList(), Contacts)
        owners = {each.identity: each.name for each in ask(client, IdentityList(), Identities).identities}
    session.print(found, lambda: aligned([_row(each, owners) for each in found.contacts]))


@contact.command("rename")
@click.argument("contact")
@click.argument("name", type=new_name)
@json_option
@pass_session
def rename(session: Session, contact: str, name: str) -> None:
    """Call CONTACT by another NAME; nobody else sees it."""
    from ..control.replies import Contact
    from ..control.requests import ContactRename

    with session.connect() as client:
        known = find_contact(client, contact)
        renamed = ask(client, ContactRename(contact=known.contact, name=name), Contact)
    session.print(renamed, lambda: aligned([(renamed.contact, renamed.name)]))


@contact.command("remove")
@click.argument("contact")
@yes_option
@json_option
@pass_session
def remove(session: Session, contact: str, sure: bool) -> None:
    """Burn CONTACT with its keys and messages.

    The other side is told nothing.
    """
    from ..control.replies import Done
    from ..control.requests import ContactRemove

    with session.connect() as client:
        known = find_contact(client, contact)
        confirm(f"Burn {known.name} with its keys and messages?", sure=sure)
        done = ask(client, ContactRemove(contact=known.contact), Done)
    session.print(done, lambda: "The contact and its messages no longer exist here.")


def _row(one: Contact, owners: dict[str, str]) -> tuple[str, ...]:
    presence: str = one.presence
    if one.online_since is not None:
        presence += f" since {moment(one.online_since, time.time())}"
    return (
        one.contact,
        one.name,
        f"of {owners.get(one.identity, one.identity)}",
        one.problem or (presence if one.introduced else f"{presence}, not yet introduced"),
        f"messages {lives(one.lifetime)}{', in memory only' if one.keep == 'memory' else ''}",
        f"{one.unread} unread" if one.unread else "",
    )
