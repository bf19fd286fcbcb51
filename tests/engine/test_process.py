"""The engine as a process: unlocking, dying, being started again, and who runs at which priority."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from onionchat.control import replies, requests
from onionchat.errors import ControlError
from tests.engine.world import PASSPHRASE, Running, alive, eventually, realtime_allowed

pytestmark = pytest.mark.realtor


def test_a_vault_is_made_locked_and_unlocked(tmp_path: Path) -> None:
    with Running(tmp_path, passphrase=None) as engine:
        assert engine.status().vault == "absent"
        with pytest.raises(ControlError) as refused:
            engine.ask(requests.IdentityList())
        assert refused.value.code == "vault-locked"
        with pytest.raises(ControlError) as nothing:
            engine.ask(requests.Unlock(passphrase=PASSPHRASE))
        assert nothing.value.code == "store-error"
        engine.ask(requests.Unlock(passphrase=PASSPHRASE, create=True))
        assert engine.status().vault == "open"
        with pytest.raises(ControlError) as again:
            engine.ask(requests.Unlock(passphrase=PASSPHRASE))
        assert again.value.code == "vault-open"


def test_a_killed_engine_is_started_again_locked_and_has_kept_everything(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        made = engine.ask(requests.IdentityCreate(name="ada"))
        assert isinstance(made, replies.Identity)
        invite = engine.ask(requests.InviteCreate(identity=made.identity))
        assert isinstance(invite, replies.Invite)
        before = eventually(engine.complete)
        os.kill(before["engine"], signal.SIGKILL)
        eventually(lambda: engine.replaced(before))
        eventually(lambda: not any(alive(pid) for pid in before.values()))
        assert engine.status().vault == "locked"
        with pytest.raises(ControlError) as wrong:
            engine.ask(requests.Unlock(passphrase="another"))
        assert (wrong.value.code, wrong.value.exit_code) == ("wrong-passphrase", 5)
        engine.ask(requests.Unlock(passphrase=PASSPHRASE))
        listed = engine.ask(requests.InviteList())
        assert isinstance(listed, replies.Invites)
        assert [found.code for found in listed.invites] == [invite.code]


def test_one_engine_to_a_vault(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        assert engine.status().vault == "open"
        with Running(tmp_path) as second:
            _, said = second.process.communicate(timeout=30)
        assert second.process.returncode == 4
        assert said.decode().startswith("error: ")
        assert "onionchat stop" in said.decode()
        assert engine.status().vault == "open"


def test_a_wrong_passphrase_ends_serve_with_its_own_status(tmp_path: Path) -> None:
    with Running(tmp_path) as engine:
        engine.status()
        engine.ask(requests.Stop())
        assert engine.process.wait(timeout=30) == 0
    with Running(tmp_path, passphrase="another") as second:
        _, said = second.process.communicate(timeout=30)
    assert second.process.returncode == 5
    assert "passphrase" in said.decode()
    assert "Traceback" not in said.decode()


def test_everything_ends_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    with Running(tmp_path, passphrase=None) as engine:
        engine.status()
        pids = eventually(engine.complete)
        engine.process.kill()
        eventually(lambda: not any(alive(pid) for pid in pids.values()))


def test_stop_leaves_no_process_and_no_file_of_the_run(tmp_path: Path) -> None:
    with Running(tmp_path, passphrase=None) as engine:
        engine.status()
        pids = eventually(engine.complete)
        engine.ask(requests.Stop())
        assert engine.process.wait(timeout=30) == 0
        assert not any(alive(pid) for pid in pids.values())
        assert not (engine.vault / "run").exists()


def test_engine_steps_back_and_tor_does_not_also_when_it_was_restarted(tmp_path: Path) -> None:
    def policies(pids: dict[str, int]) -> dict[str, int]:
        return {name: os.sched_getscheduler(pid) for name, pid in pids.items()}

    tor = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK if realtime_allowed() else os.SCHED_OTHER
    with Running(tmp_path, passphrase=None) as engine:
        engine.status()
        pids = eventually(engine.complete)
        eventually(lambda: not realtime_allowed() or policies(pids)["metronome"] == os.SCHED_FIFO)
        eventually(lambda: policies(pids)["tor"] == tor)
        seen = policies(pids)
        assert seen["engine"] == os.SCHED_IDLE
        assert seen["metronome"] == (os.SCHED_FIFO if realtime_allowed() else os.SCHED_OTHER)
        assert seen["tor"] == tor
        assert os.sched_getscheduler(engine.process.pid) == os.SCHED_OTHER
        os.kill(pids["tor"], signal.SIGKILL)
        again = eventually(lambda: engine.successor_of("tor", pids))
        assert again["engine"] == pids["engine"]
        # its class is set once it runs
        assert eventually(lambda: policies(again)["tor"] == tor)


def test_a_metronome_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with Running(tmp_path, passphrase=None) as engine:
        engine.status()
        pids = eventually(engine.complete)
        os.kill(pids["metronome"], signal.SIGKILL)
        again = eventually(lambda: engine.successor_of("metronome", pids))
        assert again["engine"] == pids["engine"]
        assert engine.status().vault == "absent"


def test_a_credential_opens_an_engine_that_was_started_again_as_well(tmp_path: Path) -> None:
    (tmp_path / "onionchat.passphrase").write_text(PASSPHRASE + "\n")
    with Running(tmp_path, "--create", passphrase=None, credentials=tmp_path) as engine:
        first = eventually(lambda: engine.status() if engine.status().vault == "open" else None)
        os.kill(first.pid, signal.SIGKILL)
        second = eventually(lambda: engine.successor(first.pid))
        assert second.vault == "open"
