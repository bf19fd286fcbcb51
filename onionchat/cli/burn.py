"""``onionchat burn``: erasing more than a message or a contact.

Laws: one question, unless ``--yes`` answers it before; without a terminal nothing is burned unasked.
"""

from __future__ import annotations

import sys

import click

from ..errors import ConfigError
from .names import find_contact, find_identity
from .session import Command, Session, ask, json_option, pass_session


def yes_option(command: Command) -> Command:
    """Accept ``--yes``."""
    return click.option("--yes", "sure", is_flag=True, help="Do not ask.")(command)


@click.group(no_args_is_help=False)
def burn() -> None:
    """Erase for good.

    What is burned is gone from here: your passphrase does not bring it back. A single message: «onionchat
    delete»; a contact: «onionchat contact remove».
    """


@burn.command("conversation")
@click.argument("contact")
@yes_option
@json_option
@pass_session
def conversation(session: Session, contact: str, sure: bool) -> None:
    """Burn all messages with CONTACT here; the contact stays."""
    from ..control.replies import Done
    from ..control.requests import ConversationBurn

    with session.connect() as client:
        known = find_contact(client, contact)
        confirm(f"Burn every message with {known.name}?", sure=sure)
        done = ask(client, ConversationBurn(contact=known.contact), Done)
    session.print(done, lambda: "The messages no longer exist here.")


@burn.command("identity")
@click.argument("identity")
@yes_option
@json_option
@pass_session
def identity(session: Session, identity: str, sure: bool) -> None:
    """Burn IDENTITY with its contacts, messages, invites and keys.

    Nobody is told: its contacts only see it offline.
    """
    from ..control.replies import Done
    from ..control.requests import IdentityBurn

    with session.connect() as client:
        known = find_identity(client, identity)
        confirm(f"Burn the identity {known.name} with all its contacts and messages?", sure=sure)
        done = ask(client, IdentityBurn(identity=known.identity), Done)
    session.print(done, lambda: "The identity and all that it had no longer exist here.")


def confirm(question: str, *, sure: bool) -> None:
    """Go on only after a yes.

    Raises:
        ConfigError: there is nobody to ask.
        Abort: it was a no.
    """
    if sure:
        return
    if not _at_a_terminal():
        raise ConfigError("there is no terminal to ask at", hint="add --yes if that is what you want")
    from .table import one_line

    click.confirm(one_line(question), abort=True, err=True)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()
