"""Where a program of the lab lives while it runs, and what it runs."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from onionchat.lab.workplace import PREFIX

PATIENCE = 180.0


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
