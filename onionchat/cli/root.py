"""What holds for every command: one way to fail, one way to be interrupted.

Laws: no traceback without ``--debug``; with ``--json`` an error is an object on standard output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from .failure import report
from .session import Session

INTERRUPTED = 130
"""What a shell gives for a program that SIGINT ended (128 + 2)."""


class Root(click.Group):
    """A group whose errors are two lines, or one object, and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands in the order in which a newcomer needs them."""
        return list(self.commands)

    def main(  # type: ignore[override]  # click's overloads speak of a mode that returns; this one never does
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        **_extra: Any,
    ) -> NoReturn:
        """Run the command that ``args`` name and end the process with its status."""
        _fill_closed_streams()
        words = list(sys.argv[1:] if args is None else args)
        options = words[: words.index("--")] if "--" in words else words
        session = Session(
            json="--json" in options, debug="--debug" in options, commands=frozenset(self.commands)
        )
        try:
            status = super().main(
                words, prog_name or "onionchat", complete_var, standalone_mode=False, obj=session
            )
        except click.Abort:
            status = INTERRUPTED
        except Exception as error:  # the outermost edge: a person must never see a traceback
            status = report(error, session)
        sys.exit(status if isinstance(status, int) else 0)


def _fill_closed_streams() -> None:
    """Where a standard stream was closed (``>&-``), read nothing and write nowhere.

    Otherwise the next file or socket that is opened would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 -- to the end
