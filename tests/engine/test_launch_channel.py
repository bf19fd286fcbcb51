from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.engine.launch_channel import (
    Ended,
    Message,
    MetronomeStarted,
    StartMetronome,
    StartTor,
    StopTor,
    TorStarted,
    receive,
    send,
)
from onionchat.errors import ConnectionLost, LocalProtocolError

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        yield one, other


@pytest.mark.parametrize(
    "message",
    [
        StartMetronome(),
        StopTor(),
        TorStarted(pid=12),
        Ended(what="tor", pid=12, status=-9),
        Ended(what="metronome", pid=0, status=127),
    ],
)
def test_messages_arrive(ends: Ends, message: Message) -> None:
    send(ends[0], message)
    assert receive(ends[1]) == (message, ())


@pytest.mark.parametrize("message", [StartTor(argv=["tor", "-f", "torrc"]), MetronomeStarted(pid=3)])
def test_descriptors_arrive_and_are_not_inherited(ends: Ends, message: Message) -> None:
    reader, writer = os.pipe()
    send(ends[0], message, [writer])
    os.close(writer)
    seen, (descriptor,) = receive(ends[1])
    assert seen == message
    assert not os.get_inheritable(descriptor)
    os.write(descriptor, b"through")
    os.close(descriptor)
    assert os.read(reader, 99) == b"through"
    os.close(reader)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("datagram", "count"),
    [
        (b"\xff", 0),
        (b'{"type": "Unknown"}', 1),
        (b'{"type": "StopTor"}', 1),
        (b'{"type": "StopTor", "more": 1}', 0),
        (b'{"type": "StartTor", "argv": []}', 1),
        (b'{"type": "StartTor", "argv": ["tor"]}', 0),
        (b'{"type": "StartTor", "argv": ["tor"]}', 2),
        (b'{"type": "StartTor", "argv": ["tor"]}', 3),
        (b'{"type": "Ended", "what": "engine", "pid": 1, "status": 0}', 0),
        (b'{"type": "StopTor"}' + b" " * 70_000, 0),
        (b'{"x":' + b"[" * 60_000, 1),
    ],
)
def test_anything_else_is_our_own_bug_and_leaves_no_descriptor(
    ends: Ends, datagram: bytes, count: int
) -> None:
    before = descriptors()
    socket.send_fds(ends[0], [datagram], [ends[0].fileno()] * count)
    with pytest.raises(LocalProtocolError):
        receive(ends[1])
    assert descriptors() == before


def test_what_cannot_be_right_is_not_sent(ends: Ends) -> None:
    for message, given in (
        (StartTor(argv=["tor"]), ()),
        (StopTor(), (ends[0].fileno(),)),
        (StartTor(argv=["x" * 70_000]), (ends[0].fileno(),)),
    ):
        with pytest.raises(LocalProtocolError):
            send(ends[0], message, given)


def test_an_end_that_is_gone(ends: Ends) -> None:
    ends[1].close()
    with pytest.raises(ConnectionLost):
        receive(ends[0])
    with pytest.raises(ConnectionLost):
        send(ends[0], StopTor())


def test_an_end_that_is_gone_with_messages_unread(ends: Ends) -> None:
    send(ends[0], StopTor())
    ends[1].close()
    with pytest.raises(ConnectionLost):
        receive(ends[0])


def flood(channel: socket.socket) -> None:
    while True:
        send(channel, StopTor())


def test_a_socket_that_does_not_block_says_so(ends: Ends) -> None:
    ends[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        receive(ends[0])
    with pytest.raises(BlockingIOError):
        flood(ends[0])
