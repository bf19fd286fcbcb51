"""A dial under way that may be given up from another thread.

Laws: dialling blocks in a thread that nobody can end; so that an address is not called any more once somebody
has thought better of it, the connection to tor's SOCKS port is cut, and tor gives the call up.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

from ..errors import PeerUnreachable


class Line:
    """One dial."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._handle: socket.socket | None = None
        """The dial's connection, in a descriptor of its own: the dial's may be closed and used again."""

    @contextlib.contextmanager
    def held(self, connection: socket.socket) -> Iterator[None]:
        """While the block runs, `hang_up` cuts ``connection``.

        Raises:
            PeerUnreachable: it was hung up before.
        """
        with self._lock:
            if self._over:
                raise PeerUnreachable("the call was given up")
            self._handle = socket.socket(fileno=os.dup(connection.fileno()))
        try:
            yield
        finally:
            with self._lock:
                self._handle.close()
                self._handle = None

    def hang_up(self) -> None:
        """Give the dial up; one that was made is not touched."""
        with self._lock:
            self._over = True
            if self._handle is not None:
                with contextlib.suppress(OSError):  # it has no connection yet, or none any more
                    self._handle.shutdown(socket.SHUT_RDWR)
