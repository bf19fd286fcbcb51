"""Commands about the engine itself: ``unlock``, ``status``, ``stop``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..errors import ControlError
from .burn import confirm, yes_option
from .factor import Presented, present
from .secret import ask_passphrase, passphrase_from, tell_strength
from .session import Session, ask, json_option, pass_session
from .span import in_words, moment
from .table import aligned

if TYPE_CHECKING:
    from ..control.replies import StatusReport, VaultWays

STOP_SECONDS: Final = 20.0
STARVED_MS: Final = 250.0
"""Shorter waits are ordinary and of no interest to people."""
_POLL_SECONDS: Final = 0.02
_VAULT_WORDS: Final = {
    "absent": "absent: make it with «onionchat unlock --create»",
    "locked": "locked: open it with «onionchat unlock»",
    "open": "open",
}


@click.command()
@click.option("--create", is_flag=True, help="Make the vault; there must be none yet.")
@click.option(
    "--passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Descriptor with the passphrase: --passphrase-fd 3 3< FILE; asked for otherwise.",
)
@click.option("--key-file", type=click.Path(path_type=Path), help="The key file, if the vault asks for one.")
@json_option
@pass_session
def unlock(session: Session, create: bool, passphrase_fd: int | None, key_file: Path | None) -> None:
    """Open the vault, or make it."""
    from ..control.replies import Done, VaultWays
    from ..control.requests import Unlock, VaultShow

    with session.connect() as client:
        ways = None if create else ask(client, VaultShow(), VaultWays)
        if passphrase_fd is None:
            passphrase = ask_passphrase(session, create=create)
        else:
            passphrase = passphrase_from(passphrase_fd, session)
            if create:
                tell_strength(passphrase, if_weak=True)
        given = Presented() if ways is None else present(ways, key_file, may_ask=passphrase_fd is None)
        request = Unlock(
            passphrase=passphrase,
            create=create,
            key_file=given.key_file,
            security_key=given.security_key,
        )
        done = ask(client, request, Done)
        cost = ask(client, VaultShow(), VaultWays) if create else None
    session.print(done, lambda: "The vault is open." if cost is None else _made(cost))


def _made(ways: VaultWays) -> str:
    """That it was made, and what a guess at its passphrase costs."""
    return f"The vault was made and is open. {guesses(ways.memory)}"


def guesses(memory: int) -> str:
    """What a guess at a new passphrase takes, in ``memory`` MiB."""
    from ..control.limits import USUAL_MEMORY

    line = f"Each guess at its passphrase takes {memory} MiB of memory"
    if memory >= USUAL_MEMORY:
        return f"{line}."
    return f"{line}, less than the usual {USUAL_MEMORY} MiB: this machine has no more to spare now."


@click.command()
@json_option
@pass_session
def status(session: Session) -> None:
    """See how engine, vault and Tor are."""
    from ..control.replies import StatusReport
    from ..control.requests import Status

    with session.connect() as client:
        report = ask(client, Status(), StatusReport)
    session.print(report, lambda: _look(session, report))


@click.command()
@yes_option
@json_option
@pass_session
def stop(session: Session, sure: bool) -> None:
    """End the engine, and its tor.

    Returns once the engine has ended. With a vault in memory alone everything is gone then: it asks before.
    """
    from ..control.replies import Done, StatusReport
    from ..control.requests import Status, Stop

    with session.connect() as client:
        report = ask(client, Status(), StatusReport)
        if report.amnesic:
            confirm("End the engine? Its vault is in memory alone: everything in it goes, too.", sure=sure)
        done = ask(client, Stop(), Done)
    deadline = time.monotonic() + STOP_SECONDS
    while _alive(report.pid):
        if time.monotonic() > deadline:
            raise ControlError(
                "engine-silent",
                f"the engine is still there after {STOP_SECONDS:g} s",
                hint=f"its pid is {report.pid}",
                exit_code=6,
            )
        time.sleep(_POLL_SECONDS)
    session.print(done, lambda: "The engine has ended.")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _timing(report: StatusReport) -> str:
    """What the machine's load can do to the moments at which cells leave."""
    ours = report.tor.mode == "managed"
    if report.metronome_realtime and (report.tor_realtime or not ours):
        return "real-time priority" + ("" if ours else " for what is ours; your tor's is not known")
    return (
        "no real-time priority: heavy load may show in the timing (docs/operations.md, «Real-time priority»)"
    )


def _look(session: Session, report: StatusReport) -> str:
    tor = report.tor
    progress = "ready" if tor.ready else f"{tor.percent} %, {tor.words}"
    reach = f"{report.reachable} of {report.services} addresses proven reachable"
    if report.reachable_since is not None:
        reach += f", since {moment(report.reachable_since, time.time())}"
    rows = [
        ("engine", f"running, version {report.version}, pid {report.pid}"),
        ("vault", "in memory only" if report.amnesic else session.naming(_VAULT_WORDS[report.vault])),
        ("tor", f"{progress} ({tor.mode}{' ' + tor.version if tor.version else ''})"),
        ("addresses", reach if report.services else "none yet"),
        ("links", f"{report.links}, by default a cell every {report.tick:g} s"),
    ]
    if report.vault == "open":
        rows.append(("timing", _timing(report)))
    if report.vault == "open" and not report.amnesic:
        idle = f"by itself when nobody was there for {in_words(report.lock_after)}"
        links = "; links stay up and receive then" if report.lock_receives else ""
        rows.append(("lock", (idle if report.lock_after else "not by itself") + links))
    if report.vault == "locked" and report.receiving:
        people = "1 contact" if report.receiving == 1 else f"{report.receiving} contacts"
        rows.append(("receiving", f"from {people}: read after unlocking"))
    if tor.problem:
        rows.append(("problem", tor.problem))
    if report.elsewhere:
        copy = f"another copy of this vault answers at {report.elsewhere} of your addresses: use one alone"
        rows.append(("copy", copy))
    if report.clock_behind:
        rows.append(("clock", f"{in_words(report.clock_behind)} behind what the vault has seen: set it"))
    if report.starved_ms >= STARVED_MS:
        rows.append(("starved", f"the engine waited {report.starved_ms:.0f} ms for the processor"))
    return aligned(rows)
