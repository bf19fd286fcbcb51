"""``onionchat vault``: what unlocks the vault, and changing it.

Laws: every change asks for the passphrase again. What is new is made or chosen here, in the client; recovery
words are printed once, after the engine has taken them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .factor import AtTerminal
from .secret import ask_passphrase, choose_passphrase, hidden, passphrase_from, tell_strength
from .session import Session, ask, json_option, pass_session
from .table import aligned

if TYPE_CHECKING:
    from ..control.replies import VaultWays
    from ..control.requests import AnyRequest

Command = TypeVar("Command", bound=Callable[..., object])


@click.group(no_args_is_help=False)
def vault() -> None:
    """What unlocks the vault: passphrase, factors, recovery words."""


def passphrase_option(command: Command) -> Command:
    """Take the vault's passphrase from a descriptor."""
    return click.option(
        "--passphrase-fd",
        type=click.IntRange(min=0),
        metavar="N",
        help="Descriptor with the vault's passphrase; asked for otherwise.",
    )(command)


def new_option(command: Command) -> Command:
    """Take the new passphrase from a descriptor."""
    return click.option(
        "--new-fd",
        type=click.IntRange(min=0),
        metavar="N",
        help="Descriptor with the new passphrase; asked for otherwise.",
    )(command)


@vault.command()
@json_option
@pass_session
def show(session: Session) -> None:
    """See what unlocks the vault, but never whether a second passphrase burns it.

    Locked, it cannot tell of recovery words either.
    """
    from ..control.replies import VaultWays
    from ..control.requests import VaultShow

    with session.connect() as client:
        ways = ask(client, VaultShow(), VaultWays)
    session.print(ways, lambda: _look(ways))


@vault.command()
@passphrase_option
@new_option
@json_option
@pass_session
def passphrase(session: Session, passphrase_fd: int | None, new_fd: int | None) -> None:
    """Change the passphrase; the old one opens nothing any more."""
    from ..control.requests import VaultPassphrase

    current = current_passphrase(session, passphrase_fd)
    new = new_passphrase(session, new_fd, "new passphrase")
    _change(session, VaultPassphrase(passphrase=current, new=new), "The passphrase was changed.")


@vault.group("key-file", no_args_is_help=False)
def key_file() -> None:
    """A file that is needed beside the passphrase."""


@key_file.command("add")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@passphrase_option
@json_option
@pass_session
def add_key_file(session: Session, file: Path, passphrase_fd: int | None) -> None:
    """Ask for FILE from now on; it is made if it is not there.

    Whoever loses it needs the recovery words. Keep a copy, not beside the vault.
    """
    from ..client.key_file import key_file_secret, make_key_file
    from ..control.requests import VaultKeyFile

    current = current_passphrase(session, passphrase_fd)
    if not file.exists():
        make_key_file(file, os.urandom)
    request = VaultKeyFile(passphrase=current, key_file=key_file_secret(file))
    _change(session, request, f"From now on the vault opens only with {file} beside the passphrase.")


@key_file.command("remove")
@passphrase_option
@json_option
@pass_session
def remove_key_file(session: Session, passphrase_fd: int | None) -> None:
    """Ask for no key file any more."""
    from ..control.requests import VaultKeyFile

    request = VaultKeyFile(passphrase=current_passphrase(session, passphrase_fd))
    _change(session, request, "No key file is needed any more.")


@vault.group("security-key", no_args_is_help=False)
def security_key() -> None:
    """A FIDO2 security key that is needed beside the passphrase."""


@security_key.command("add")
@passphrase_option
@json_option
@pass_session
def add_security_key(session: Session, passphrase_fd: int | None) -> None:
    """Ask for the security key that is plugged in from now on.

    It needs a PIN or a fingerprint, and is touched twice now. Whoever loses it needs the recovery words.
    """
    from ..client.security_key import enrol, find
    from ..control.requests import VaultSecurityKey

    current = current_passphrase(session, passphrase_fd)
    with find() as device:
        credential, secret = enrol(device, AtTerminal())
    request = VaultSecurityKey(passphrase=current, credential=credential, security_key=secret)
    _change(
        session, request, "From now on the vault opens only with this security key beside the passphrase."
    )


@security_key.command("remove")
@passphrase_option
@json_option
@pass_session
def remove_security_key(session: Session, passphrase_fd: int | None) -> None:
    """Ask for no security key any more."""
    from ..control.requests import VaultSecurityKey

    request = VaultSecurityKey(passphrase=current_passphrase(session, passphrase_fd))
    _change(session, request, "No security key is needed any more.")


@vault.group(no_args_is_help=False)
def recovery() -> None:
    """Twelve words that open the vault once, without anything else."""


