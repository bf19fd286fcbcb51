"""What waits to be written to one client of the control socket.

Laws: what waits is bounded in bytes; a client that lets more pile up is cut off, never waited for.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque

import trio

from ..control.limits import MAX_LINE

FINISH_SECONDS = 10.0
"""How long a client that asks nothing more may take to read what is left."""
LOCKED_SECONDS = 30.0
"""How long one may take to read what was said before the vault was locked: longer than the next try of a
passphrase holds up the engine, and with it its writing."""


class Outbox:
    """Lines for one client, in order; `scope` ends when it is cut off."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.reading: set[str] = set()
        """Contacts of whom it has shown messages."""
        self._lines: deque[bytes] = deque()
        self._waiting = 0
        self._ending = False
        self._news = trio.Event()

    def put(self, line: bytes) -> None:
        """Have a line written, or the client cut off where the longest line's worth waits already."""
        if self._ending:
            return
        if self._waiting > MAX_LINE:
            self.scope.cancel()
            return
        self._lines.append(line)
        self._waiting += len(line)
        self._news.set()

    def finish(self) -> None:
        """Take no more; what waits still goes out, within `FINISH_SECONDS`."""
        self._ending = True
        self.scope.deadline = min(self.scope.deadline, trio.current_time() + FINISH_SECONDS)
        self._news.set()

    def hurry(self) -> None:
        """What waits now is gone within `LOCKED_SECONDS`: read, or cut off with its client."""
        if self._lines:
            self.scope.deadline = min(self.scope.deadline, trio.current_time() + LOCKED_SECONDS)

    async def write_to(self, stream: trio.SocketStream) -> None:
        """Write until everything has been written after `finish`, or the client is gone."""
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                while self._lines:
                    await stream.send_all(self._lines[0])
                    self._waiting -= len(self._lines.popleft())
                if self._ending:
                    return
                self.scope.deadline = math.inf
                self._news = trio.Event()
                await self._news.wait()
