"""``onionchat identity``: pseudonyms."""

from __future__ import annotations

import click

from .names import new_name
from .session import Session, ask, json_option, pass_session
from .table import aligned


@click.group(no_args_is_help=False)
def identity() -> None:
    """Your pseudonyms.

    What a contact sees of one is made for that contact alone.
    """


@identity.command("new")
@click.argument("name", type=new_name)
@click.option("--disposable", is_flag=True, help="In memory only: gone when the engine ends or locks.")
@json_option
@pass_session
def new(session: Session, name: str, *, disposable: bool) -> None:
    """Make an identity called NAME; nobody else sees the name."""
    from ..control.replies import Identity
    from ..control.requests import IdentityCreate

    with session.connect() as client:
        made = ask(client, IdentityCreate(name=name, disposable=disposable), Identity)
    session.print(made, lambda: aligned([(made.identity, made.name)]))


@identity.command("list")
@json_option
@pass_session
def list_all(session: Session) -> None:
    """All identities: handle, name, number of contacts, whether it is disposable."""
    from ..control.replies import Identities
    from ..control.requests import IdentityList

    with session.connect() as client:
        found = ask(client, IdentityList(), Identities)
    rows = [
        (
            each.identity,
            each.name,
            f"{each.contacts} contact{'' if each.contacts == 1 else 's'}",
            "disposable, in memory only" if each.disposable else "",
        )
        for each in found.identities
    ]
    session.print(found, lambda: aligned(rows))
