"""The load works on every core when it is asked, in its class, and not otherwise."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from onionchat.lab.load import BURST_SECONDS, Load

PATIENCE = 30.0


def workers() -> list[int]:
    """The load's processes below this one."""
    pid = os.getpid()
    children = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [one for one in children if b"onionchat.lab.load" in Path(f"/proc/{one}/cmdline").read_bytes()]


def all_workers() -> list[int]:
    """One for each core, once each has become what it was started for."""
    deadline = time.monotonic() + PATIENCE
    while len(workers()) != len(os.sched_getaffinity(0)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return workers()


def worked(pid: int) -> float:
    """Seconds of processor time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until_waiting(pids: list[int]) -> None:
    """Until all of them wait for a byte."""
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}/wchan").read_text() not in {"pipe_read", "anon_pipe_read"} for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("steps_back", [True, False])
def test_each_core_works_once_for_each_burst(steps_back: bool) -> None:
    with Load(steps_back=steps_back) as load:
        pids = all_workers()
        until_waiting(pids)
        before = [worked(pid) for pid in pids]
        for pid in pids:
            assert os.sched_getscheduler(pid) == (os.SCHED_IDLE if steps_back else os.SCHED_OTHER)
        for _ in range(5):
            load.burst()
        deadline = time.monotonic() + PATIENCE
        while any(worked(pid) - then < 4.5 * BURST_SECONDS for pid, then in zip(pids, before, strict=True)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert not workers()
