"""``python -m onionchat.lab.window SOCKET CONTACT LIFELINE``: the demo's TUI, in a process of its own.

Laws: it ends with the lifeline, in order, so that the terminal is left as it was.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from ..tui import run


def main(argv: list[str]) -> int:
    """Show the conversation until the user leaves; returns the TUI's status."""
    socket, contact, lifeline = argv
    threading.Thread(target=_follow, args=(int(lifeline),), name="lifeline", daemon=True).start()
    try:
        return run(Path(socket), amnesic=True, conversation=contact)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _follow(lifeline: int) -> None:
    os.read(lifeline, 1)
    # asyncio answers this signal by cancelling the application, which then puts the terminal in order
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
