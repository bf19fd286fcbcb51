"""Where tor hands over the connections to one onion service: a Unix socket, or a loopback port.

Laws: a Unix socket lives in the engine's own folder (0700) where no other user can reach it; a system tor
runs as another user and cannot either, so for it alone it is a port on loopback.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import trio

BACKLOG = 16


class Listener:
    """Accepts until it is closed."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            self._socket = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            self.target = f"127.0.0.1:{self._socket.getsockname()[1]}"
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            self._socket.bind(bytes(path))
            path.chmod(0o600)
            self._socket.listen(BACKLOG)
            self.target = f"unix:{path}"
        self._path = path
        self._socket.setblocking(False)

    async def serve(self, accepted: Callable[[socket.socket], None]) -> None:
        """Give each connection to ``accepted``; ends when the listener is closed."""
        while True:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                connection, _ = self._socket.accept()
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                if self._socket.fileno() < 0:
                    return
                await trio.sleep(0.1)  # no descriptors left: somebody's connections will end
                continue
            connection.setblocking(False)
            if self._path is None:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted(connection)

    def close(self) -> None:
        """Take no more connections and leave nothing behind."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108 - Path.unlink is the same with one more stat
