"""``onionchat invite``: codes that let one person reach an identity."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from .names import find_identity, new_name, pick
from .secret import hidden, standard_input
from .session import Session, ask, json_option, pass_session
from .span import in_words
from .table import aligned

if TYPE_CHECKING:
    from ..control.replies import Invite


@click.group(no_args_is_help=False)
def invite() -> None:
    """Codes that let one person reach an identity, once."""


@invite.command("new")
@click.argument("identity")
@click.option(
    "--hours", type=click.IntRange(1, 24 * 366), help="How long it can be used; otherwise for ever."
)
@json_option
@pass_session
def new(session: Session, identity: str, hours: int | None) -> None:
    """Make an invite that reaches IDENTITY and print its code."""
    from ..control.replies import Invite
    from ..control.requests import InviteCreate

    with session.connect() as client:
        owner = find_identity(client, identity)
        made = ask(client, InviteCreate(identity=owner.identity, hours=hours), Invite)
    session.print(made, lambda: made.code)


@invite.command("list")
@json_option
@pass_session
def list_all(session: Session) -> None:
    """Open invites: handle, identity, how long they last, whether they can be reached.

    Codes are shown with --json only.
    """
    from ..control.replies import Identities, Invites
    from ..control.requests import IdentityList, InviteList

    with session.connect() as client:
        found = ask(client, InviteList(), Invites)
        owners = {each.identity: each.name for each in ask(client, IdentityList(), Identities).identities}
    session.print(found, lambda: aligned([_row(each, owners) for each in found.invites]))


@invite.command("revoke")
@click.argument("invite")
@json_option
@pass_session
def revoke(session: Session, invite: str) -> None:
    """Take the open INVITE (its handle) back."""
    from ..control.replies import Done, Invites
    from ..control.requests import InviteList, InviteRevoke

    with session.connect() as client:
        handles = [each.invite for each in ask(client, InviteList(), Invites).invites]
        index = pick(invite, [(each, "") for each in handles], kind="invite", see="onionchat invite list")
        done = ask(client, InviteRevoke(invite=handles[index]), Done)
    session.print(done, lambda: "The invite can no longer be used.")


@invite.command(
    "accept",
    epilog="Give «-», or no CODE at all, so that the code stays out of the shell's history and other "
    "programs' sight: it is then read from standard input, or asked for.",
)
@click.argument("identity")
@click.argument("code", required=False)
@click.option(
    "--name",
    type=new_name,
    metavar="NAME",
    required=True,
    help="What you call this contact; nobody else sees it.",
)
@json_option
@pass_session
def accept(session: Session, identity: str, code: str | None, name: str) -> None:
    """Use the invite CODE that somebody gave you, as IDENTITY."""
    from ..control.limits import MAX_CODE
    from ..control.replies import Contact
    from ..control.requests import InviteAccept

    with session.connect() as client:
        owner = find_identity(client, identity)
        if code is None:
            code = hidden("Invite (not shown): ")
        elif code == "-":
            code = standard_input(MAX_CODE)
        session.secrets.append(code)
        made = ask(client, InviteAccept(identity=owner.identity, code=code.strip(), name=name), Contact)
    session.print(made, lambda: aligned([(made.contact, made.name)]))


def _row(one: Invite, owners: dict[str, str]) -> tuple[str, str, str, str]:
    left = "no end" if one.expires is None else f"{in_words(one.expires - time.time())} left"
    return (
        one.invite,
        owners.get(one.identity, one.identity),
        left,
        "reachable" if one.reachable else "not yet reachable",
    )
