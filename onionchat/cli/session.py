"""What one run of the command line knows: its vault, how to print, how to reach the engine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ControlError

if TYPE_CHECKING:
    from ..client.blocking import Client
    from ..control.notices import AnyNotice
    from ..control.replies import AnyResult
    from ..control.requests import AnyRequest

R = TypeVar("R")
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True, kw_only=True)
class Session:
    """One run. ``json`` and ``debug`` are read from the arguments before anything can fail."""

    json: bool = False
    debug: bool = False
    chosen_vault: Path | None = None
    vault_named: bool = False
    """Whether the vault was named on the command line itself."""
    commands: frozenset[str] = frozenset()
    """What onionchat can be told to do."""
    secrets: list[str] = field(default_factory=list, repr=False)
    """What was typed or read and must not show up in a traceback."""

    @property
    def vault(self) -> Path:
        """The vault's folder, absolute."""
        if self.chosen_vault is not None:
            return self.chosen_vault.expanduser().absolute()
        from platformdirs import user_data_path

        return user_data_path("onionchat") / "vault"

    @property
    def socket(self) -> Path:
        """The control socket of the engine that holds the vault."""
        from ..control import control_socket

        return control_socket(self.vault)

    def naming(self, text: str) -> str:
        """``text`` of ours, with the vault that was named in every command that it names.

        One that came from the environment is there for the next command, too.
        """
        if not (self.vault_named and self.commands):
            return text
        known = "|".join(re.escape(command) for command in self.commands)
        named = f"onionchat --vault {shlex.quote(str(self.vault))} "
        return re.sub(rf"\bonionchat (?=(?:{known})\b)", lambda _: named, text)

    def connect(self) -> Client:
        """A connection to the engine, to be used with ``with``."""
        from ..client.blocking import Client

        return Client.connect(self.socket)

    def print(self, item: AnyResult | AnyNotice, text: Callable[[], str]) -> None:
        """Print ``item`` as one line of JSON, or ``text`` made from it for people."""
        if self.json:
            import msgspec

            click.echo(msgspec.json.encode(item))
        elif line := text():
            click.echo(line)


pass_session = click.make_pass_decorator(Session)


def json_option(command: Command) -> Command:
    """Accept ``--json`` (which `root.Root` has seen already)."""
    return click.option(
        "--json", is_flag=True, expose_value=False, help="Print one JSON object per line, errors too."
    )(command)


def ask(client: Client, request: AnyRequest, kind: type[R]) -> R:
    """The engine's answer, which must be of ``kind``."""
    result = client.ask(request)
    if not isinstance(result, kind):
        raise ControlError("bad-reply", "the engine answered something else than was asked")
    return result
