"""Commands that show and measure: ``demo``, ``bench``."""

from __future__ import annotations

import click

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
@click.argument("suite", type=click.Choice(["start", "link", "protocol", "timer"]))
@click.option("--quick", is_flag=True, help="Fewer repetitions.")
@json_option
@pass_session
@click.pass_context
def bench(context: click.Context, session: Session, suite: str, quick: bool) -> None:
    """Measure speed and size here."""
    from ..lab.bench import run_bench

    context.exit(run_bench(suite, quick=quick, json=session.json))
