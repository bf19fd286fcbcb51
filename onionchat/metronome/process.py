"""The metronome as a process: quiet, precise, and ended only by its engine.

Laws: everything that is set here is set once, before the first link. Nothing here needs privilege; what
only privilege can give (real-time priority) is tried and silently done without.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
from typing import Final

from .course import MAX_DELAY
from .edge import ProcessEdge
from .loop import Metronome

_PR_SET_DUMPABLE: Final = 4
_PR_SET_TIMERSLACK: Final = 29
_TIMER_SLACK_NS: Final = 1
_PRIORITY: Final = 10
"""Low among the real-time priorities: above everything that is not real-time, below whatever must be."""


def serve(descriptor: int, *, delays: bool = True, realtime: bool = True) -> None:
    """Be the metronome of the engine at the other end of ``descriptor``, until that end closes.

    Args:
        descriptor: a SOCK_SEQPACKET socket, owned by this call.
        delays: each batch gets its random delay. Only measurements do without.
        realtime: try for real-time priority. Likewise.

    Raises:
        LocalProtocolError: the engine broke the channel's rules.
    """
    with socket.socket(fileno=descriptor) as channel:
        settle(realtime=realtime)
        max_delay = MAX_DELAY if delays else 0.0
        Metronome(edge=ProcessEdge(channel), random=os.urandom, max_delay=max_delay).run()


def settle(*, realtime: bool = True) -> None:
    """Make this process undisturbed and unreadable: signals, memory dumps, timers, priority, garbage."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_DUMPABLE, 0), (_PR_SET_TIMERSLACK, _TIMER_SLACK_NS)):
        if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    if realtime:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    gc.collect()
    gc.freeze()
    gc.disable()
