"""Real-time priority for what stands elsewhere in life: the relays of the network, and the wire.

In the lab they share the processors with the one who is watched. Without this what is done there would delay
them, and the wire would tell what no wire between machines tells.

Laws: nothing of the program itself gets its priority here; that is the program's own affair.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

_PRIORITY: Final = 1
"""Below metronome and tor, so that these are measured as they are."""


def realtime() -> bool:
    """Whether processes of this user may have real-time priority."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, policy, parameter)
    except OSError:
        return False
    return True


def stand_elsewhere(pid: int, *, with_threads: bool = False) -> None:
    """Let nothing that has no real-time priority delay the main thread of a process, where that is allowed.

    Args:
        pid: the process.
        with_threads: also those threads, and programs, that it starts from now on.
    """
    policy = os.SCHED_FIFO if with_threads else os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    with suppress(OSError):  # not allowed: the report says so
        os.sched_setscheduler(pid, policy, os.sched_param(_PRIORITY))
