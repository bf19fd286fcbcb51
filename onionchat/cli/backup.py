"""``onionchat backup``: identities and contacts in a file, and a vault from that file.

Laws: the passphrases of the vault and of the backup are two; both come by descriptor or are typed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .engine import guesses
from .secret import hidden, passphrase_from
from .session import Session, ask, json_option, pass_session
from .table import one_line
from .vault import current_passphrase, new_passphrase, passphrase_option

if TYPE_CHECKING:
    from ..control.replies import Backup


@click.group(no_args_is_help=False)
def backup() -> None:
    """Take your identities and contacts along, without anything that was said."""


@backup.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@passphrase_option
@click.option(
    "--backup-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Descriptor with a passphrase for the backup; asked for otherwise.",
)
@json_option
@pass_session
def make(session: Session, file: Path, passphrase_fd: int | None, backup_fd: int | None) -> None:
    """Write a backup to FILE, which must not be there yet.

    Whoever has it and its passphrase can be you for your contacts, who would be told that you come from a
    backup. Make another one when you have met somebody new.
    """
    from ..client.backup_file import require_written
    from ..control.replies import Backup
    from ..control.requests import BackupMake

    there = file.is_file()
    request = BackupMake(
        file=str(file.absolute()),
        passphrase=current_passphrase(session, passphrase_fd),
        new=new_passphrase(session, backup_fd, "passphrase for the backup"),
    )
    with session.connect() as client:
        made = ask(client, request, Backup)
    require_written(file, before=there)
    session.print(made, lambda: _made(made))


@backup.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--backup-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Descriptor with the backup's passphrase; asked for otherwise.",
)
@click.option(
    "--new-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Descriptor with a passphrase for the vault; asked for otherwise.",
)
@json_option
@pass_session
def restore(session: Session, file: Path, backup_fd: int | None, new_fd: int | None) -> None:
    """Make the vault from the backup in FILE; there must be none yet, and an engine that runs.

    Your contacts are told that you come from a backup. Use one copy alone: stop the other for good first.
    All is as it was when the backup was made: contacts that you removed since are there again and see you on
    line, and so do those from whom you have hidden since.
    """
    from ..control.replies import Backup
    from ..control.requests import BackupRestore

    if backup_fd is None:
        passphrase = hidden("Passphrase of the backup: ")
        session.secrets.append(passphrase)
    else:
        passphrase = passphrase_from(backup_fd, session)
    request = BackupRestore(
        file=str(file.absolute()),
        passphrase=passphrase,
        new=new_passphrase(session, new_fd, "passphrase for the vault"),
    )
    with session.connect() as client:
        restored = ask(client, request, Backup)
    said = f"The vault is open, with {_counted(restored)}. {guesses(restored.memory)}"
    session.print(restored, lambda: said)


def _made(made: Backup) -> str:
    lines = [f"Written, with {_counted(made)}. {guesses(made.memory)}"]
    if made.left_out:
        lines.append("Not in it, for they cannot be reached from a backup or are kept in memory:")
        lines += [f"  {one_line(name)}" for name in made.left_out]
    return "\n".join(lines)


def _counted(backup: Backup) -> str:
    identities = "1 identity" if backup.identities == 1 else f"{backup.identities} identities"
    contacts = "1 contact" if backup.contacts == 1 else f"{backup.contacts} contacts"
    return f"{identities} and {contacts}"
