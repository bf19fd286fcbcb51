"""An engine that says what a test tells it to, over a real Unix socket."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from onionchat.control import control_socket, decode_request, encode
from onionchat.control.replies import AnyResult, Failure, Reply
from onionchat.control.requests import AnyRequest

Script = Callable[[AnyRequest], Iterable[bytes]]


def reply(request: AnyRequest, result: AnyResult) -> bytes:
    return encode(Reply(id=request.id, result=result))


def refusal(request: AnyRequest, failure: Failure) -> bytes:
    return encode(Reply(id=request.id, error=failure))


class HangUp(Exception):
    """Raised by a script: the engine ends this connection."""


class ScriptedEngine:
    """Answers each request with the lines that ``script`` gives for it; use it with ``with``."""

    def __init__(self, script: Script) -> None:
        self.vault = Path(tempfile.mkdtemp(prefix="onionchat-test-"))
        self.socket = control_socket(self.vault)
        self.asked: list[AnyRequest] = []
        self._script = script
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._gone = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.socket.parent.mkdir(parents=True)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish()
        for thread in self._threads:
            thread.join()
        for each in self._connections:
            each.close()
        shutil.rmtree(self.vault)

    def vanish(self) -> None:
        """End every connection at once, as an engine that was killed."""
        with self._lock:
            self._gone = True
            ending = (self._listener, *self._connections)
        for each in ending:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._gone:  # accepted while the engine vanished
                    connection.close()
                    return
                self._connections.append(connection)
            self._start(lambda connection=connection: self._serve(connection))  # type: ignore[misc]  # bound now

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, HangUp), connection.makefile("rb") as lines:
            for line in lines:
                request = decode_request(line)
                self.asked.append(request)
                for answer in self._script(request):
                    connection.sendall(answer)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
