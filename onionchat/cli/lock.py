"""``onionchat lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from .session import Session, ask, json_option, pass_session

if TYPE_CHECKING:
    from ..client.blocking import Client


@click.command()
@click.option(
    "--receive/--no-receive",
    default=None,
    help="Let the links that are up receive on, into a box that only unlocking opens; or end them, too.",
)
@click.option(
    "--after",
    "minutes",
    type=click.IntRange(0, 7 * 24 * 60),
    metavar="MINUTES",
    help="Not now, but whenever nobody was there for so long; 0 for never.",
)
@click.option(
    "--default",
    type=click.Choice(["receive", "end"]),
    help="Not now: what a lock does with links where nothing is said, as by the key or by itself.",
)
@json_option
@pass_session
def lock(
    session: Session,
    receive: bool | None,
    minutes: int | None,
    default: Literal["receive", "end"] | None,
) -> None:
    """Lock the vault.

    Its keys leave the memory, and nobody can reach you until «onionchat unlock»; with --receive, what those
    write who are on line now still comes. What lives in memory alone is gone. The engine goes on.
    """
    from ..control.replies import Done
    from ..control.requests import LockAfter, LockDefault

    if receive is not None and (minutes is not None or default is not None):
        raise click.UsageError("--receive and --no-receive lock now; --after and --default do not")
    with session.connect() as client:
        if minutes is None and default is None:
            _now(session, client, receive)
            return
        done, said = Done(), []
        if minutes is not None:
            done = ask(client, LockAfter(seconds=60 * minutes or None), Done)
            if minutes:
                said.append(f"The vault locks itself when nobody was there for {minutes} min.")
            else:
                said.append("The vault no longer locks itself.")
        if default is not None:
            done = ask(client, LockDefault(receive=default == "receive"), Done)
            if default == "receive":
                said.append("Links stay up and receive when the vault locks.")
            else:
                said.append("Links end when the vault locks.")
    session.print(done, lambda: "\n".join(said))


def _now(session: Session, client: Client, receive: bool | None) -> None:
    from ..control.replies import Done, StatusReport
    from ..control.requests import Lock, Status

    done = ask(client, Lock(receive=receive), Done)
    links = ask(client, Status(), StatusReport).receiving
    text = "The vault is locked."
    if links:
        text += f" Receiving from {links} contact{'s' if links > 1 else ''}: read after unlocking."
    elif receive:
        text += " No link could stay up: nothing is received."
    session.print(done, lambda: text)
