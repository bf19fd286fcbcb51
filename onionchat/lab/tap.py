"""A wire tap between a client and tor's SOCKS port: who wrote how many bytes when.

Laws: it listens on loopback alone and keeps sizes and times, never contents. It neither splits nor merges
what it sees in practice: both sides have TCP_NODELAY, and each write is passed on at once and whole. What
came is acknowledged at once, too: else the kernel waits 40 ms and more, or for what goes the other way, and
tor waits for the acknowledgement before it writes again (Nagle); with a tick that is shorter than that, what
comes in would be tied to what goes out, as it is at no tick that a user may choose. The time is the one at
which the kernel got the bytes (SO_TIMESTAMPNS), as in a packet capture, so that a tap that is itself kept
waiting for the processor writes down no other times.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

_READ: Final = 1 << 16
_LENGTHS: Final = {1: 4, 4: 16}
"""Bytes of a SOCKS address by its type, beside names, which carry their length (RFC 1928, section 5)."""
_NAME: Final = 3
_WITH_PASSWORD: Final = 2
_PASSWORD_VERSION: Final = b"\x01"
_TIMESTAMP: Final = 35
"""SO_TIMESTAMPNS and SCM_TIMESTAMPNS of Linux, which Python does not name."""
_TIMESPEC: Final = struct.Struct("@qq")

_READINGS: Final = 3

Direction = Literal["out", "in"]
Dialogue = Generator[int, bytes, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One write: which connection (counted from 0), when (monotonic seconds), how many bytes, which way."""

    connection: int
    at: float
    size: int
    direction: Direction


class Tap:
    """Listens on ``port`` and passes everything on to ``target``. A context manager.

    Args:
        target: host and port of tor's SOCKS listener; may be set later, before the first connection.
        note: takes each record; without it they are kept in `records`.
    """

    def __init__(
        self, target: tuple[str, int] | None = None, *, note: Callable[[Record], None] | None = None
    ) -> None:
        self.target = target
        self.records: list[Record] = []
        self._note = note or self.records.append
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False
        self._spawn(self._accept)

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1 to use in place of tor's."""
        return int(self._listener.getsockname()[1])

    @property
    def sizes_out(self) -> Counter[int]:
        """How often each size was written towards tor, SOCKS dialogues left out."""
        return Counter(record.size for record in tuple(self.records) if record.direction == "out")

    def close(self) -> None:
        """Cut every connection and wait for the threads. Idempotent."""
        with self._lock:
            self._closed = True
            for sock in (self._listener, *self._open):
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def cut(self) -> None:
        """End every connection that there is, and take new ones."""
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="tap", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._carry, client, number)
            number += 1

    def _reach(self, client: socket.socket) -> tuple[socket.socket, bool]:
        """Connect with where a client wants to go.

        Returns:
            The connection, and whether the two have a SOCKS dialogue to come.

        Raises:
            OSError: there is nobody.
        """
        if self.target is None:
            raise ConnectionRefusedError
        return socket.create_connection(self.target), True

    def _carry(self, client: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(client)
        try:
            tor, dialogue = self._reach(client)
        except OSError:
            with self._lock:
                self._open.discard(client)
                client.close()
            return
        for sock in (client, tor):
            if sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        with self._lock:
            self._open.add(tor)
            if self._closed:
                client.shutdown(socket.SHUT_RDWR)
        theirs, ours = (_tor_side(), _client_side()) if dialogue else (None, None)
        back = threading.Thread(
            target=self._pass_on, args=(tor, client, number, "in", theirs), name="tap", daemon=True
        )
        back.start()
        self._pass_on(client, tor, number, "out", ours)
        back.join()
        with self._lock:
            self._open -= {client, tor}
            client.close()
            tor.close()

    def _pass_on(
        self,
        source: socket.socket,
        sink: socket.socket,
        number: int,
        way: Direction,
        dialogue: Dialogue | None,
    ) -> None:
        skipper = _Skipper(dialogue) if dialogue is not None else None
        with suppress(OSError):
            while True:
                data, extra, _, _ = source.recvmsg(_READ, socket.CMSG_SPACE(_TIMESPEC.size))
                if not data:
                    break
                if source.family == socket.AF_INET:
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # for this once
                at = _arrival(extra)
                sink.sendall(data)
                if size := skipper.beyond(data) if skipper is not None else len(data):
                    self._note(Record(connection=number, at=at, size=size, direction=way))
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _arrival(extra: list[tuple[int, int, bytes]]) -> float:
    """When the kernel got what was read, on the monotonic clock; now, where it does not say."""
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMP):
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return min(time.monotonic(), float(seconds) + float(nanoseconds) / 1e9 - _ahead())
    return time.monotonic()


def _ahead() -> float:
    """By how much the wall clock is ahead of the monotonic one.

    Both are read several times: whoever loses the processor between two readings is off by that time.
    """
    readings = []
    for _ in range(_READINGS):
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        readings.append((after - before, wall - (before + after) / 2))
    return min(readings)[1]


class _Skipper:
    """Follows one side of a SOCKS dialogue and tells what comes after it."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._need = next(dialogue)
        self._held = b""
        self._over = False

    def beyond(self, data: bytes) -> int:
        """Count the bytes of ``data`` that no longer belong to the dialogue."""
        if self._over:
            return len(data)
        self._held += data
        while len(self._held) >= self._need:
            part, self._held = self._held[: self._need], self._held[self._need :]
            try:
                self._need = self._dialogue.send(part)
            except StopIteration:
                self._over = True
                return len(self._held)
        return 0


def _client_side() -> Dialogue:
    """What a client says (RFC 1928, RFC 1929): asks for so many bytes, is given them."""
    yield (yield 2)[1]
    first = yield 1
    if first == _PASSWORD_VERSION:
        yield (yield 1)[0]
        yield (yield 1)[0]
        yield 1
    yield from _address((yield 3)[2])


def _tor_side() -> Dialogue:
    """What tor answers."""
    if (yield 2)[1] == _WITH_PASSWORD:
        yield 2
    yield from _address((yield 4)[3])


def _address(kind: int) -> Dialogue:
    yield (yield 1)[0] if kind == _NAME else _LENGTHS.get(kind, 0)
    yield 2
