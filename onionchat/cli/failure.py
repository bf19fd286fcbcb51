"""How a command fails: two lines for people, one object for programs, an exit status for both.

Laws: an unexpected exception is named by its class only, for its text may hold a secret; a traceback is
shown only with ``--debug``, and without secrets.
"""

from __future__ import annotations

import re
from typing import Final

import click

from ..errors import OnionchatError
from .session import Session

BUG_STATUS: Final = 1
USAGE_STATUS: Final = 2
REDACTED: Final = "«redacted»"

_SECRET_SHAPES: Final = re.compile(r"onionchat:[a-z2-7]{16,}|(?:ED25519-V3|x25519):[A-Za-z0-9+/=]{16,}")
"""Invites and onion keys as they are written."""


def report(error: Exception, session: Session) -> int:
    """Show ``error`` and return the exit status that stands for it."""
    code, message, hint, status = _parts(error)
    if session.debug:
        import traceback

        click.echo(_redact("".join(traceback.format_exception(error)), session.secrets), err=True)
    if isinstance(error, OnionchatError):
        hint = session.naming(hint)
    message, hint = _redact(message, session.secrets), _redact(hint, session.secrets)
    if session.json:
        import json

        click.echo(
            json.dumps({"error": {"code": code, "message": message, "hint": hint}}, ensure_ascii=False)
        )
        return status
    from .table import one_line

    click.echo(f"error: {one_line(message)}", err=True)
    if hint:
        click.echo(f"hint: {one_line(hint)}", err=True)
    return status


def _parts(error: Exception) -> tuple[str, str, str, int]:
    """Code, line, hint and exit status."""
    if isinstance(error, OnionchatError):
        from ..control import code_of

        return code_of(error), error.message, error.hint, error.exit_code
    if isinstance(error, click.ClickException):
        command = "onionchat"
        if isinstance(error, click.UsageError) and error.ctx is not None:
            command = error.ctx.command_path
        return "usage", error.format_message().rstrip("."), f"see: {command} --help", USAGE_STATUS
    return (
        "bug",
        f"this is a bug in onionchat ({type(error).__name__})",
        "run the command again with --debug to see where, and report it",
        BUG_STATUS,
    )


def _redact(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return _SECRET_SHAPES.sub(REDACTED, text)
