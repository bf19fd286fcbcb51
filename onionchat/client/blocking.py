"""The control socket's client for scripts and the command line: one call, one answer.

Laws: not for use from several threads. Only `control` and `errors` are known here.
"""

from __future__ import annotations

import itertools
import socket as sockets
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ..control import decode_from_engine
from ..control.notices import AnyNotice
from ..control.replies import AnyResult, Reply
from ..control.requests import AnyRequest, Watch
from ..errors import ControlError
from .rules import CHUNK, MAX_WAITING, Lines, check_peer, engine_gone, line_of, no_connection, result_of


class Client:
    """A connection to the engine. Replies and notices may interleave; none is lost."""

    def __init__(self, connection: sockets.socket, *, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._lines = Lines()
        self._items: deque[Reply | AnyNotice] = deque()
        self._notices: deque[AnyNotice] = deque()

    @classmethod
    def connect(cls, socket: Path, *, timeout: float = 60.0) -> Self:
        """Connect to the engine's control socket.

        Args:
            socket: the path, see `control.control_socket`.
            timeout: seconds that an answer may take (opening a vault takes one or more).

        Raises:
            ControlError: ``engine-not-running`` or ``engine-denied``.
        """
        connection = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(str(socket))
            check_peer(connection)
        except OSError as error:
            connection.close()
            raise no_connection(socket, error) from None
        except ControlError:
            connection.close()
            raise
        return cls(connection, timeout=timeout)

    def ask(self, request: AnyRequest) -> AnyResult:
        """The engine's answer to ``request`` (its ``id`` is set here).

        Raises:
            ControlError: what the engine refused, or ``engine-gone``, ``engine-silent``, ``bad-reply``.
        """
        number = next(self._ids)
        line = line_of(msgspec.structs.replace(request, id=number))
        deadline = time.monotonic() + self._timeout
        self._write(line)
        while True:
            item = self._next(deadline)
            if not isinstance(item, Reply):
                if len(self._notices) == MAX_WAITING:
                    raise ControlError("too-slow", "more notices arrived than are kept; some were lost")
                self._notices.append(item)
            elif item.id == number:
                return result_of(item)
            elif item.id is None:
                result_of(item)  # a complaint that names no request can only be about ours

    def watch(self) -> Iterator[AnyNotice]:
        """Notices as they happen, without end; the iterator stops when the engine has gone.

        `ask` may be called between two notices.

        Raises:
            ControlError: as `ask`.
        """
        self.ask(Watch())
        return self._watched()

    def close(self) -> None:
        """End the connection. May be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _watched(self) -> Iterator[AnyNotice]:
        while True:
            if self._notices:
                yield self._notices.popleft()
                continue
            try:
                item = self._next(None)
            except ControlError as error:
                if error.code == "engine-gone":
                    return
                raise
            if not isinstance(item, Reply):
                yield item

    def _write(self, line: bytes) -> None:
        try:
            self._connection.settimeout(self._timeout)
            self._connection.sendall(line)
        except TimeoutError:
            raise self._silent() from None
        except OSError:
            raise engine_gone() from None

    def _next(self, deadline: float | None) -> Reply | AnyNotice:
        while not self._items:
            try:
                if deadline is None:
                    self._connection.settimeout(None)
                else:
                    self._connection.settimeout(max(0.001, deadline - time.monotonic()))
                data = self._connection.recv(CHUNK)
            except TimeoutError:
                raise self._silent() from None
            except OSError:
                raise engine_gone() from None
            if not data:
                raise engine_gone()
            self._items.extend(map(decode_from_engine, self._lines.feed(data)))
        return self._items.popleft()

    def _silent(self) -> ControlError:
        self.close()  # half an answer may still come; nothing after it could be trusted to be in order
        return ControlError(
            "engine-silent",
            f"the engine did not answer within {self._timeout:g} s",
            hint="see what it is doing: onionchat status",
            exit_code=6,
        )
