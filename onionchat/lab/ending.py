"""How what was started here ends: on a signal in order, and with us if we are killed.

Laws: children hold the reading end of a lifeline and end when its only other end is gone, whatever ended us.
A second signal does not interrupt the cleaning up that the first one began.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def lifeline() -> Iterator[int]:
    """A descriptor to pass to children; it reports its end when the block ends or this process does."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def ended_by_signals() -> Iterator[Callable[[], None]]:
    """SIGINT, SIGTERM and SIGHUP end the block as `SystemExit` with the status that a shell gives them.

    Yields:
        A function that has them ignored from then on, to be called before cleaning up.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ignore() -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def end(number: int, _frame: FrameType | None) -> None:
        ignore()
        sys.exit(128 + number)

    for number in _SIGNALS:
        signal.signal(number, end)
    try:
        yield ignore
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
