"""From what a person types to the one thing that is meant: a handle, its beginning, or a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from ..errors import ControlError
from .session import ask

if TYPE_CHECKING:
    from ..client.blocking import Client
    from ..control.replies import Contact, Identity

MIN_PREFIX: Final = 4
"""Characters of a handle that must be given."""


def new_name(word: str) -> str:
    """A name that somebody gives, for click to check.

    Raises:
        click.BadParameter: it is empty or too long.
    """
    from ..control.limits import MAX_NAME

    if not 0 < len(word) <= MAX_NAME:
        raise click.BadParameter(f"a name has 1 to {MAX_NAME} characters")
    return word


def pick(word: str, candidates: Sequence[tuple[str, str]], *, kind: str, see: str) -> int:
    """The index of the one candidate (handle, name) that ``word`` means.

    Raises:
        ControlError: ``no-such-…`` or ``ambiguous`` (which lists what it could be).
    """
    exact = [index for index, (handle, _) in enumerate(candidates) if handle == word]
    found = exact or [
        index
        for index, (handle, name) in enumerate(candidates)
        if name == word or (len(word) >= MIN_PREFIX and handle.startswith(word))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ControlError(f"no-such-{kind}", f"there is no {kind} «{word}»", hint=f"see: {see}")
    several = ", ".join(
        f"{handle} ({name})" if name else handle for handle, name in map(candidates.__getitem__, found)
    )
    raise ControlError(
        "ambiguous", f"«{word}» could be: {several}", hint="give the whole handle", exit_code=2
    )


def find_identity(client: Client, word: str) -> Identity:
    """The identity that ``word`` means."""
    from ..control.replies import Identities
    from ..control.requests import IdentityList

    all_of_them = ask(client, IdentityList(), Identities).identities
    names = [(each.identity, each.name) for each in all_of_them]
    return all_of_them[pick(word, names, kind="identity", see="onionchat identity list")]


def find_contact(client: Client, word: str) -> Contact:
    """The contact that ``word`` means."""
    from ..control.replies import Contacts
    from ..control.requests import ContactList

    all_of_them = ask(client, ContactList(), Contacts).contacts
    names = [(each.contact, each.name) for each in all_of_them]
    return all_of_them[pick(word, names, kind="contact", see="onionchat contact list")]
