"""Lone tors: real programs that know no network and speak to nobody."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onionchat.tor import explain_log, find_tor, tor_command

NOWHERE = """\
UseDefaultFallbackDirs 0
DirAuthority nobody orport=1 v3ident=0000000000000000000000000000000000000001 127.0.0.1:1 \
0000000000000000000000000000000000000002
ShutdownWaitLength 0
"""
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class LoneTor:
    """A tor that was started: its folder, its process, and what it printed."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def cookie(self) -> Path:
        return self.folder / "data" / "control_auth_cookie"

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def explanations(self) -> list[str]:
        return [words for line in self.log().splitlines() if (words := explain_log(line))]

    def listener(self, kind: str) -> str:
        """The address that tor listens on, of kind ``Control`` or ``Socks``."""
        deadline = time.monotonic() + PATIENCE
        opened = re.compile(rf"Opened {kind} listener connection \(ready\) on (\S+)")
        while (match := opened.search(self.log())) is None:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)
        return match[1]

    def end(self) -> None:
        """Wait until the process has ended by itself."""
        self.process.wait(PATIENCE)


StartTor = Callable[[str], LoneTor]


@pytest.fixture
def start_tor(tmp_path: Path) -> Iterator[StartTor]:
    """Start tors from settings; each has a data directory of its own unless they name one."""
    started: list[LoneTor] = []
    program = find_tor()

    def start(settings: str) -> LoneTor:
        folder = tmp_path / f"tor{len(started)}"
        folder.mkdir(mode=0o700)
        torrc = folder / "torrc"
        data = "" if "DataDirectory" in settings else f"DataDirectory {folder}/data\n"
        torrc.write_text(f"{data}{NOWHERE}__OwningControllerProcess {os.getpid()}\n{settings}")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(tor_command(program, torrc), stdout=log, stderr=log)
        started.append(LoneTor(folder, process))
        return started[-1]

    yield start
    for tor in started:
        tor.process.terminate()
        tor.process.wait(PATIENCE)
