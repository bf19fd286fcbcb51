"""``python -m onionchat.lab.load``: work on every core, on demand, as a busy app would make it.

Laws: it runs in the engine's scheduling class, so that what it shows holds for the engine's own work. It ends
with its standard input.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

BURST_SECONDS: Final = 0.060
"""Of work on each core for one message."""
_END_SECONDS: Final = 5.0


class Load:
    """One process for each core. A context manager.

    Args:
        steps_back: in SCHED_IDLE, as the engine; otherwise as everything else.
    """

    def __init__(self, *, steps_back: bool) -> None:
        self._steps_back = steps_back
        self._processes: list[subprocess.Popen[bytes]] = []

    def burst(self) -> None:
        """Have every core work; returns at once."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.write(b".")
                process.stdin.flush()

    def __enter__(self) -> Self:
        for core in sorted(os.sched_getaffinity(0)):
            words = [sys.executable, "-P", "-m", "onionchat.lab.load", str(core), str(int(self._steps_back))]
            self._processes.append(
                subprocess.Popen(words, stdin=subprocess.PIPE, cwd="/", start_new_session=True)  # noqa: S603 - our own
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
        for process in self._processes:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main(argv: list[str]) -> int:
    """Burn on one core whenever a byte comes."""
    os.sched_setaffinity(0, {int(argv[0])})
    if argv[1] == "1":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.read(0, 1):
        end = time.process_time() + BURST_SECONDS
        while time.process_time() < end:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
