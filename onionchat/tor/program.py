"""Which tor program is used and how it is called.

Laws: a program is used only after it told its version, and never with the system's default settings.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import TorTooOld, TorUnavailable

MINIMUM_VERSION: Final = (0, 4, 8)
"""The first series whose onion services have vanguards-lite and proof of work."""

VERSION_DEADLINE: Final = 20.0
"""Seconds that a program may take to tell its version."""

_VERSION = re.compile(r"\b([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})(?:\.[0-9]{1,6})?(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TorProgram:
    """A tor that can be started: its absolute path and its version, such as ``0.4.9.11``."""

    path: Path
    version: str


def find_tor(program: str = "") -> TorProgram:
    """Find a tor program and make sure that it is new enough.

    Args:
        program: a path or a name to look for; empty for ``tor`` on PATH.

    Raises:
        TorUnavailable: there is none, or it is no tor.
        TorTooOld: its version is below ``MINIMUM_VERSION``.
    """
    name = program or "tor"
    found = shutil.which(name)
    if found is None:
        where = "on PATH" if os.sep not in name else "there, or it may not be run"
        raise TorUnavailable(
            f"the tor program was not found: no {name} {where}",
            hint="install it (Debian: apt install tor), or name it with --tor",
        )
    path = Path(found).absolute()
    version = require_version(_ask_version(path), whose=str(path))
    return TorProgram(path=path, version=version)


def require_version(text: str, *, whose: str) -> str:
    """Take tor's version out of ``text`` and refuse an old one.

    Args:
        text: what tor said, such as ``Tor version 0.4.9.11.`` or ``0.4.9.11 (git-…)``.
        whose: the program or the address that said it, for the message.

    Raises:
        TorUnavailable: there is no version in it.
        TorTooOld: it is below ``MINIMUM_VERSION``.
    """
    match = _VERSION.search(text)
    if match is None:
        raise TorUnavailable(f"{whose} does not tell a tor version", hint="is this really tor?")
    if tuple(int(part) for part in match.groups()[:3]) < MINIMUM_VERSION:
        wanted = ".".join(str(part) for part in MINIMUM_VERSION)
        raise TorTooOld(f"{whose} is tor {match.group()}, but {wanted} or newer is needed")
    return match.group()


def tor_command(program: TorProgram, torrc_path: Path) -> list[str]:
    """Give the arguments that start ``program`` with the settings of ``torrc_path`` and no others."""
    return [str(program.path), "--defaults-torrc", "/dev/null", "-f", str(torrc_path)]


def _ask_version(path: Path) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - a path that the user named or PATH gave, no shell
            [str(path), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_DEADLINE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TorUnavailable(
            f"{path} could not be run as a tor program", hint="name another one with --tor"
        ) from error
    first_line = answer.stdout.partition("\n")[0]
    if not first_line.startswith("Tor "):
        raise TorUnavailable(f"{path} is not a tor program", hint="name another one with --tor")
    return first_line
