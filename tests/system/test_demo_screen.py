"""The demo as a user starts it: what it shows, and that nothing is left of it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time

import pytest

from onionchat.lab.workplace import SHARED_MEMORY

from .processes import PATIENCE, processes_in, seen_folder

pytestmark = pytest.mark.realtor

DEMO = [sys.executable, "-P", "-m", "onionchat", "demo"]
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])")


class Terminal:
    """A terminal of its own for the demo."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 120))
        self.before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            DEMO,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "LINES": "40", "COLUMNS": "120"},
        )
        self._theirs = theirs
        self._shown = ""

    def until(self, words: str) -> None:
        """Wait until ``words`` were drawn after what was waited for last."""
        deadline = time.monotonic() + PATIENCE
        while words not in (plain := _SEQUENCE.sub("", self._shown)):
            assert time.monotonic() < deadline, plain[-2000:]
            self.read()
        self._shown = ""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait(self) -> int:
        """The demo's status; what it draws meanwhile is read, so that it never waits for us."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline
            self.read()
        return self.process.returncode

    def after(self) -> list[object]:
        """The terminal's settings now."""
        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def read(self) -> None:
        """Take what was drawn, for a moment: nobody can draw to a terminal that is full."""
        if select.select([self._ours], [], [], 0.1)[0]:
            self._shown += os.read(self._ours, 1 << 16).decode(errors="replace")


def test_the_friend_answers_and_the_terminal_is_given_back() -> None:
    terminal = Terminal()
    try:
        folder = seen_folder(terminal.process)
        terminal.until("Ask me about")
        terminal.type("Tell me about timers\r")
        terminal.until("Watch it go")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 128 + signal.SIGTERM
        assert terminal.after() == terminal.before
        assert not processes_in(folder)
        assert not folder.exists()
    finally:
        terminal.close()


def test_killed_it_takes_its_processes_with_it() -> None:
    terminal = Terminal()
    try:
        folder = seen_folder(terminal.process)
        terminal.until("Ask me about")
        terminal.process.kill()
        terminal.process.wait()  # to tor a process that nobody has waited for is still there
        deadline = time.monotonic() + PATIENCE
        while left := processes_in(folder):
            assert time.monotonic() < deadline, left
            terminal.read()
        assert folder.parent == SHARED_MEMORY, "in memory alone may something be left until the next start"
        shutil.rmtree(folder, ignore_errors=True)  # another start may have swept it
    finally:
        terminal.close()