@recovery.command("new")
@passphrase_option
@json_option
@pass_session
def new_recovery(session: Session, passphrase_fd: int | None) -> None:
    """Make recovery words and print them; earlier ones open nothing any more."""
    import json

    from ..client.phrase import new_recovery_words
    from ..control.replies import Done
    from ..control.requests import VaultRecovery

    current = current_passphrase(session, passphrase_fd)
    words = new_recovery_words(os.urandom)
    session.secrets.append(words)
    with session.connect() as client:
        ask(client, VaultRecovery(passphrase=current, words=words), Done)
    if session.json:
        click.echo(json.dumps({"words": words}))
    else:
        click.echo(f"Write these words down and keep them away from this computer:\n\n  {words}\n")
        click.echo(session.naming("They open the vault once: onionchat vault recover"))


@recovery.command("remove")
@passphrase_option
@json_option
@pass_session
def remove_recovery(session: Session, passphrase_fd: int | None) -> None:
    """Let no words open the vault any more."""
    from ..control.requests import VaultRecovery

    request = VaultRecovery(passphrase=current_passphrase(session, passphrase_fd))
    _change(session, request, "No words open the vault any more.")


@vault.group(no_args_is_help=False)
def duress() -> None:
    """A second passphrase that burns the vault and opens an empty one."""


@duress.command("set")
@passphrase_option
@new_option
@json_option
@pass_session
def set_duress(session: Session, passphrase_fd: int | None, new_fd: int | None) -> None:
    """Choose a passphrase that burns everything when it is typed to unlock.

    Nothing asks whether you mean it. The vault's folder does not show whether there is one; what is left
    looks like a vault that was just made.
    """
    from ..control.requests import VaultDuress

    current = current_passphrase(session, passphrase_fd)
    new = new_passphrase(session, new_fd, "passphrase that burns")
    _change(session, VaultDuress(passphrase=current, duress=new), "Unlocking with it burns the vault.")


@duress.command("remove")
@passphrase_option
@json_option
@pass_session
def remove_duress(session: Session, passphrase_fd: int | None) -> None:
    """Let no passphrase burn the vault any more."""
    from ..control.requests import VaultDuress

    request = VaultDuress(passphrase=current_passphrase(session, passphrase_fd))
    _change(session, request, "No passphrase burns the vault any more.")


@vault.command()
@click.option(
    "--words-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Descriptor with the recovery words; asked for otherwise.",
)
@new_option
@json_option
@pass_session
def recover(session: Session, words_fd: int | None, new_fd: int | None) -> None:
    """Open the vault by its recovery words, and choose a new passphrase.

    The words work once, and no factor is asked for any more: make new words, and add factors again.
    """
    from ..client.phrase import recovery_words
    from ..control.requests import VaultRecover

    given = hidden("Recovery words (not shown): ") if words_fd is None else passphrase_from(words_fd, session)
    words = recovery_words(given)
    session.secrets += [given, words]
    request = VaultRecover(words=words, new=new_passphrase(session, new_fd, "new passphrase"))
    _change(
        session,
        request,
        "The vault is open, with the new passphrase alone. The words are used up; for new ones: "
        "onionchat vault recovery new",
    )


def current_passphrase(session: Session, descriptor: int | None) -> str:
    """The vault's passphrase, from a descriptor or typed."""
    if descriptor is None:
        return ask_passphrase(session, create=False)
    return passphrase_from(descriptor, session)


def new_passphrase(session: Session, descriptor: int | None, what: str) -> str:
    """A new passphrase that is called ``what``, from a descriptor or chosen at the terminal."""
    if descriptor is None:
        return choose_passphrase(session, what)
    new = passphrase_from(descriptor, session)
    tell_strength(new, if_weak=True)
    return new


def _change(session: Session, request: AnyRequest, said: str) -> None:
    from ..control.replies import Done

    with session.connect() as client:
        done = ask(client, request, Done)
    session.print(done, lambda: session.naming(said))


def _look(ways: VaultWays) -> str:
    rows = [
        ("passphrase", f"each try takes {ways.memory} MiB of memory, {ways.passes} passes"),
        ("key file", _needed(ways.key_file)),
        ("security key", _needed(bool(ways.credential))),
        ("recovery words", _there(ways.recovery)),
    ]
    if ways.wait:
        rows.append(("wait", f"{ways.wait:.0f} s before the next try, after wrong passphrases"))
    return aligned(rows)


def _needed(needed: bool) -> str:
    return "needed, too" if needed else "not needed"


def _there(there: bool | None) -> str:
    return "not shown while the vault is locked" if there is None else "set" if there else "none"
