"""How what was started ends: on each signal, and when its starter is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from onionchat.lab.ending import ended_by_signals, lifeline

CLEANS_UP = """
import os, signal, sys
from onionchat.lab.ending import ended_by_signals
with ended_by_signals():
    try:
        print("ready", flush=True)
        signal.pause()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # another signal while cleaning up
        print("cleaned up", flush=True)
"""

HOLDS = """
import subprocess, sys
from onionchat.lab.ending import lifeline
with lifeline() as line:
    child = "import os; os.read({}, 1); print('child ended', flush=True)".format(line)
    process = subprocess.Popen([sys.executable, "-c", child], pass_fds=(line,))
    print("ready", flush=True)
    process.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_and_nothing_interrupts_the_cleaning_up(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", CLEANS_UP], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "cleaned up\n"
    assert process.returncode == 128 + number


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ended_by_signals() as ignore:
        assert signal.getsignal(signal.SIGTERM) != before
        ignore()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) == before


def test_children_learn_that_their_parent_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        assert process.stdout.read() == "child ended\n"


def test_the_lifeline_ends_with_its_block() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with lifeline() as line:
        copy = os.dup(line)
    assert os.read(copy, 1) == b""
    os.close(copy)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
