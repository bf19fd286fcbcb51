"""An engine of the lab as real processes, without a network: asked, watched, killed, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onionchat.control import notices
from onionchat.control.replies import Identities, Identity, StatusReport
from onionchat.control.requests import IdentityCreate, IdentityList, Status
from onionchat.errors import ControlError
from onionchat.lab.ending import lifeline
from onionchat.lab.station import Station
from onionchat.lab.workplace import workplace

PATIENCE = 60.0


@contextmanager
def station() -> Iterator[Station]:
    with workplace() as folder, lifeline() as line:
        one = Station(folder / "one", torrc="DisableNetwork 1\n", lifeline=line)
        try:
            one.start()
            one.until_open()
            yield one
        finally:
            one.end()
            one.wait()


def processes_of(folder: Path) -> list[int]:
    """Ids of those that have ``folder`` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in line:
                found.append(int(entry.name))
    return found


@pytest.mark.realtor
def test_it_answers_is_watched_and_leaves_nothing() -> None:
    with station() as one:
        watcher = one.watch()
        one.ask(IdentityCreate(name="Sam"), Identity)
        assert watcher.wait(lambda: bool(watcher.sightings), PATIENCE)
        assert any(isinstance(seen.notice, notices.IdentityChanged) for seen in watcher.sightings)
        with pytest.raises(ControlError, match="something else"):
            one.ask(IdentityList(), StatusReport)
        assert processes_of(one.folder)
    watcher.join()
    assert not processes_of(one.folder)
    assert not one.folder.exists()


@pytest.mark.realtor
def test_an_engine_that_is_held_answers_late_and_one_that_is_killed_is_started_again_locked() -> None:
    with station() as one:
        pid = one.pid
        begun = time.monotonic()
        release = one.hold(0.3)
        one.ask(IdentityList(), Identities)
        assert time.monotonic() - begun >= 0.3
        release.join()
        assert one.kill_engine() == pid
        deadline = time.monotonic() + PATIENCE
        status = None
        while status is None or status.pid == pid:
            assert time.monotonic() < deadline
            try:
                status = one.ask(Status(), StatusReport)
            except ControlError:
                one._hang_up()
                time.sleep(0.05)
        assert status.vault == "locked"


OWNER = """
import sys, time
from pathlib import Path
from onionchat.lab.ending import lifeline
from onionchat.lab.station import Station
with lifeline() as line:
    one = Station(Path(sys.argv[1]), torrc="DisableNetwork 1\\n", lifeline=line)
    one.start()
    one.until_open()
    print("open", flush=True)
    time.sleep(600)
"""


@pytest.mark.realtor
def test_it_ends_with_an_owner_that_is_killed() -> None:
    with workplace() as place:
        folder = place / "one"
        with subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True
        ) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "open\n"
            assert processes_of(folder)
            owner.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while processes_of(folder):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.realtor
def test_one_that_cannot_start_says_why() -> None:
    with workplace() as folder, lifeline() as line:
        (folder / "one").write_text("a file where the vault should be")
        one = Station(folder / "one", torrc="", lifeline=line)
        one.start()
        try:
            with pytest.raises(ControlError, match="an engine ended: "):
                one.until_open()
        finally:
            one.wait()
