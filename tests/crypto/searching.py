"""Searching a child of ours, for secrets that it must, or must not, hold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from onionchat.errors import ConfigError
from onionchat.lab.memory import Search, Sought, search

KEY = bytes(range(3, 253, 8))
"""32 bytes, no two alike."""

_HEAD = """
import os
key = os.read(0, 32)
"""
_TAIL = """
print("ready", flush=True)
os.read(0, 1)
"""


def searched(pid: int, sought: Sequence[Sought]) -> Search:
    """What a search finds; where no process may read the memory of its children, the test is skipped."""
    try:
        with halted(pid):
            return search(pid, sought)
    except ConfigError as error:
        if isinstance(error.__cause__, PermissionError):
            pytest.skip(f"{error.message}: this kernel lets no process read its children")
        raise


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """Nothing moves in that process meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def resting(script: str, environment: Mapping[str, str] = os.environ) -> Iterator[int]:
    """The pid of a Python that was given ``KEY`` as ``key``, has run ``script``, and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", _HEAD + textwrap.dedent(script) + _TAIL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(KEY)
        try:
            assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            process.kill()
