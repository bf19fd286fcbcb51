"""A window that was stopped in its tracks (SIGSTOP) and goes on.

Textual takes every SIGCONT for the end of a suspension of its own and begins to read the terminal a second
time: two readers then share what is typed, and a pasted text comes apart.

Laws: the window never suspends itself, and what was typed meanwhile is not lost.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from typing import Any

from textual.app import App


def go_on_after_a_stop(app: App[Any]) -> None:
    """From now on a stop is survived: the terminal is put right, and the screen painted anew."""
    terminal = sys.__stdin__
    if app.is_headless or terminal is None or not terminal.isatty():
        return
    modes = termios.tcgetattr(terminal)

    def go_on() -> None:
        termios.tcsetattr(terminal, termios.TCSANOW, modes)  # a shell sets its own when it takes over
        app.refresh(layout=True)

    asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, go_on)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
