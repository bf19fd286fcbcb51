"""The settings of a tor that belongs to one engine.

Laws: no control port and no SOCKS port that another user of the machine could guess (the control socket is in
a folder of its own, the SOCKS port is picked by tor and carries onion traffic alone); the data directory is
kept, because a tor that forgets its guards picks new ones at each start, which is what an attacker waits for.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError

SOCKS_FLAGS = "OnionTrafficOnly ExtendedErrors IsolateSOCKSAuth"


def managed_torrc(*, data: Path, control_socket: Path, owner_pid: int, extra: str = "") -> str:
    """Write the settings file of a managed tor.

    Args:
        data: tor's data directory; tor makes it (0700) where it does not exist.
        control_socket: where tor listens for its controller, in a folder that only this user can enter.
        owner_pid: the process without which this tor must not go on living (tor looks every 15 s; a
            controller that takes ownership is noticed at once).
        extra: lines to append (bridges, a private network).

    Raises:
        ConfigError: a path that cannot be written in a settings file.
    """
    lines = [
        f"DataDirectory {_quote(_plain(data))}",
        # ControlSocket would take a path without spaces only; here tor unquotes twice, the line and the path
        f"ControlPort {_quote('unix:' + _quote(_plain(control_socket)))}",
        "CookieAuthentication 1",
        f"__OwningControllerProcess {owner_pid}",
        f"SocksPort auto {SOCKS_FLAGS}",
        "ClientOnly 1",
        "VanguardsLiteEnabled 1",
        "SafeLogging 1",
        "Log notice stdout",
        "AvoidDiskWrites 1",
        "ShutdownWaitLength 0",
        # a vault that was not opened for a day must not find a sleeping tor
        "DormantCanceledByStartup 1",
    ]
    return "\n".join(lines) + "\n" + (extra.rstrip("\n") + "\n" if extra.strip() else "")


def _plain(path: Path) -> str:
    text = str(path.absolute())
    if not text.isprintable():
        raise ConfigError(
            f"this path cannot be given to tor: {text!r}", hint="choose a folder with a plain name"
        )
    return text


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
