"""``onionchat`` alone: the TUI, with an engine started for it where none answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..errors import ConfigError
from .options import EngineOptions, engine_options, refuse_before_command
from .root import Root
from .session import Session, pass_session


@click.group(
    "onionchat",
    cls=Root,
    invoke_without_command=True,
    epilog="Options for the engine count when this starts one. Completion for bash, in ~/.bashrc: "
    'eval "$(_ONIONCHAT_COMPLETE=bash_source onionchat)" (zsh_source and fish_source for those).',
)
@click.option(
    "--vault",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ONIONCHAT_VAULT",
    show_envvar=True,
    help="Folder with everything that is kept.",
)
@click.option("--debug", is_flag=True, help="Show where an error came from, without secrets.")
@click.version_option(__version__, message="onionchat %(version)s")
@engine_options
@pass_session
@click.pass_context
def onionchat(
    context: click.Context, session: Session, /, vault: Path | None, debug: bool, **chosen: Any
) -> None:
    """Chat over Tor, giving nothing away. Without a command: open the chat in this terminal."""
    session.chosen_vault = vault
    session.vault_named = context.get_parameter_source("vault") is click.core.ParameterSource.COMMANDLINE
    session.debug = debug
    if context.invoked_subcommand is not None:
        refuse_before_command(context)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "the chat needs a terminal", hint="for scripts there are commands: onionchat --help"
        )
    options = EngineOptions(**chosen)
    context.exit(_amnesic(session, options) if options.amnesic else _kept(session, options))


def _kept(session: Session, options: EngineOptions) -> int:
    """The TUI with an engine that stays when the TUI goes."""
    from .start import answers, start_engine

    if not answers(session.socket):
        start_engine(session.vault, options)
    from ..tui import TO_BURN, run

    status = run(session.socket, stop_command=session.naming("onionchat stop"))
    if status != TO_BURN:
        return status
    from .panic import burn_all

    burn_all(session)
    return 0


def _amnesic(session: Session, options: EngineOptions) -> int:
    """The TUI with an engine in memory that goes with it, even if we are killed: it holds the lifeline."""
    from .memory import memory_folder
    from .start import end, start_engine

    wanted = session.vault if session.vault_named else None
    with memory_folder(wanted) as folder:
        session.chosen_vault = folder
        theirs, ours = os.pipe()
        try:
            process = start_engine(folder, options, lifeline_fd=theirs)
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        try:
            from ..tui import TO_BURN, run

            status = run(session.socket, amnesic=True)
            return 0 if status == TO_BURN else status  # it ends here, and with it all that there was
        finally:
            os.close(ours)
            end(process)
