"""The TUI in a pseudo-terminal: somebody sits before it and types.

Laws: it is the program that users run, in a process of its own, with nothing left out. What it draws is read
and thrown away as a terminal would take it.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..errors import ControlError

_ROWS: Final = 40
_COLUMNS: Final = 120
_SHOWN_SECONDS: Final = 60.0
"""As long as an engine may take to start: both give way to everything."""
_END_SECONDS: Final = 5.0
_SEQUENCE: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])")


class Screen:
    """The TUI on one conversation. A context manager.

    Args:
        socket: the engine's control socket.
        contact: whose conversation is opened.
        name: the contact's name: the screen is there when it is drawn.
        lifeline: see `Station`.
    """

    def __init__(self, socket: Path, *, contact: str, name: str, lifeline: int) -> None:
        self._words = [
            sys.executable,
            "-P",
            "-m",
            "onionchat.lab.window",
            str(socket),
            contact,
            str(lifeline),
        ]
        self._name = name
        self._lifeline = lifeline
        self._terminal = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def write(self, text: str) -> None:
        """Type it."""
        os.write(self._terminal, text.encode())

    def paste(self, text: str) -> None:
        """Paste it, as terminals do (bracketed)."""
        data = b"\x1b[200~" + text.encode() + b"\x1b[201~"
        while data:  # a terminal takes only so much at once
            data = data[os.write(self._terminal, data[:1024]) :]

    def freeze(self) -> None:
        """Stop it in its tracks: as if nobody sat there."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        ours, theirs = pty.openpty()
        self._terminal = ours
        size = {"TERM": "xterm-256color", "LINES": str(_ROWS), "COLUMNS": str(_COLUMNS)}
        try:
            termios.tcsetwinsize(theirs, (_ROWS, _COLUMNS))
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                self._words,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                pass_fds=(self._lifeline,),
                env={**os.environ, **size},
                cwd="/",
            )
        finally:
            os.close(theirs)
        try:
            self._until_shown()
        except BaseException:
            self._end()
            raise
        self._reader = threading.Thread(target=self._drain, name="screen", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._reader is not None:
            self._reader.join()
        os.close(self._terminal)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _until_shown(self) -> None:
        drawn, deadline = b"", time.monotonic() + _SHOWN_SECONDS
        while self._name.encode() not in _SEQUENCE.sub(b"", drawn):
            if time.monotonic() > deadline:
                raise ControlError("tui-silent", "the TUI did not show its main screen")
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    drawn += os.read(self._terminal, 1 << 16)
                except OSError:  # EIO: nobody holds the terminal's other end
                    raise ControlError("tui-ended", "the TUI ended before it showed anything") from None

    def _drain(self) -> None:
        with suppress(OSError):  # EIO: the TUI has ended
            while os.read(self._terminal, 1 << 16):
                pass
