"""Who gets real-time priority, and who does not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from onionchat.lab.realtime import realtime, stand_elsewhere

THREAD = """
import os, sys, threading
sys.stdin.readline()
def tell():
    print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, flush=True)
tell()
thread = threading.Thread(target=tell)
thread.start()
thread.join()
"""


@pytest.mark.skipif(not realtime(), reason="this user may have no real-time priority")
@pytest.mark.parametrize("with_threads", [False, True])
def test_the_main_thread_is_not_delayed_and_threads_as_asked(with_threads: bool) -> None:
    process = subprocess.Popen([sys.executable, "-c", THREAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        stand_elsewhere(process.pid, with_threads=with_threads)
        out, _ = process.communicate(b"\n", timeout=60)
    assert [int(word) for word in out.split()] == [
        os.SCHED_FIFO,
        os.SCHED_FIFO if with_threads else os.SCHED_OTHER,
    ]


def test_asking_whether_it_is_allowed_changes_nothing() -> None:
    before = os.sched_getscheduler(0)
    realtime()
    assert os.sched_getscheduler(0) == before
