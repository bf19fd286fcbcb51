"""A terminal for a program under test."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Sequence

PYTHON = sys.executable
"""Looked up once: a test may name another interpreter for the engines of the program under test."""

# the terminal becomes the program's own, so that it finds it as /dev/tty
_ADOPT = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def talk(
    words: Sequence[str],
    lines: Sequence[tuple[str, str]] = (),
    *,
    columns: int = 80,
    pass_fds: Sequence[int] = (),
    settings: dict[str, str] | None = None,
) -> tuple[str, int]:
    """Run ``words`` at a terminal; type each line once its prompt is shown.

    Returns:
        All that was shown, and the exit status.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    program = subprocess.Popen(
        [PYTHON, "-c", _ADOPT, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        pass_fds=pass_fds,
        env=os.environ | (settings or {}),
    )
    os.close(theirs)
    shown, seen = b"", 0
    waiting = list(lines)
    with contextlib.suppress(OSError):  # EIO: the program has closed the terminal
        while data := os.read(ours, 4096):
            shown += data
            if waiting and (at := shown.find(waiting[0][0].encode(), seen)) >= 0:
                seen = at + len(waiting[0][0].encode())
                os.write(ours, waiting.pop(0)[1].encode() + b"\n")
    os.close(ours)
    status = program.wait()
    assert not waiting, f"was not asked {waiting[0][0]!r}"
    return shown.decode(), status
