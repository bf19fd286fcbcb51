"""Part of the suite ``store``: how soon the keys are destroyed where everything is burned at once.

``panic_signal_ms``: from SIGUSR1 until the blocks of the root on the disk hold nothing; ``panic_request_ms``:
from the request, which is what the key of the TUI sends; ``panic_command_ms``: from the start of a new
process of the command. ``panic_busy_ms``: from the signal, where other programs keep every core busy. The
control is an engine that is stopped for 300 ms when the signal comes.

Laws: each burns a copy of the full vault in a running engine. What the blocks hold is read through a second
name of the file, which burning does not know of.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from ..client.blocking import Client
from ..control.requests import VaultBurn
from ..errors import ControlError, StoreError
from .evidence import Control, Figure, at_most, between
from .load import Load
from .station import Station

GOAL_MS: Final = 200.0
_HELD_MS: Final = 300.0
_PATIENCE: Final = 30.0
_BURSTS: Final = 30
"""Of work on every core, more than two seconds in all."""
_POLL: Final = 0.0005

Way = Callable[[Station, int], object]
"""Has everything burned: takes the engine's station and process id."""


def panicked(full: Station, torrc: str, *, lifeline: int) -> tuple[list[Figure], list[Control]]:
    """Burn copies of a station's vault, which is not in use.

    Raises:
        OnionchatError: an engine did not start, or did not burn.
    """
    taken = partial(_taken, full, torrc, lifeline=lifeline)
    figures = [
        at_most(f"panic_{name}_ms", taken(way), "ms", GOAL_MS)
        for name, way in (("signal", _signal), ("request", _request), ("command", _command))
    ]
    with Load(steps_back=False) as load:
        for _ in range(_BURSTS):
            load.burst()
        figures.append(at_most("panic_busy_ms", taken(_signal), "ms", GOAL_MS))
    return figures, [between("panic_held_300ms", taken(_held), _HELD_MS, 1000)]


def _taken(full: Station, torrc: str, way: Way, *, lifeline: int) -> float:
    """Milliseconds until the keys of a copy are gone."""
    with _copy(full, torrc, lifeline) as station:
        root, twin = station.folder / "sealed" / "root", station.folder.with_suffix(".root")
        os.link(root, twin)
        pid = station.pid
        asking = threading.Thread(target=way, args=(station, pid))
        begun = time.perf_counter()
        asking.start()
        while any(twin.read_bytes()):
            if time.perf_counter() - begun > _PATIENCE:
                raise StoreError("an engine did not burn its vault", hint="see whether the machine is busy")
            time.sleep(_POLL)
        taken = 1000 * (time.perf_counter() - begun)
        asking.join()
        return taken


@contextmanager
def _copy(full: Station, torrc: str, lifeline: int) -> Iterator[Station]:
    """An engine that has a copy of the vault open; it and all its files are gone afterwards."""
    folder = full.folder.with_name("panic")
    folder.mkdir(mode=0o700)
    shutil.copytree(full.folder / "sealed", folder / "sealed")
    station = Station(folder, torrc=torrc, lifeline=lifeline)
    station.passphrase = full.passphrase
    station.start()
    try:
        station.until_open()
        yield station
    finally:
        station.end()
        station.wait()
        shutil.rmtree(folder, ignore_errors=True)
        for path in folder.parent.glob("panic.*"):
            path.unlink()


def _signal(_station: Station, pid: int) -> None:
    os.kill(pid, signal.SIGUSR1)


def _held(_station: Station, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGUSR1)
        time.sleep(_HELD_MS / 1000)
    finally:
        os.kill(pid, signal.SIGCONT)


def _request(station: Station, _pid: int) -> None:
    with suppress(ControlError), Client.connect(station.socket) as client:  # it may end before it answers
        client.ask(VaultBurn())


def _command(station: Station, _pid: int) -> None:
    words = [sys.executable, "-P", "-m", "onionchat", "--vault", str(station.folder), "panic"]
    subprocess.run(words, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")  # noqa: S603 - our own
