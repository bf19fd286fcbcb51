"""The launcher's children beside the engine: how metronomes and tors are started and ended.

Laws: a child inherits the descriptors that are named for it and no other, is in a session of its own (a key
pressed in a terminal reaches only the launcher), and is ended by its process id. Real-time priority is tried
and silently done without.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .launch_channel import Child, Ended
from .process import overwriting

GRACE_SECONDS: Final = 5.0
"""From SIGTERM to SIGKILL."""


@dataclass(slots=True, kw_only=True)
class _Running:
    what: Child
    process: subprocess.Popen[bytes]
    kill_at: float = math.inf


class Children:
    """Those that run."""

    def __init__(self) -> None:
        self._running: list[_Running] = []

    def start(
        self,
        what: Child,
        argv: Sequence[str],
        *,
        output: int | None,
        descriptors: Sequence[int],
        priority: int = 0,
    ) -> int:
        """Start one.

        Args:
            what: its kind.
            argv: program and arguments.
            output: descriptor for stdout and stderr; None: no stdout, and the launcher's stderr.
            descriptors: what else it inherits, under the same numbers.
            priority: not 0: the real-time priority that its main thread gets where that is allowed. The
                threads and programs that it starts do without: they would not let it have the processor.

        Returns:
            Its process id.

        Raises:
            OSError: the program cannot be started.
        """
        process = subprocess.Popen(  # noqa: S603 - the engine chose it, no shell is involved
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if output is None else output,
            stderr=output,
            pass_fds=tuple(descriptors),
            start_new_session=True,
            env=overwriting() if what == "metronome" else None,  # it holds keys, as the engine does
        )
        if priority:
            with contextlib.suppress(OSError):
                policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
                os.sched_setscheduler(process.pid, policy, os.sched_param(priority))
        self._running.append(_Running(what=what, process=process))
        return process.pid

    def reap(self) -> list[Ended]:
        """Those that have ended since the last call."""
        ended = [child for child in self._running if child.process.poll() is not None]
        self._running = [child for child in self._running if child not in ended]
        return [
            Ended(what=child.what, pid=child.process.pid, status=child.process.returncode) for child in ended
        ]

    def terminate(self, what: Child) -> None:
        """Ask all of a kind to end; `kill_overdue` ends those that do not."""
        for child in self._running:
            if child.what == what and child.kill_at == math.inf:
                child.process.terminate()
                child.kill_at = time.monotonic() + GRACE_SECONDS

    @property
    def next_deadline(self) -> float:
        """When `kill_overdue` has something to do, on the monotonic clock; infinite for never."""
        return min((child.kill_at for child in self._running), default=math.inf)

    def kill_overdue(self) -> None:
        """End those that were asked and took too long."""
        for child in self._running:
            if child.kill_at <= time.monotonic():
                child.process.kill()
                child.kill_at = math.inf

    def end(self, *, grace: float = GRACE_SECONDS) -> None:
        """End all and wait for them: SIGTERM first, SIGKILL after ``grace`` seconds."""
        deadline = time.monotonic() + grace
        for child in self._running:
            child.process.terminate()
        for child in self._running:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._running.clear()
