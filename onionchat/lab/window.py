"""``python -m onionchat.lab.window SOCKET CONTACT LIFELINE``: the demo's TUI, in a process of its own.

Laws: it ends with the lifeline, and at SIGTERM, in order, so that the terminal is left as it was.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from ..tui import run


def main(argv: list[str]) -> int:
    """Show the conversation until the user leaves; returns the TUI's status."""
    socket, contact, lifeline = argv
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_follow, args=(int(lifeline),), name="lifeline", daemon=True).start()
    try:
        return run(Path(socket), amnesic=True, conversation=contact)
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM


def _follow(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(number: int, _frame: FrameType | None) -> None:
    """Have the application cancelled from within: it then gives the terminal back."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # not running yet: there is nothing to put in order
        sys.exit(128 + number)
    loop.call_soon_threadsafe(_cancel, loop)


def _cancel(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
