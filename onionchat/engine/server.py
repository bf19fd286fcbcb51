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
from ..errors import ConfigError, ControlError, OnionchatError
from .outbox import Outbox

Answer = Callable[[requests.AnyRequest], replies.AnyResult]

MAX_CLIENTS = 32
CHUNK = 16384
DRAIN_SECONDS = 1.0


class ControlServer:
    """Serves clients until cancelled."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._answer = answer
        self._path = path
        self._watchers: set[Outbox] = set()
        self._clients: set[Outbox] = set()
        self._client_left = trio.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            path.unlink(missing_ok=True)  # we hold the vault's lock: nobody else listens there
            self._socket.bind(bytes(path))
            path.chmod(0o600)
        except OSError as error:
            self._socket.close()
            raise ConfigError(
                f"the control socket cannot be made: {error.strerror}", hint=f"look at {path.parent}"
            ) from error
        self._socket.listen(16)
        self._socket.setblocking(False)

    def tell(self, notice: notices.AnyNotice) -> None:
        """Send a notice to everyone who watches."""
        if self._watchers:
            line = encode(notice)
            for watcher in self._watchers:
                watcher.put(line)
        if isinstance(notice, notices.VaultChanged) and notice.vault == "locked":
            for client in self._clients:  # what it was told of the open vault must not stay for it here
                client.hurry()

    def close(self) -> None:
        """Take no more clients; those that are there end with the nursery."""
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    async def drain(self) -> None:
        """Let every client read what waits for it, and hang up."""
        for client in self._clients:
            client.finish()
        with trio.move_on_after(DRAIN_SECONDS):
            while self._clients:
                await self._client_left.wait()

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept clients until closed."""
        async with trio.open_nursery() as nursery:
            task_status.started()
            while self._socket.fileno() >= 0:
                try:
                    await trio.lowlevel.wait_readable(self._socket)
                    connection, _ = self._socket.accept()
                except (OSError, trio.ClosedResourceError):  # none there any more, or no descriptors left
                    await trio.sleep(0.05)
                    continue
                if not _is_ours(connection):
                    connection.close()
                    continue
                if len(self._clients) >= MAX_CLIENTS:
                    _refuse(connection)
                    continue
                client = Outbox()
                self._clients.add(client)
                connection.setblocking(False)
                stream = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
                nursery.start_soon(self._serve_client, stream, client)

    async def _serve_client(self, stream: trio.SocketStream, client: Outbox) -> None:
        try:
            with client.scope:
                async with stream, trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, stream, client)
                    await client.write_to(stream)
                    nursery.cancel_scope.cancel()
        finally:
            self._clients.discard(client)
            self._watchers.discard(client)
            for contact in client.reading:  # a window that is gone, however it went, shows nothing any more
                with contextlib.suppress(OnionchatError):
                    self._answer(requests.Closed(contact=contact))
            self._client_left.set()
            self._client_left = trio.Event()

    async def _read(self, stream: trio.SocketStream, client: Outbox) -> None:
        buffer = bytearray()
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while len(buffer) <= MAX_REQUEST_LINE and await self._chunk(stream, buffer, client):
                pass
            if len(buffer) > MAX_REQUEST_LINE:
                self._line(bytes(buffer), client)
        client.finish()

    async def _chunk(self, stream: trio.SocketStream, buffer: bytearray, client: Outbox) -> bool:
        """Answer the lines that end with the next chunk, and keep the begun one; False at the end.

        A function of its own: a task that waits must not hold what was said last, which may be a passphrase.
        """
        chunk = await stream.receive_some(CHUNK)
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._line(bytes(buffer + end), client)
            buffer.clear()
        buffer += rest
        return bool(chunk)

    def _line(self, line: bytes, client: Outbox) -> None:
        if not line.strip():
            return
        identifier = None
        try:
            request = decode_request(line)
            identifier = request.id
            if isinstance(request, requests.Watch):
                self._watchers.add(client)
            if isinstance(request, requests.Shown):
                client.reading.add(request.contact)
            reply = replies.Reply(id=identifier, result=self._answer(request))
        except OnionchatError as error:
            if identifier is None:
                identifier = request_id(line)
            reply = replies.Reply(id=identifier, error=failure_of(error))
        client.put(encode(reply))


def _is_ours(connection: socket.socket) -> bool:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (os.getuid(), 0)


def _refuse(connection: socket.socket) -> None:
    error = ControlError(
        "too-many-clients",
        f"the engine serves {MAX_CLIENTS} clients already",
        hint="end one of them: a chat, a watch, a script",
    )
    with connection, contextlib.suppress(OSError):
        connection.send(encode(replies.Reply(id=None, error=failure_of(error))), socket.MSG_DONTWAIT)
