"""Small TCP listeners that stand where a tor is expected."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(behave: Behaviour) -> Iterator[tuple[str, int]]:
    """Give host and port of a listener that lets ``behave`` deal with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    peers: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peers.append(peer)
            with suppress(OSError):
                behave(peer)
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        for sock in (listener, *peers):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        thread.join()
        for sock in (listener, *peers):
            sock.close()


def take(sock: socket.socket, size: int) -> bytes:
    """Read exactly ``size`` bytes, or what came before the end."""
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


def hold(peer: socket.socket) -> None:
    """Read for ever and say nothing."""
    while peer.recv(4096):
        pass


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
