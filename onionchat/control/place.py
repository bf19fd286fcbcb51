"""Where the control socket of an engine is found."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..errors import ConfigError

MAX_SOCKET_PATH: Final = 100
"""Bytes; Linux takes 107 of a Unix socket's path, and service sockets beside it have longer names."""


def run_folder(vault: Path) -> Path:
    """The folder (0700) with everything that lives only while the engine runs."""
    return vault / "run"


def control_socket(vault: Path) -> Path:
    """The control socket of the engine that holds ``vault``.

    Raises:
        ConfigError: the path is too long for a Unix socket.
    """
    path = run_folder(vault) / "control.sock"
    if len(bytes(path)) > MAX_SOCKET_PATH:
        raise ConfigError(
            f"the path of the vault is too long: {vault}", hint="choose a folder with a shorter path: --vault"
        )
    return path
