"""``onionchat lock``."""

from __future__ import annotations

import click

from .session import Session, ask, json_option, pass_session


@click.command()
@click.option(
    "--after",
    "minutes",
    type=click.IntRange(0, 7 * 24 * 60),
    metavar="MINUTES",
    help="Not now, but whenever nobody was there for so long; 0 for never.",
)
@json_option
@pass_session
def lock(session: Session, minutes: int | None) -> None:
    """Lock the vault.

    Its keys leave the memory, and nobody can reach you until «onionchat unlock». What lives in memory alone
    is gone. The engine goes on.
    """
    from ..control.replies import Done
    from ..control.requests import Lock, LockAfter

    with session.connect() as client:
        if minutes is None:
            done = ask(client, Lock(), Done)
            text = "The vault is locked."
        else:
            done = ask(client, LockAfter(seconds=60 * minutes or None), Done)
            text = "The vault no longer locks itself."
            if minutes:
                text = f"The vault locks itself when nobody was there for {minutes} min."
    session.print(done, lambda: text)
