"""The engine's side of the launch channel: it asks for a metronome or a tor, and hears of their ends.

Laws: one task (`serve`) reads the channel; whoever asked waits for its answer here. When the launcher is gone
the engine ends.
"""

from __future__ import annotations

import os
import socket

import trio

from ..errors import ConnectionLost, LocalProtocolError
from .launch_channel import (
    Child,
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


class Launch:
    """Asks the launcher."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._metronome: trio.MemorySendChannel[socket.socket]
        self._metronome, self._new_metronome = trio.open_memory_channel[socket.socket](4)
        self._tor_started, self._tor_pid = trio.open_memory_channel[int](4)
        self.tor_ended = trio.Event()
        """Set when the tor that was started last has ended."""
        self._pids: dict[Child, int] = {}
        """Of those that were started last."""

    async def serve(self) -> None:
        """Read the channel until the launcher is gone, then raise `ConnectionLost`."""
        while True:
            await trio.lowlevel.wait_readable(self._channel)
            try:
                message, descriptors = receive(self._channel)
            except BlockingIOError:
                continue
            self._hear(message, descriptors)

    def _hear(self, message: Message, descriptors: tuple[int, ...]) -> None:
        match message:
            case MetronomeStarted(pid=pid):
                self._pids["metronome"] = pid
                self._metronome.send_nowait(socket.socket(fileno=descriptors[0]))
            case TorStarted(pid=pid):
                self._pids["tor"] = pid
                self._tor_started.send_nowait(pid)
            case Ended(what="tor", pid=pid):
                if pid == 0:
                    self._tor_started.send_nowait(0)
                elif pid == self._pids.get("tor"):
                    self.tor_ended.set()
            case Ended():
                pass  # a metronome that ended closes its own channel, which says the same
            case _:
                raise LocalProtocolError("the launcher sent a message that only the engine sends")

    def has_realtime(self, what: Child) -> bool:
        """Whether the metronome or tor that was started last has real-time priority."""
        try:
            policy = os.sched_getscheduler(self._pids[what])
        except (KeyError, OSError):  # none was started, or it has ended
            return False
        return policy & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO

    async def metronome(self) -> socket.socket:
        """The channel of a fresh metronome."""
        send(self._channel, StartMetronome())
        return await self._new_metronome.receive()

    async def tor(self, argv: list[str]) -> tuple[int, int]:
        """Start a tor.

        Returns:
            Its pid (0: it could not be started) and the descriptor of what it prints, which is the caller's.
        """
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        self.tor_ended = trio.Event()
        try:
            send(self._channel, StartTor(argv=argv), [theirs])
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return await self._tor_pid.receive(), ours

    def stop_tor(self) -> None:
        """End the tor, if there is one."""
        try:
            send(self._channel, StopTor())
        except ConnectionLost:
            return  # the launcher's children follow it
