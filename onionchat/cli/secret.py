"""How secrets come in: by a descriptor, from standard input, or typed at a prompt that shows nothing.

Laws: never by argv or environment. What comes in is remembered in the session, so that it can be redacted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from ..errors import ConfigError
from .session import Session

CREDENTIAL: Final = "onionchat.passphrase"
"""Name of the passphrase among systemd's credentials (systemd.exec(5), ``LoadCredential=``)."""


def open_descriptor(number: int) -> int:
    """``number`` itself, once it is known to be open.

    Raises:
        ConfigError: it is not.
    """
    try:
        os.fstat(number)
    except (OSError, OverflowError):
        raise ConfigError(
            f"descriptor {number} is not open", hint="pass one like this: --passphrase-fd 3 3< FILE"
        ) from None
    return number


def credential() -> str:
    """Where the passphrase lies that systemd passed to this service; empty where it did not."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return ""
    path = Path(folder).absolute() / CREDENTIAL
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"the credential {CREDENTIAL} cannot be read: {error.strerror}") from None
    return str(path)


def passphrase_from(number: int, session: Session) -> str:
    """The passphrase that ``number`` holds up to its end; one newline at the end is not part of it."""
    from ..control.limits import MAX_PASSPHRASE

    most = 4 * MAX_PASSPHRASE + 2  # UTF-8 takes up to four bytes a character
    try:
        with open(open_descriptor(number), "rb") as file:
            raw = file.read(most + 1)
        passphrase = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"what descriptor {number} holds is not UTF-8") from None
    except OSError as error:
        raise ConfigError(f"descriptor {number} cannot be read: {error.strerror}") from None
    if not passphrase or len(passphrase) > MAX_PASSPHRASE:
        raise ConfigError(f"a passphrase has 1 to {MAX_PASSPHRASE} characters")
    session.secrets.append(passphrase)
    return passphrase


def ask_passphrase(session: Session, *, create: bool, empty: str = "") -> str:
    """The passphrase as typed; a new one is chosen with `choose_passphrase`.

    Args:
        session: remembers it for redaction.
        create: it is for a vault that is to be made.
        empty: what typing nothing means, for the prompt; without it, nothing is asked again.

    Raises:
        ConfigError: no terminal, or the two differ.
    """
    if create:
        return choose_passphrase(session, "passphrase")
    passphrase = ""
    while not passphrase:
        passphrase = hidden(f"Passphrase{f' ({empty})' if empty else ''}: ")
        if empty and not passphrase:
            return ""
    session.secrets.append(passphrase)
    return passphrase


def choose_passphrase(session: Session, what: str) -> str:
    """A new passphrase, typed twice: one of the user's, whose strength is told, or one of six words.

    Args:
        session: remembers it for redaction.
        what: what it is called, as in «New passphrase».

    Raises:
        ConfigError: no terminal, or the two differ.
    """
    from ..client.phrase import new_passphrase

    _require_terminal()
    click.echo(f"Choose a {what}. Enter alone: one of six words, made by chance.", err=True)
    chosen = hidden(f"{what.capitalize()}: ")
    if chosen:
        tell_strength(chosen)
    else:
        chosen = new_passphrase(os.urandom)
        click.echo(f"Write it down. It is not shown again:\n\n  {chosen}\n", err=True)
    session.secrets.append(chosen)
    if hidden("The same again: ") != chosen:
        raise ConfigError("the two passphrases differ", hint="nothing was made; try again")
    return chosen


def tell_strength(passphrase: str, *, if_weak: bool = False) -> None:
    """Say how strong a new passphrase is; with ``if_weak`` only of one that is not."""
    from ..client.phrase import strength

    found = strength(passphrase)
    if found.is_weak or not if_weak:
        click.echo(f"Strength: {found.words}", err=True)
    if found.is_weak:
        click.echo("Whoever gets a copy of what it seals can guess it. Six words would be strong.", err=True)


def hidden(prompt: str) -> str:
    """A line typed at the terminal without being shown.

    Raises:
        ConfigError: there is no terminal.
    """
    _require_terminal()
    import getpass

    return getpass.getpass(prompt)


def _require_terminal() -> None:
    if not sys.stdin.isatty():
        raise ConfigError(
            "there is no terminal to ask at", hint="pass it by descriptor or standard input; see --help"
        )


def standard_input(most: int) -> str:
    """Standard input up to its end, without one newline at the end.

    Args:
        most: characters that it may have.

    Raises:
        ConfigError: it is longer, empty, or not UTF-8.
    """
    raw = sys.stdin.buffer.read(4 * most + 2)
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError("standard input is too long, or not UTF-8") from None
    if not text:
        raise ConfigError("standard input was empty")
    if len(text) > most:
        raise ConfigError(f"standard input is longer than {most:,} characters", hint="send it in parts")
    return text
