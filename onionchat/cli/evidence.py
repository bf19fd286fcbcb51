"""Commands that show and measure: ``demo``, ``bench``, ``lab``."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import ConfigError
from .session import Session, json_option, pass_session


@click.command()
@click.option(
    "--headless", is_flag=True, help="Without a screen: exchange messages, check all, print figures."
)
@json_option
@pass_session
@click.pass_context
def demo(context: click.Context, session: Session, headless: bool) -> None:
    """Try it on this machine alone.

    Starts a private Tor network, an engine for you and one for a friendly peer.
    """
    from ..lab.demo import run_demo

    context.exit(run_demo(headless=headless, json=session.json))


@click.command()
@click.argument("suite", type=click.Choice(["start", "link", "protocol", "timer", "store"]))
@click.option("--quick", is_flag=True, help="Fewer repetitions.")
@json_option
@pass_session
@click.pass_context
def bench(context: click.Context, session: Session, suite: str, quick: bool) -> None:
    """Measure speed and size here."""
    from ..lab.bench import run_bench

    context.exit(run_bench(suite, quick=quick, json=session.json))


@click.group()
def lab() -> None:
    """Measure protection here."""


@lab.command()
@click.option("--quick", is_flag=True, help="Within five minutes: fewer windows, and a laxer goal.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for what is seen. A run that was ended goes on from there.",
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw what was seen into this PNG."
)
@click.option(
    "--only",
    multiple=True,
    metavar="SERIES",
    help="Of the report's series only this one and the control; repeatable.",
)
@json_option
@pass_session
@click.pass_context
def observe(
    context: click.Context,
    session: Session,
    *,
    quick: bool,
    keep: Path | None,
    plot: Path | None,
    only: tuple[str, ...],
) -> None:
    """Try to tell from the wire what somebody does.

    Two engines on a private Tor network, somebody who chats or does not, and classifiers that see packets'
    times, sizes and directions. The full form takes hours; what it has seen stays in --keep.
    """
    try:
        from ..lab.observe import run_observe
    except ImportError as error:
        raise ConfigError(
            f"measuring the wire needs a package that is not installed: {error.name}",
            hint="install what it needs: pip install 'onionchat[lab]'",
        ) from error

    context.exit(run_observe(quick=quick, json=session.json, keep=keep, plot=plot, only=only))


@lab.command()
@click.option("--messages", type=click.IntRange(min=40), help="How many; by default 10,000.")
@click.option("--quick", is_flag=True, help="With 600 messages, within a minute or so.")
@json_option
@pass_session
@click.pass_context
def erasure(context: click.Context, session: Session, *, messages: int | None, quick: bool) -> None:
    """Search for what is left of messages that are gone.

    Two engines exchange marked messages. They expire, are deleted and burned, and the engine is killed
    meanwhile; then its folder, its memory and tor's folder are searched for texts and keys.
    """
    from ..lab.erasure import run_erasure

    context.exit(run_erasure(messages=messages, quick=quick, json=session.json))
