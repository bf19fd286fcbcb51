"""A raw echo over Tor: streams through the same two tors as a link's, with nothing of ours in between.

Laws: the streams dial tor's SOCKS port itself and end at a Unix socket, as links do; a block has the size of
a cell. Nothing is encrypted, stored or scheduled.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..crypto.onion import OnionKey
from ..errors import PeerUnreachable
from ..protocol.constants import CELL_SIZE, VIRTUAL_PORT
from ..tor import TorController, dial
from .station import Station

STREAMS: Final = 3
"""Each with circuits of its own, so that a slow one does not decide."""
CONTROL_SECONDS: Final = 10.0
PUBLISH_SECONDS: Final = 60.0
DIAL_SECONDS: Final = 30.0
ECHO_SECONDS: Final = 10.0


class Echo:
    """Streams that stand. Made by `echo`."""

    def __init__(self, streams: list[socket.socket]) -> None:
        self._streams = streams
        self._turn = 0

    def round_trip(self) -> float:
        """Seconds that one block takes there and back, on the next stream in turn."""
        stream = self._streams[self._turn % len(self._streams)]
        self._turn += 1
        block = os.urandom(CELL_SIZE)
        begun = time.monotonic()
        stream.sendall(block)
        _take(stream)
        return time.monotonic() - begun


@contextmanager
def echo(near: Station, far: Station, folder: Path) -> Iterator[Echo]:
    """Streams from the tor of ``near`` to an onion service on the tor of ``far``.

    Raises:
        TorUnavailable: a tor does not answer.
        PeerUnreachable: the service could not be reached.
    """
    listener = socket.socket(socket.AF_UNIX)
    controller = TorController.connect(str(far.tor_control), timeout=CONTROL_SECONDS)
    streams: list[socket.socket] = []
    threads: list[threading.Thread] = []
    try:
        path = folder / "echo.sock"
        listener.bind(bytes(path))
        listener.listen(STREAMS)
        address = controller.add_onion(
            OnionKey.generate(secrets.token_bytes).expanded(),
            target=f"unix:{path}",
            virtual_port=VIRTUAL_PORT,
        )
        controller.wait_published(address, PUBLISH_SECONDS)
        for _ in range(STREAMS):
            streams.append(_dial(near.tor_socks(), address))
            threads.append(threading.Thread(target=_serve, args=(listener.accept()[0],), daemon=True))
            threads[-1].start()
        yield Echo(streams)
    finally:
        for stream in streams:
            stream.close()
        controller.close()
        listener.close()
        for thread in threads:
            thread.join()


def _dial(proxy: tuple[str, int], address: str) -> socket.socket:
    deadline = time.monotonic() + PUBLISH_SECONDS
    while True:
        try:
            stream = dial(
                socks=proxy,
                user=secrets.token_hex(8),
                password=secrets.token_hex(8),
                onion=address,
                port=VIRTUAL_PORT,
                timeout=DIAL_SECONDS,
            )
        except PeerUnreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)
        else:
            stream.settimeout(ECHO_SECONDS)
            return stream


def _serve(stream: socket.socket) -> None:
    with stream, suppress(OSError, EOFError):
        while True:
            stream.sendall(_take(stream))


def _take(stream: socket.socket) -> bytes:
    """One block.

    Raises:
        EOFError: the stream ended.
    """
    block = b""
    while len(block) < CELL_SIZE:
        part = stream.recv(CELL_SIZE - len(block))
        if not part:
            raise EOFError
        block += part
    return block
