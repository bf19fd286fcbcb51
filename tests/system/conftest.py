"""One private Tor network for all system tests of a run."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onionchat.errors import TorUnavailable
from onionchat.lab.network import PrivateNetwork
from onionchat.tor import TorController, find_tor, managed_torrc, tor_command

PATIENCE = 120.0


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateNetwork]:
    """A running private Tor network; its ``client_torrc`` is what a tor needs to live in it."""
    with PrivateNetwork(tmp_path_factory.mktemp("tor") / "network") as network:
        network.start()
        yield network


@dataclass(frozen=True, slots=True)
class ManagedTor:
    """A tor in the private network, at 100 percent, and its controller."""

    process: subprocess.Popen[bytes]
    controller: TorController


StartManagedTor = Callable[[], ManagedTor]


@pytest.fixture(scope="session")
def start_managed_tor(
    network: PrivateNetwork, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartManagedTor]:
    """Start managed tors that live until the end of the run."""
    started: list[ManagedTor] = []
    program = find_tor()

    def start() -> ManagedTor:
        folder = tmp_path_factory.mktemp("managed")
        folder.chmod(0o700)
        control = folder / "control"
        torrc = folder / "torrc"
        torrc.write_text(
            managed_torrc(
                data=folder / "data",
                control_socket=control,
                owner_pid=os.getpid(),
                extra=network.client_torrc,
            )
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(tor_command(program, torrc), stdout=log, stderr=log)
        try:
            controller = _connect(process, control)
        except BaseException:
            process.kill()
            process.wait()
            raise
        started.append(ManagedTor(process, controller))
        wait_until(lambda: controller.bootstrap().percent == 100)
        return started[-1]

    yield start
    for tor in started:
        tor.controller.close()
        tor.process.wait(PATIENCE)


def wait_until(question: Callable[[], bool]) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _connect(process: subprocess.Popen[bytes], control: Path) -> TorController:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None
        try:
            # its socket may be there a moment before it listens
            controller = TorController.connect(str(control), timeout=PATIENCE)
        except TorUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            controller.take_ownership()
            return controller
