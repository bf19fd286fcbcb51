from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onionchat.errors import ConnectionLost, LocalProtocolError
from onionchat.metronome import Begin, Drop, Ended, Lay, Left, Reason, ToEngine, decode_to_engine, encode
from onionchat.metronome.edge import ProcessEdge, SocketOutlet
from onionchat.protocol.pace import Pace

BEGIN = encode(Begin(link=1, key=bytes(32), pace=Pace()))


@dataclass
class Pair:
    engine: socket.socket
    edge: ProcessEdge


@pytest.fixture
def pair() -> Iterator[Pair]:
    engine, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with engine, ours:
        yield Pair(engine=engine, edge=ProcessEdge(ours))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def flood(outlet: SocketOutlet) -> None:
    while outlet.send(bytes(1952)):
        pass


def test_a_link_arrives_with_its_socket(pair: Pair) -> None:
    near, far = socket.socketpair()
    with near, far:
        socket.send_fds(pair.engine, [BEGIN], [near.fileno()])
        arrival = pair.edge.receive(math.inf)
        assert arrival is not None
        assert isinstance(arrival.message, Begin)
        assert arrival.outlet is not None
        assert arrival.outlet.send(b"cell") == 4
        assert far.recv(99) == b"cell"
        arrival.outlet.abort()
        assert far.recv(99) == b""


def test_a_past_moment_is_looked_at_once(pair: Pair) -> None:
    assert pair.edge.receive(time.monotonic() - 1) is None
    pair.engine.send(encode(Drop(link=4)))
    arrival = pair.edge.receive(time.monotonic() - 1)
    assert arrival is not None
    assert arrival.message == Drop(link=4)


def test_waiting_ends_no_sooner_than_its_moment(pair: Pair) -> None:
    until = pair.edge.clock() + 0.01
    pair.edge.wait(until)
    assert pair.edge.clock() >= until
    pair.edge.wait(0.0)


def test_an_engine_that_is_gone(pair: Pair) -> None:
    pair.engine.close()
    with pytest.raises(ConnectionLost):
        pair.edge.receive(math.inf)


def test_an_engine_that_is_gone_with_reports_unread(pair: Pair) -> None:
    pair.edge.report(Ended(link=1, reason=Reason.LOST))
    pair.engine.close()
    with pytest.raises(ConnectionLost):
        pair.edge.receive(math.inf)
    pair.edge.report(Ended(link=2, reason=Reason.LOST))


@pytest.mark.parametrize(
    ("datagram", "sockets"),
    [
        (BEGIN, 0),
        (BEGIN, 2),
        (BEGIN, 3),
        (encode(Drop(link=1)), 1),
        (b"\xff" * 20, 1),
        (encode(Lay(link=1, cell_type=1, body=bytes(1933))) + b"x", 0),
        (bytes(60_000), 0),
    ],
)
def test_a_malformed_message_leaves_no_descriptor(pair: Pair, datagram: bytes, sockets: int) -> None:
    near, far = socket.socketpair()
    with near, far:
        before = open_descriptors()
        socket.send_fds(pair.engine, [datagram], [near.fileno()] * sockets)
        with pytest.raises(LocalProtocolError):
            pair.edge.receive(math.inf)
        assert open_descriptors() == before


def test_a_descriptor_that_is_no_socket_is_refused(pair: Pair) -> None:
    reader, writer = os.pipe()
    try:
        before = open_descriptors()
        socket.send_fds(pair.engine, [BEGIN], [writer])
        with pytest.raises(LocalProtocolError):
            pair.edge.receive(math.inf)
        assert open_descriptors() == before
    finally:
        os.close(reader)
        os.close(writer)


def test_a_cell_never_waits_for_an_acknowledgement() -> None:  # Nagle's algorithm is off
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as near,
    ):
        SocketOutlet(near)
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_sending_never_waits_and_leaves_the_shared_socket_as_it_was() -> None:
    near, far = socket.socketpair()
    with near, far:
        outlet = SocketOutlet(near.dup())
        with pytest.raises(BlockingIOError):
            flood(outlet)
        assert near.getblocking()
        assert os.get_blocking(near.fileno())
        outlet.abort()


def test_finishing_delivers_what_was_sent() -> None:
    near, far = socket.socketpair()
    with near, far:
        outlet = SocketOutlet(near.dup())
        outlet.send(b"the last")
        outlet.finish()
        assert far.recv(99) == b"the last"
        assert far.recv(99) == b""
        far.send(b"an answer")  # the engine still reads
        assert near.recv(99) == b"an answer"
        outlet.finish()


def test_an_engine_that_does_not_read_loses_nothing_that_it_counts_on(pair: Pair) -> None:
    cover = Left(link=1, real=0, waiting=0, scheduled=1.0, sent=1.0)
    counted: list[ToEngine] = [
        Ended(link=7, reason=Reason.BLOCKED),
        Left(link=1, real=1, waiting=3, scheduled=2.0, sent=2.0),
        Ended(link=8, reason=Reason.LOST),
    ]
    for _ in range(5000):
        pair.edge.report(cover)
    for message in counted:
        pair.edge.report(message)
        pair.edge.report(cover)
    pair.engine.setblocking(False)

    def read() -> list[ToEngine]:
        seen: list[ToEngine] = []
        try:
            while True:
                seen.append(decode_to_engine(pair.engine.recv(4096)))
        except BlockingIOError:
            return seen

    before = read()
    assert set(before) == {cover}
    assert len(before) < 5000
    pair.edge.report(cover)
    assert read() == [*counted, cover]
