"""The tap against real sockets and a SOCKS listener that speaks its dialogue byte by byte."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from onionchat.lab.tap import Tap

CELL = 1952


@contextmanager
def socks_listener(*, password: bool) -> Iterator[tuple[str, int]]:
    """A listener that takes one connection, plays tor's part, and echoes afterwards."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, peer.makefile("rb", buffering=0) as reader:

            def take(size: int) -> bytes:
                data = b""
                while len(data) < size:
                    data += reader.read(size - len(data)) or b""
                return data

            take(take(2)[1])
            peer.sendall(b"\x05\x02" if password else b"\x05\x00")
            if password:
                take(take(2)[1])
                take(take(1)[0])
                peer.sendall(b"\x01\x00")
            kind = take(4)[3]
            take((take(1)[0] if kind == 3 else {1: 4, 4: 16}[kind]) + 2)
            peer.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            while data := peer.recv(1 << 16):
                peer.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.close()
        thread.join()


def take(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


def greet(sock: socket.socket, *, password: bool, address: bytes, in_pieces: bool) -> None:
    """Play the client's part of RFC 1928."""

    def say(words: bytes) -> None:
        for piece in [words[i : i + 1] for i in range(len(words))] if in_pieces else [words]:
            sock.sendall(piece)

    say(b"\x05\x02\x00\x02")
    take(sock, 2)
    if password:
        say(b"\x01\x04user\x08password")
        take(sock, 2)
    say(b"\x05\x01\x00" + address + struct.pack(">H", 80))
    take(sock, 10)


@pytest.mark.parametrize("password", [True, False])
@pytest.mark.parametrize("in_pieces", [True, False])
@pytest.mark.parametrize("address", [b"\x03\x09abc.onion", b"\x01\x7f\x00\x00\x01", b"\x04" + bytes(16)])
def test_records_each_write_after_the_dialogue(password: bool, in_pieces: bool, address: bytes) -> None:
    with socks_listener(password=password) as target, Tap(target) as tap:
        with socket.create_connection(("127.0.0.1", tap.port)) as client:
            greet(client, password=password, address=address, in_pieces=in_pieces)
            for size in (CELL, CELL, 100):
                client.sendall(bytes(size))
                assert take(client, size) == bytes(size)
        tap.close()
        assert tap.sizes_out == Counter({CELL: 2, 100: 1})
        assert sum(record.size for record in tap.records if record.direction == "in") == 2 * CELL + 100
        times = [record.at for record in tap.records if record.direction == "out"]
        assert times == sorted(times)


def test_counts_connections_apart_and_takes_its_target_later() -> None:
    with Tap() as tap:
        for number in range(2):
            with socks_listener(password=True) as target:
                tap.target = target
                with socket.create_connection(("127.0.0.1", tap.port)) as client:
                    greet(client, password=True, address=b"\x03\x01a", in_pieces=False)
                    client.sendall(bytes(10 + number))
                    take(client, 10 + number)
        tap.close()
        seen = {(record.connection, record.size) for record in tap.records if record.direction == "out"}
        assert seen == {(0, 10), (1, 11)}


def test_bytes_that_follow_the_dialogue_in_the_same_write_are_counted() -> None:
    with socks_listener(password=False) as target, Tap(target) as tap:
        with socket.create_connection(("127.0.0.1", tap.port)) as client:
            client.sendall(b"\x05\x01\x00")
            take(client, 2)
            client.sendall(b"\x05\x01\x00\x03\x01a\x00\x50" + bytes(7))
            take(client, 10 + 7)
        tap.close()
        assert tap.sizes_out == Counter({7: 1})


def test_without_a_target_a_client_is_hung_up_on() -> None:
    with Tap() as tap, socket.create_connection(("127.0.0.1", tap.port)) as client:
        assert client.recv(1) == b""


def test_close_cuts_open_connections() -> None:
    with socks_listener(password=False) as target, Tap(target) as tap:
        with socket.create_connection(("127.0.0.1", tap.port)) as client:
            greet(client, password=False, address=b"\x03\x01a", in_pieces=False)
            tap.close()
            assert client.recv(1) == b""
        tap.close()
