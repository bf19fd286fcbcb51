"""The wire's process from outside: legs that lead somewhere, records of what passed, and its end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onionchat.errors import ConnectionLost
from onionchat.lab.legs import Packets, Wire
from onionchat.lab.stage import busiest
from onionchat.lab.wire import Aim

PATIENCE = 60.0


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


def seen(wire: Wire, size: int) -> Packets:
    """The news, once so many bytes are among them."""
    deadline = time.monotonic() + PATIENCE
    news = wire.news()
    while news["size"].sum() < size:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        more = wire.news()
        news = more if not len(news) else news if not len(more) else _joined(news, more)
    return news


def _joined(first: Packets, second: Packets) -> Packets:
    import numpy as np

    both: Packets = np.concatenate([first, second])
    return both


def dialogue(client: socket.socket, tor: socket.socket) -> None:
    """What a SOCKS client and tor say to each other first: a tap does not write it down."""
    client.sendall(b"\x05\x01\x00")
    assert tor.recv(3, socket.MSG_WAITALL)
    tor.sendall(b"\x05\x00")
    assert client.recv(2, socket.MSG_WAITALL)
    client.sendall(b"\x05\x01\x00\x01" + bytes(6))
    assert tor.recv(10, socket.MSG_WAITALL)
    tor.sendall(b"\x05\x00\x00\x01" + bytes(6))
    assert client.recv(10, socket.MSG_WAITALL)


def test_what_passes_a_leg_is_read_with_its_time_size_and_direction(tmp_path: Path) -> None:
    with Wire(tmp_path) as wire, listening() as tor:
        wire.open(proxy=True)
        leg = wire.open(proxy=False)
        leg.target = tor.getsockname()
        with socket.create_connection(("127.0.0.1", leg.port)) as client:
            there, _ = tor.accept()
            with there:
                dialogue(client, there)
                before = time.monotonic()
                client.sendall(bytes(1952))
                assert len(there.recv(1952, socket.MSG_WAITALL)) == 1952
                there.sendall(bytes(100))
                assert len(client.recv(100, socket.MSG_WAITALL)) == 100
                after = time.monotonic()
                news = seen(wire, 2052)
        assert set(news["leg"].tolist()) == {leg.number}
        assert news["size"][news["out"] == 1].sum() == 1952
        assert news["size"][news["out"] == 0].sum() == 100
        # two clocks are compared to get the kernel's times on ours
        assert before - 0.01 <= news["at"].min() <= news["at"].max() <= after + 0.01
        assert not len(wire.news())
        assert busiest(news, leg)["size"].sum() == 2052


def test_a_leg_that_is_cut_takes_new_connections(tmp_path: Path) -> None:
    with Wire(tmp_path) as wire, listening() as tor:
        leg = wire.open(proxy=False)
        leg.target = tor.getsockname()
        with socket.create_connection(("127.0.0.1", leg.port)) as client:
            client.settimeout(PATIENCE)
            there, _ = tor.accept()
            with there:
                leg.cut()
                assert client.recv(1) == b""
        with socket.create_connection(("127.0.0.1", leg.port)):
            tor.accept()[0].close()


def test_it_ends_with_its_owner_and_says_when_it_is_gone(tmp_path: Path) -> None:
    with Wire(tmp_path) as wire:
        leg = wire.open(proxy=True)
    with pytest.raises(ConnectionLost):
        wire.order(Aim(leg=leg.number, port=1))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", leg.port))
    assert (tmp_path / "wire.records").stat().st_mode & 0o77 == 0
