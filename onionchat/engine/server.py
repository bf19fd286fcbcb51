"""The control socket: lines in, lines out, notices to those who watch.

Laws: only our own user (or root) is served, by the kernel's word; a line is bounded before it is read; a
watcher that does not keep up is disconnected, never waited for; only `ControlError` and its kin go out.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import trio

from ..control import decode_request, encode, notices, replies, request_id, requests
from ..control.failure import failure_of
from ..control.limits import MAX_REQUEST_LINE
from ..errors import ConfigError, OnionchatError

Answer = Callable[[requests.AnyRequest], replies.AnyResult]

MAX_CLIENTS = 32
QUEUE = 2000
"""Lines that may wait for one client; more, and it is disconnected."""
CHUNK = 16384
DRAIN_SECONDS = 1.0


class ControlServer:
    """Serves clients until cancelled."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._answer = answer
        self._path = path
        self._watchers: set[trio.MemorySendChannel[bytes]] = set()
        self._outboxes: set[trio.MemorySendChannel[bytes]] = set()
        self._client_left = trio.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)  # we hold the vault's lock: nobody else listens there
        try:
            self._socket.bind(bytes(path))
        except OSError as error:
            raise ConfigError(f"the control socket cannot be made: {error.strerror}") from error
        path.chmod(0o600)
        self._socket.listen(16)
        self._socket.setblocking(False)

    def tell(self, notice: notices.AnyNotice) -> None:
        """Send a notice to everyone who watches."""
        line = encode(notice)
        for watcher in list(self._watchers):
            self._put(watcher, line)

    def close(self) -> None:
        """Take no more clients; those that are there end with the nursery."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    async def drain(self) -> None:
        """Let every client read what waits for it, and hang up."""
        for outbox in list(self._outboxes):
            outbox.close()
        with trio.move_on_after(DRAIN_SECONDS):
            while self._outboxes:
                await self._client_left.wait()

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept clients."""
        async with trio.open_nursery() as nursery:
            task_status.started()
            while True:
                await trio.lowlevel.wait_readable(self._socket)
                try:
                    connection, _ = self._socket.accept()
                except OSError:
                    await trio.sleep(0.05)
                    continue
                if len(self._outboxes) >= MAX_CLIENTS or not _is_ours(connection):
                    connection.close()
                    continue
                connection.setblocking(False)
                stream = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
                nursery.start_soon(self._client, stream)

    async def _client(self, stream: trio.SocketStream) -> None:
        outbox, lines = trio.open_memory_channel[bytes](QUEUE)
        self._outboxes.add(outbox)
        try:
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream, lines, nursery.cancel_scope)
                with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self._read(stream, outbox)
                outbox.close()  # what is queued still goes out
        finally:
            self._outboxes.discard(outbox)
            self._client_left.set()
            self._client_left = trio.Event()
            self._watchers.discard(outbox)

    async def _write(
        self,
        stream: trio.SocketStream,
        lines: trio.MemoryReceiveChannel[bytes],
        scope: trio.CancelScope,
    ) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for line in lines:
                await stream.send_all(line)
        scope.cancel()

    async def _read(self, stream: trio.SocketStream, outbox: trio.MemorySendChannel[bytes]) -> None:
        buffer = bytearray()
        while chunk := await stream.receive_some(CHUNK):
            start = len(buffer)
            buffer += chunk
            while (end := buffer.find(b"\n", start)) >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                start = 0
                if line.strip():
                    self._reply(line, outbox)
            if len(buffer) > MAX_REQUEST_LINE:
                self._reply(bytes(buffer[: MAX_REQUEST_LINE + 1]), outbox)
                return

    def _reply(self, line: bytes, outbox: trio.MemorySendChannel[bytes]) -> None:
        identifier = None
        try:
            request = decode_request(line)
            identifier = request.id
            if isinstance(request, requests.Watch):
                self._watchers.add(outbox)
            reply = replies.Reply(id=identifier, result=self._answer(request))
        except OnionchatError as error:
            if identifier is None:
                identifier = request_id(line)
            reply = replies.Reply(id=identifier, error=failure_of(error))
        self._put(outbox, encode(reply))

    def _put(self, outbox: trio.MemorySendChannel[bytes], line: bytes) -> None:
        try:
            outbox.send_nowait(line)
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            self._watchers.discard(outbox)
            outbox.close()


def _is_ours(connection: socket.socket) -> bool:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (os.getuid(), 0)
