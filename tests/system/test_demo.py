"""The demo as a user starts it: what it reports, what it shows, and that nothing is left of it."""

from __future__ import annotations

import json
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
from collections.abc import Callable
from pathlib import Path

import pytest

from onionchat.lab.workplace import PREFIX, SHARED_MEMORY

pytestmark = pytest.mark.realtor

PATIENCE = 180.0
DEMO = [sys.executable, "-P", "-m", "onionchat", "demo"]
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])")


def folder_of(pid: int) -> Path | None:
    """Where a demo lives, read from the command lines of its children; None before it has any."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            match = re.search(rf"(/[^\0 \"]*/{PREFIX}[^/\0]+)/", line)
            if int(parent) == pid and match is not None:
                return Path(match[1])
    return None


def processes_in(folder: Path) -> list[str]:
    """Command lines that name ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found


def wait_until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def seen_folder(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Path:
    wait_until(lambda: process.poll() is not None or folder_of(process.pid) is not None)
    folder = folder_of(process.pid)
    assert folder is not None
    return folder


def test_without_a_screen_everything_holds_and_nothing_is_left() -> None:
    with subprocess.Popen(
        [*DEMO, "--headless", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        folder = seen_folder(process)
        out, told = process.communicate(timeout=PATIENCE)
    report = json.loads(out)
    assert process.returncode == 0, report
    assert report["ok"] is True
    assert report["sent"] == report["delivered"] == 40
    assert report["lost"] == report["duplicates"] == 0
    assert report["expired"] is True
    assert report["deleted_for_both"] is True
    assert report["cells"] == {"size": 1952, "distinct_sizes_on_wire": 1}
    assert report["latency_ms"]["median"] > 0
    assert all(json.loads(line)["words"] for line in told.splitlines())
    assert not processes_in(folder)
    assert not folder.exists()


def test_ended_half_way_it_leaves_nothing() -> None:
    with subprocess.Popen(
        [*DEMO, "--headless", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        folder = seen_folder(process)
        for line in process.stderr:
            if "publishing" in line:
                break
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert out == ""
    assert not processes_in(folder)
    assert not folder.exists()


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
        shutil.rmtree(folder)
    finally:
        terminal.close()
