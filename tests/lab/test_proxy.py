"""The proxy against real sockets: where it leads, where it does not, and what it writes down."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onionchat.lab.proxy import Proxy
from onionchat.lab.tap import Record

GRANTED = b"\x05\x00"


@contextmanager
def echoing(family: socket.AddressFamily, where: str | tuple[str, int]) -> Iterator[socket.socket]:
    listener = socket.socket(family)
    listener.bind(where)
    listener.listen()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            while data := peer.recv(1 << 16):
                peer.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.close()


def ask(
    proxy: Proxy, kind: int, where: bytes, port: int, *, password: bool = False
) -> tuple[socket.socket, bytes]:
    """The dialogue; returns the connection and the first two bytes of the last answer."""
    client = socket.create_connection(("127.0.0.1", proxy.port))
    client.settimeout(10)
    client.sendall(b"\x05\x01" + (b"\x02" if password else b"\x00"))
    assert client.recv(2, socket.MSG_WAITALL) == (b"\x05\x02" if password else b"\x05\x00")
    if password:
        client.sendall(b"\x01\x02me\x03you")
        assert client.recv(2, socket.MSG_WAITALL) == b"\x01\x00"
    client.sendall(b"\x05\x01\x00" + bytes([kind]) + where + port.to_bytes(2, "big"))
    return client, client.recv(10, socket.MSG_WAITALL)[:2]


def exchange(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    assert client.recv(len(data), socket.MSG_WAITALL) == data


@pytest.mark.parametrize("password", [False, True])
def test_it_leads_to_loopback_and_writes_down_what_follows_the_dialogue(password: bool) -> None:
    noted: list[Record] = []
    with echoing(socket.AF_INET, ("127.0.0.1", 0)) as there, Proxy(note=noted.append) as proxy:
        port = there.getsockname()[1]
        client, answer = ask(proxy, 1, socket.inet_aton("127.0.0.1"), port, password=password)
        with client:
            assert answer == GRANTED
            exchange(client, bytes(1000))
    assert sum(one.size for one in noted if one.direction == "out") == 1000
    assert sum(one.size for one in noted if one.direction == "in") == 1000


def test_it_leads_nowhere_else() -> None:
    with Proxy() as proxy:
        for kind, where in ((1, socket.inet_aton("192.0.2.1")), (3, b"\x0bexample.org")):
            client, answer = ask(proxy, kind, where, 80)
            with client:
                assert answer == b"\x05\x05"


def test_what_is_not_socks_is_closed() -> None:
    with Proxy() as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.settimeout(10)
        client.sendall(b"\x05\x01\x00")
        assert client.recv(2, socket.MSG_WAITALL) == b"\x05\x00"
        client.sendall(b"\x05\x02\x00\x01")  # to bind, which nobody here does
        assert client.recv(10) == b""


def test_a_short_cut_leads_to_the_newest_service_socket(tmp_path: Path) -> None:
    with Proxy() as proxy:
        proxy.short_cut = tmp_path
        client, answer = ask(proxy, 3, b"\x05onion", 80)
        client.close()
        assert answer == b"\x05\x05", "there is none yet"
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(str(tmp_path / "old.s"))
            time.sleep(0.05)  # file systems tell times apart by the kernel's ticks
            with echoing(socket.AF_UNIX, str(tmp_path / "new.s")):
                client, answer = ask(proxy, 3, b"\x05onion", 80)
                with client:
                    assert answer == GRANTED
                    exchange(client, b"hello")
