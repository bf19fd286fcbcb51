"""Burning everything, by request, by signal and from the command line: real engines, real files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from onionchat.client.rules import line_of
from onionchat.client.streaming import AsyncClient
from onionchat.control import control_socket, replies, requests
from onionchat.engine.patience import TRIES_FILE
from onionchat.errors import ControlError
from tests.engine.world import PASSPHRASE, Running, alive, eventually

pytestmark = pytest.mark.realtor


def root(engine: Running) -> Path:
    return engine.vault / "sealed" / "root"


def everything_ended(engine: Running, pids: dict[str, int]) -> None:
    assert engine.process.wait(timeout=60) == 0
    assert not any(alive(pid) for pid in pids.values())
    assert not engine.vault.exists()


def destroyed_after(ask: Callable[[], object], twin: Path) -> float:
    """Milliseconds from the request until the root's blocks hold nothing."""
    asking = threading.Thread(target=ask)
    begin = time.perf_counter()
    asking.start()
    while any(twin.read_bytes()):
        assert time.perf_counter() - begin < 30
        time.sleep(0.001)
    took = (time.perf_counter() - begin) * 1000
    asking.join()
    return took


@pytest.mark.parametrize("how", ["request", "signal", "signal to the launcher"])
@pytest.mark.parametrize("vault", ["open", "locked"])
def test_an_engine_burns_its_vault_and_ends(tmp_path: Path, vault: str, how: str) -> None:
    if vault == "locked":
        with Running(tmp_path) as engine:
            engine.status()
    with Running(tmp_path, passphrase=None if vault == "locked" else PASSPHRASE) as engine:
        eventually(lambda: engine.status().vault == vault)
        pids = eventually(engine.complete)
        twin = tmp_path / "twin"
        twin.hardlink_to(root(engine))  # shows what the blocks hold once the name is gone
        match how:
            case "request":
                took = destroyed_after(lambda: engine.ask(requests.VaultBurn()), twin)
            case "signal":
                took = destroyed_after(lambda: os.kill(pids["engine"], signal.SIGUSR1), twin)
            case _:
                took = destroyed_after(lambda: engine.process.send_signal(signal.SIGUSR1), twin)
        sys.stdout.write(f"the keys of a vault that was {vault} were gone {took:.1f} ms after the {how}\n")
        everything_ended(engine, pids)


def test_a_signal_while_the_passphrase_is_tried_destroys_the_keys_at_once(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        engine.status()
    with Running(tmp_path, passphrase=None) as engine, engine.client() as client:
        engine.status()
        pids = eventually(engine.complete)
        twin = tmp_path / "twin"
        twin.hardlink_to(root(engine))
        # its answer takes most of a second
        client._write(line_of(requests.Unlock(passphrase="another", id=1)))
        time.sleep(0.2)  # it is being tried now
        os.kill(pids["engine"], signal.SIGUSR1)
        eventually(lambda: not any(twin.read_bytes()))
        answered, _, _ = select.select([client._connection], [], [], 0)
        everything_ended(engine, pids)
        assert not answered


def test_a_request_while_the_passphrase_is_tried_does_not_wait_for_it(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        engine.status()
    with Running(tmp_path, passphrase=None) as engine, engine.client() as client:
        engine.status()
        pids = eventually(engine.complete)
        twin = tmp_path / "twin"
        twin.hardlink_to(root(engine))

        async def burn() -> None:
            other = await AsyncClient.connect(control_socket(engine.vault))
            client._write(line_of(requests.Unlock(passphrase="another", id=1)))
            await asyncio.sleep(0.2)  # it is being tried now
            with contextlib.suppress(ControlError):  # it may end before it answers
                await other.ask(requests.VaultBurn())
            await other.close()

        asking = threading.Thread(target=lambda: asyncio.run(burn()))
        asking.start()
        eventually(lambda: not any(twin.read_bytes()))
        answered, _, _ = select.select([client._connection], [], [], 0)
        asking.join()
        everything_ended(engine, pids)
        assert not answered


def test_an_amnesic_engine_ends_too() -> None:
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm", prefix="oc-") as place,
        Running(Path(place), "--amnesic", passphrase=None) as engine,
    ):
        eventually(lambda: engine.status().vault == "open")
        made = engine.ask(requests.IdentityCreate(name="ada"))
        assert isinstance(made, replies.Identity)
        pids = eventually(engine.complete)
        os.kill(pids["engine"], signal.SIGUSR1)
        everything_ended(engine, pids)


def panic(engine: Running) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "onionchat", "--vault", str(engine.vault), "panic", "--json"]
    return subprocess.run(command, capture_output=True, timeout=120, check=False)


def test_panic_works_with_an_engine_and_without(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        eventually(lambda: engine.status().vault == "open")
        pids = eventually(engine.complete)
        done = panic(engine)
        assert (done.returncode, done.stdout) == (0, b'{"type":"done"}\n')
        everything_ended(engine, pids)
    nothing = panic(engine)
    assert nothing.returncode == 4
    assert b"there is no vault" in nothing.stdout
    with Running(tmp_path) as engine:
        engine.status()
    assert root(engine).exists()
    (engine.vault / TRIES_FILE).write_bytes(bytes(16))
    assert panic(engine).returncode == 0
    assert not engine.vault.exists()


def test_panic_ends_an_engine_that_does_not_answer(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        engine.status()
        pids = eventually(engine.complete)
        os.kill(pids["engine"], signal.SIGSTOP)
        assert panic(engine).returncode == 0
        assert not alive(pids["engine"])
        assert not engine.vault.exists()
        assert engine.process.wait(timeout=60) == 1


def test_a_burn_that_was_cut_short_is_finished_at_the_next_start_and_said(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        engine.status()
    (engine.vault / TRIES_FILE).write_bytes(bytes(16))
    root(engine).write_bytes(bytes(root(engine).stat().st_size))
    with Running(tmp_path, passphrase=None) as engine:
        assert engine.status().vault == "absent"
        assert not root(engine).exists()
        assert not (engine.vault / TRIES_FILE).exists()
        engine.ask(requests.Stop())
        _, said = engine.process.communicate(timeout=60)
    assert b"the vault was being burned" in said


def test_what_a_burn_left_once_the_vault_was_gone_goes_at_the_next_start(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        eventually(engine.complete)
    shutil.rmtree(engine.vault / "sealed")
    guards, tries = engine.vault / "tor" / "guards", engine.vault / TRIES_FILE
    guards.parent.mkdir(mode=0o700, exist_ok=True)
    for left in (guards, tries):
        left.write_bytes(bytes(16))
    with Running(tmp_path, passphrase=None) as engine:
        assert engine.status().vault == "absent"
        assert not guards.exists()
        assert not tries.exists()


def test_what_lies_in_a_folder_that_never_held_a_vault_stays(tmp_path: Path) -> None:
    theirs = tmp_path / "v" / "tor" / "theirs"
    for folder in (theirs.parents[1], theirs.parent):
        folder.mkdir(mode=0o700)
    theirs.touch()
    with Running(tmp_path, passphrase=None) as engine:
        assert engine.status().vault == "absent"
        assert theirs.exists()
