"""``onionchat doctor``: what of this machine helps or harms, in plain words.

Laws: it needs no engine, no vault and no network, and changes nothing; where an engine runs it is asked how
it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from ..errors import ControlError
from .session import Session, ask, json_option, pass_session
from .table import aligned

if TYPE_CHECKING:
    from ..control.replies import StatusReport
    from ..engine.doctor import Finding

HARM: Final = 1
"""Exit status where something is bad."""
_MARKS: Final = {"ok": "ok", "warn": "! warn", "bad": "!! BAD"}


@click.command()
@json_option
@pass_session
@click.pass_context
def doctor(context: click.Context, session: Session) -> None:
    """See whether this machine keeps what it should not.

    Looks at swap, hibernation, the vault's file system and disk, memory, Tor, clock, and says what to do.
    The exit status is 1 where something is bad.
    """
    found = _look(session)
    ok = all(one.verdict != "bad" for one in found)
    if session.json:
        import msgspec

        click.echo(msgspec.json.encode({"type": "doctor", "ok": ok, "findings": found}))
    else:
        rows = [
            (
                _MARKS[one.verdict],
                one.name,
                f"{one.text}\n→ {session.naming(one.hint)}" if one.hint else one.text,
            )
            for one in found
        ]
        click.echo(aligned(rows))
    context.exit(0 if ok else HARM)


def _look(session: Session) -> list[Finding]:
    import time

    from ..engine import doctor as look
    from ..engine import doctor_disk as disk

    machine, engine = look.Machine(), _engine(session)
    process = look.process_findings(machine, engine)
    locked = any(one.name == "locked memory" and one.verdict == "ok" for one in process)
    return [
        *process,
        disk.swap_finding(machine, locked=locked),
        disk.hibernation_finding(machine),
        look.folder_finding(session.vault),
        *disk.disk_findings(machine, session.vault),
        look.tor_finding(engine, now=time.time()),
        look.priority_finding(engine),
        look.clock_finding(engine),
    ]


def _engine(session: Session) -> StatusReport | None:
    from ..client.blocking import Client
    from ..control.replies import StatusReport
    from ..control.requests import Status

    try:
        with Client.connect(session.socket) as client:
            return ask(client, Status(), StatusReport)
    except ControlError:
        return None
