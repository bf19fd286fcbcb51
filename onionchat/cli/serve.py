"""``onionchat serve``: the engine in the foreground."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import click

from ..errors import ConfigError
from .failure import report
from .options import EngineOptions, engine_options
from .root import INTERRUPTED
from .secret import ask_passphrase, credential, open_descriptor, passphrase_from, tell_strength
from .session import Session, pass_session

EMPTY = 64
"""Status of the child that asks, where nothing was typed."""
STDERR: Final = 2


@click.command(
    epilog="A passphrase never comes by argument or environment: other programs can read those. systemd: "
    "LoadCredential=onionchat.passphrase:FILE. Without one, the engine waits for «onionchat unlock»."
)
@engine_options
@click.option(
    "--passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Descriptor with the passphrase: --passphrase-fd 3 3< FILE",
)
@click.option("--create", is_flag=True, help="Make the vault with that passphrase if there is none.")
@click.option("--lifeline-fd", type=click.IntRange(min=0), hidden=True)
@pass_session
@click.pass_context
def serve(
    context: click.Context,
    session: Session,
    /,
    passphrase_fd: int | None,
    create: bool,
    lifeline_fd: int | None,
    **chosen: Any,
) -> None:
    """Run the engine in the foreground.

    For systemd and machines without a screen.
    """
    options = EngineOptions(**chosen)
    for number in (passphrase_fd, options.control_password_fd, lifeline_fd):
        if number is not None:
            open_descriptor(number)
    with ExitStack() as stack:
        if options.amnesic:
            if passphrase_fd is not None or create:
                raise ConfigError("an amnesic vault has no passphrase", hint="leave the passphrase out")
            from .memory import memory_folder

            wanted = session.vault if session.vault_named else None
            session.chosen_vault = stack.enter_context(memory_folder(wanted))
            click.echo(f"vault: {session.chosen_vault}")
            if lifeline_fd is None:
                # Our own pipe ends only with us; holding it makes the launcher end with its terminal, too.
                lifeline_fd, _ours = os.pipe()
        kept = "" if options.amnesic or passphrase_fd is not None else credential()
        plan = options.plan(session.vault, create=create, credential=kept)
        if kept and create:
            pipe = _judge(session, os.open(kept, os.O_RDONLY | os.O_CLOEXEC))
            if pipe is not None:  # the engine reads the credential by itself, at every start
                os.close(pipe)
        elif not options.amnesic and not kept:
            passphrase_fd = _passphrase(session, passphrase_fd, create=create)
        from ..engine.launcher import run

        status = run(
            plan,
            passphrase_fd=passphrase_fd,
            control_password_fd=options.control_password_fd,
            lifeline_fd=lifeline_fd,
        )
    context.exit(status)


def _passphrase(session: Session, given: int | None, *, create: bool) -> int | None:
    """The descriptor that holds the passphrase; None to start locked."""
    if given is None and sys.stdin.isatty():
        return _typed(session, create=create)
    if given is None and create:
        raise ConfigError("--create needs a passphrase", hint="pass one like this: --passphrase-fd 3 3< FILE")
    return _judge(session, given) if given is not None and create else given


def _typed(session: Session, *, create: bool) -> int | None:
    """A pipe with the passphrase that is typed; None where it was left empty."""

    def ask() -> str:
        new = create and not _is_there(session)
        return ask_passphrase(session, create=new, empty="" if create else "nothing: start locked")

    return _in_a_child(session, ask)


def _judge(session: Session, given: int) -> int | None:
    """A pipe with what ``given`` holds, once it was said if it is weak and a vault is made with it."""

    def read() -> str:
        passphrase = passphrase_from(given, session)
        if not _is_there(session):
            tell_strength(passphrase, if_weak=True)
        return passphrase

    pipe = _in_a_child(session, read)
    if given > STDERR:  # the next file to be opened must not become a standard stream
        os.close(given)
    return pipe


def _is_there(session: Session) -> bool:
    from ..store import vault_exists

    return vault_exists(session.vault)


def _in_a_child(session: Session, learn: Callable[[], str]) -> int | None:
    """A pipe with the passphrase that ``learn`` gives; None where it is empty.

    A child learns it and ends: this process becomes the launcher and lives long, and must not know it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            passphrase = learn()
            os.write(writing, passphrase.encode())  # a pipe holds far more than a passphrase may have
            status = 0 if passphrase else EMPTY
        except Exception as error:
            status = report(error, session)
        except KeyboardInterrupt:
            status = INTERRUPTED
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        return reading
    os.close(reading)
    if status == EMPTY:
        return None
    raise click.exceptions.Exit(status)
