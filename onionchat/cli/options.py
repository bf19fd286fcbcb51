"""Options that say how an engine is to run, shared by ``serve`` and by the TUI that starts one.

Laws: turned into a `Plan` or into arguments of ``serve`` here, nowhere else. No secret among them.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..errors import ConfigError
from .session import Command

if TYPE_CHECKING:
    from ..engine.plan import Plan

MIN_TICK: Final = 0.25
MAX_TICK: Final = 30.0
_HOST_PORT: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")

OPTIONS: Final = (
    click.option("--amnesic", is_flag=True, help="Keep everything in memory; all is gone at the end."),
    click.option(
        "--tick",
        type=click.FloatRange(MIN_TICK, MAX_TICK),
        default=2.0,
        show_default=True,
        metavar="SECONDS",
        help="Time between two cells on a link (0.25 to 30).",
    ),
    click.option(
        "--tor", "tor_program", metavar="PROGRAM", help="The tor to run; otherwise the one on PATH."
    ),
    click.option(
        "--torrc",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Lines to add to the configuration of that tor (bridges).",
    ),
    click.option(
        "--control",
        metavar="ADDRESS",
        help="Use a running tor: its control port (HOST:PORT) or control socket (a path).",
    ),
    click.option(
        "--control-password-fd",
        type=click.IntRange(min=0),
        metavar="N",
        help="Descriptor with the password of that control port.",
    ),
    click.option("--socks", metavar="HOST:PORT", help="SOCKS port of that tor, if it cannot name it itself."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the options said."""

    amnesic: bool
    tick: float
    tor_program: str | None
    torrc: Path | None
    control: str | None
    control_password_fd: int | None
    socks: str | None

    def plan(self, vault: Path, *, create: bool = False, credential: str = "") -> Plan:
        """The engine's plan.

        Raises:
            ConfigError: options that contradict each other, or an address that is none.
        """
        from ..control import control_socket
        from ..engine.plan import Plan

        control_socket(vault)  # a path that is too long is said now, not by an engine without a voice
        self._check()
        return Plan(
            vault=str(vault),
            amnesic=self.amnesic,
            create=create,
            credential=credential,
            tick=self.tick,
            tor="managed" if self.control is None else "system",
            tor_program=_program(self.tor_program),
            torrc=str(self.torrc.absolute()) if self.torrc is not None else "",
            control=_place(self.control),
            socks=self.socks or "",
        )

    def arguments(self) -> list[str]:
        """The same options as arguments of ``serve``.

        Raises:
            ConfigError: as `plan`.
        """
        self._check()
        words = ["--tick", repr(self.tick)]
        if self.amnesic:
            words.append("--amnesic")
        for option, value in (
            ("--tor", _program(self.tor_program)),
            ("--torrc", self.torrc and str(self.torrc.absolute())),
            ("--control", _place(self.control)),
            (
                "--control-password-fd",
                None if self.control_password_fd is None else str(self.control_password_fd),
            ),
            ("--socks", self.socks),
        ):
            if value:
                words += [option, value]
        return words

    def _check(self) -> None:
        if not MIN_TICK <= self.tick <= MAX_TICK:  # also refuses «nan», which no range does
            raise ConfigError(f"the tick must be between {MIN_TICK:g} and {MAX_TICK:g} seconds")
        if self.control is not None and (self.tor_program or self.torrc):
            raise ConfigError(
                "--control means a tor that runs already; --tor and --torrc mean one that onionchat runs",
                hint="give one or the other",
            )
        if self.control is None and (self.socks is not None or self.control_password_fd is not None):
            raise ConfigError(
                "--socks and --control-password-fd are for a running tor", hint="add --control ADDRESS"
            )
        if self.control is not None and "/" not in self.control:
            _check_address("--control", self.control, hint="give HOST:PORT, or the path of a control socket")
        if self.socks is not None:
            _check_address("--socks", self.socks, hint="give HOST:PORT, such as 127.0.0.1:9050")


def engine_options(command: Command) -> Command:
    """Add all of them to ``command``, which hands its keyword arguments to `EngineOptions`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def refuse_before_command(context: click.Context) -> None:
    """Options of the TUI's engine say nothing to another command: say so instead of dropping them.

    Raises:
        UsageError: one was given before the command's name.
    """
    for option in context.command.params:
        chosen = context.get_parameter_source(option.name or "")
        if (
            option.name in EngineOptions.__dataclass_fields__
            and chosen is click.core.ParameterSource.COMMANDLINE
        ):
            raise click.UsageError(
                f"{option.opts[0]} says how an engine is to run; give it to «serve», or without a command",
                context,
            )


def _program(name: str | None) -> str:
    if not name:
        return ""
    return str(Path(shutil.which(name) or name).absolute())


def _place(address: str | None) -> str:
    """A control address; the path of a socket becomes absolute, for the engine may run elsewhere."""
    if address is not None and "/" in address:
        return str(Path(address.removeprefix("unix:")).absolute())
    return address or ""


def _check_address(option: str, address: str, *, hint: str) -> None:
    match = _HOST_PORT.fullmatch(address)
    if match is None or not 1 <= int(match["port"]) <= 0xFFFF:
        raise ConfigError(f"{option}: «{address}» is not an address", hint=hint)
