"""What the engine knows of the processes that the launcher started for it."""

from __future__ import annotations

import os
import socket

import pytest
import trio

from onionchat.engine.launch import Launch
from onionchat.engine.launch_channel import MetronomeStarted, TorStarted, send

from .core import until

POLICIES = {11: os.SCHED_OTHER, 12: os.SCHED_FIFO, 13: os.SCHED_FIFO | os.SCHED_RESET_ON_FORK}


def policy(pid: int) -> int:
    if pid not in POLICIES:
        raise ProcessLookupError
    return POLICIES[pid]


async def test_it_tells_who_has_realtime_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getscheduler", policy)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        launch = Launch(ours)
        assert not launch.has_realtime("tor")
        assert not launch.has_realtime("metronome")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(launch.serve)
            for pid in (11, 12):
                near, far = socket.socketpair()
                with near, far:
                    send(theirs, MetronomeStarted(pid=pid), [near.fileno()])
                (await launch.metronome()).close()
                assert launch.has_realtime("metronome") is (pid == 12)
            send(theirs, TorStarted(pid=13))
            await until(lambda: launch.has_realtime("tor"))
            send(theirs, TorStarted(pid=14))  # it has ended meanwhile
            await until(lambda: not launch.has_realtime("tor"))
            nursery.cancel_scope.cancel()
