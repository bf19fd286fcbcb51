"""Where tor hands over the connections to one onion service: a Unix socket, or a loopback port.

Laws: a Unix socket lives in the engine's own folder (0700) where no other user can reach it; a system tor
runs as another user and cannot either, so for it alone it is a port on loopback.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import trio

BACKLOG = 128
"""Of connections that wait to be accepted; beyond it tor would refuse a contact because of a crowd."""


class Listener:
    """Accepts until it is closed.

    Raises:
        OSError: no descriptor, no room, or no right to make it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is None:
            self._socket = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            self.target = f"127.0.0.1:{self._socket.getsockname()[1]}"
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self.target = f"unix:{path}"
            try:
                path.unlink(missing_ok=True)
                self._socket.bind(bytes(path))
                path.chmod(0o600)
                self._socket.listen(BACKLOG)
            except OSError:
                self.close()
                raise
        self._socket.setblocking(False)

    async def serve(self, accepted: Callable[[socket.socket], None]) -> None:
        """Give each connection to ``accepted``, and close when cancelled."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._socket)
                try:
                    connection, _ = self._socket.accept()
                except BlockingIOError:
                    continue
                except OSError:
                    await trio.sleep(0.1)  # no descriptors left: somebody's connections will end
                    continue
                connection.setblocking(False)
                if self._path is None:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                accepted(connection)
        finally:
            self.close()

    def close(self) -> None:
        """Take no more connections and leave nothing behind. Never while `serve` waits in another task."""
        self._socket.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
