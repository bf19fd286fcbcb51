"""Two managed tors in a private network: a service, its descriptor, a dial, bytes, the end of the service."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from onionchat.crypto.onion import OnionKey
from onionchat.errors import PeerUnreachable
from onionchat.lab.tap import Tap
from onionchat.tor import dial

from .conftest import PATIENCE, ManagedTor, StartManagedTor

pytestmark = pytest.mark.realtor

PORT = 80
CELL = 1952


@pytest.fixture(scope="module")
def pair(start_managed_tor: StartManagedTor) -> tuple[ManagedTor, ManagedTor]:
    """The tor that runs services, and the tor that dials them."""
    return start_managed_tor(), start_managed_tor()


@contextmanager
def echoing(path: Path) -> Iterator[str]:
    """A Unix socket that echoes; gives the target for ``add_onion``."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    threads: list[threading.Thread] = []
    peers: list[socket.socket] = []

    def echo(peer: socket.socket) -> None:
        with suppress(OSError):
            while data := peer.recv(1 << 16):
                peer.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                peers.append(listener.accept()[0])
                threads.append(threading.Thread(target=echo, args=(peers[-1],), daemon=True))
                threads[-1].start()

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    try:
        yield f"unix:{path}"
    finally:
        for sock in (listener, *peers):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in (server, *threads):
            thread.join()
        for sock in (listener, *peers):
            sock.close()


def take(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


def call(tor: ManagedTor, onion: str, *, port: int = PORT, timeout: float = PATIENCE) -> socket.socket:
    address = tor.controller.socks_address()
    return dial(socks=address, user="me", password="you", onion=onion, port=port, timeout=timeout)


def test_a_service_is_published_found_dialled_and_gone(
    pair: tuple[ManagedTor, ManagedTor], tmp_path: Path
) -> None:
    host, guest = pair
    key = OnionKey.generate(os.urandom)
    with echoing(tmp_path / "service") as target:
        address = host.controller.add_onion(key.expanded(), target=target, virtual_port=PORT)
        assert address == key.address
        assert host.controller.wait_published(address, PATIENCE)
        assert host.controller.fetch_descriptor(address, timeout=PATIENCE)
        assert guest.controller.fetch_descriptor(address, timeout=PATIENCE)
        with call(guest, address) as sock:
            message = os.urandom(10 * CELL)
            sock.sendall(message)
            assert take(sock, len(message)) == message
        with pytest.raises(PeerUnreachable, match="does not take calls at this port"):
            call(guest, address, port=PORT + 1)
        host.controller.remove_onion(address)
        host.controller.remove_onion(address)
        with pytest.raises(PeerUnreachable):
            call(guest, address, timeout=10)


def test_several_services_are_waited_for_at_once(pair: tuple[ManagedTor, ManagedTor], tmp_path: Path) -> None:
    host, guest = pair
    keys = [OnionKey.generate(os.urandom) for _ in range(4)]
    with echoing(tmp_path / "service") as target:
        for key in keys:
            host.controller.add_onion(key.expanded(), target=target, virtual_port=PORT)
        published: dict[str, bool] = {}

        def wait(address: str) -> None:
            published[address] = host.controller.wait_published(address, PATIENCE)

        waiters = [threading.Thread(target=wait, args=(key.address,)) for key in keys]
        for waiter in waiters:
            waiter.start()
        for waiter in waiters:
            waiter.join()
        assert published == {key.address: True for key in keys}
        for key in keys:
            with call(guest, key.address) as sock:
                sock.sendall(b"hello")
                assert take(sock, 5) == b"hello"
            host.controller.remove_onion(key.address)


def test_what_was_never_published_is_not_found(pair: tuple[ManagedTor, ManagedTor]) -> None:
    _, guest = pair
    address = OnionKey.generate(os.urandom).address
    assert not guest.controller.fetch_descriptor(address, timeout=PATIENCE)
    with pytest.raises(PeerUnreachable, match="never published"):
        call(guest, address)


def test_a_tap_sees_each_write_towards_tor(pair: tuple[ManagedTor, ManagedTor], tmp_path: Path) -> None:
    host, guest = pair
    key = OnionKey.generate(os.urandom)
    with echoing(tmp_path / "service") as target, Tap(guest.controller.socks_address()) as tap:
        address = host.controller.add_onion(key.expanded(), target=target, virtual_port=PORT)
        assert host.controller.wait_published(address, PATIENCE)
        through = ("127.0.0.1", tap.port)
        with dial(
            socks=through, user="me", password="you", onion=address, port=PORT, timeout=PATIENCE
        ) as sock:
            for _ in range(3):
                sock.sendall(bytes(CELL))
                take(sock, CELL)
        host.controller.remove_onion(address)
        assert tap.sizes_out == {CELL: 3}


def test_a_service_ends_with_its_controller(start_managed_tor: StartManagedTor, tmp_path: Path) -> None:
    host = start_managed_tor()
    with echoing(tmp_path / "service") as target:
        key = OnionKey.generate(os.urandom)
        host.controller.add_onion(key.expanded(), target=target, virtual_port=PORT)
        host.controller.close()
        assert host.process.wait(PATIENCE) == 0
