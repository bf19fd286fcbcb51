"""Targets: what the program's own processes say to each other: engine, metronome, launcher."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import cache
from struct import pack
from typing import Final

import msgspec

from onionchat.engine import launch_channel
from onionchat.engine.launch_channel import (
    Ended,
    MetronomeStarted,
    StartMetronome,
    StartTor,
    StopTor,
    TorStarted,
)
from onionchat.errors import LocalProtocolError
from onionchat.metronome import channel

from .structure import bend_json
from .target import Run, Target, attempt, guarded, require


def _datagrams(*kinds: int) -> Sequence[bytes]:
    """Something of each kind in every length: the fuzzer finds the ones that fit."""
    values = (1).to_bytes(8, "big") + pack(">d", 2.0) * 8
    return [bytes((kind,)) + values[:size] for kind in kinds for size in range(8, len(values) + 1)]


def _make_to_metronome() -> Run:
    def run(data: bytes) -> str:
        found = attempt(lambda: channel.decode_to_metronome(data), LocalProtocolError)
        require(channel.encode(found) == data, "a message has one form only")
        return f"taken {type(found).__name__}"

    return guarded(run)


def _make_to_engine() -> Run:
    def run(data: bytes) -> str:
        found = attempt(lambda: channel.decode_to_engine(data), LocalProtocolError)
        require(channel.encode(found) == data, "a message has one form only")
        return f"taken {type(found).__name__}"

    return guarded(run)


@cache
def _pair() -> tuple[socket.socket, socket.socket]:
    """Open as long as the process: a pair for each input would take longer than the decoder."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _make_launch() -> Run:
    def run(data: bytes) -> str:
        if not data:
            return "nothing is no datagram"
        ours, theirs = _pair()
        theirs.send(data)
        found, descriptors = attempt(lambda: launch_channel.receive(ours), LocalProtocolError)
        require(not descriptors, "there are no descriptors but those that were sent")
        launch_channel.send(theirs, found)
        require(launch_channel.receive(ours)[0] == found, "a message comes back as it was")
        return f"taken {type(found).__name__}"

    return guarded(run)


def _launch_seeds() -> Sequence[bytes]:
    messages: Sequence[launch_channel.Message] = (
        StartMetronome(),
        StartTor(argv=["tor", "-f", "torrc"]),
        StopTor(),
        MetronomeStarted(pid=1),
        TorStarted(pid=2),
        Ended(what="tor", pid=3, status=-9),
    )
    return [*(msgspec.json.encode(one) for one in messages), b'{"x":' + b"[" * 2000]


TARGETS: Final = (
    Target(
        name="metronome-to-metronome",
        make=_make_to_metronome,
        seeds=lambda: _datagrams(1, 2, 3, 4),
        longest=channel.MAX_DATAGRAM + 16,
    ),
    Target(
        name="metronome-to-engine",
        make=_make_to_engine,
        seeds=lambda: _datagrams(5, 6),
        longest=64,
    ),
    Target(name="launch", make=_make_launch, seeds=_launch_seeds, longest=4096, mutate=bend_json),
)
