"""The TUI starts an engine where none answers, and tells what keeps it from starting."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.cli import chat, panic, start
from onionchat.cli.options import EngineOptions
from onionchat.cli.session import Session
from onionchat.cli.start import answers, end, start_engine
from onionchat.client import rules
from onionchat.control import control_socket
from onionchat.errors import ConfigError, ControlError, StoreError
from onionchat.tui import TO_BURN
from tests.store.kit import create

from .actor import Actor
from .terminal import PYTHON, talk

PLAIN = EngineOptions(
    amnesic=False, tick=2.0, tor_program=None, torrc=None, control=None, control_password_fd=None, socks=None
)


class Stage:
    """Where an engine that a test starts leaves what it saw."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.vault = folder / "vault"
        self._saw = folder / "saw"
        self._monkeypatch = monkeypatch
        program = folder / "python"
        program.write_text(
            f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("stand_in.py")} "$@"\n'
        )
        program.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(program))
        monkeypatch.setenv("STAND_IN_SAW", str(self._saw))

    def play(self, kind: str) -> None:
        self._monkeypatch.setenv("STAND_IN", kind)

    @property
    def saw(self) -> list[str]:
        """The engine's folder and arguments."""
        return self._saw.read_text().splitlines()[1:]

    def end(self) -> None:
        """End an engine that is nobody's child, and wait until it has gone."""
        pid = int(self._saw.read_text().splitlines()[0])
        with contextlib.suppress(ProcessLookupError), open_process(pid) as process:
            os.kill(pid, signal.SIGTERM)
            select.select([process], [], [])


@contextlib.contextmanager
def open_process(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when process ``pid`` has ended."""
    process = os.pidfd_open(pid)
    try:
        yield process
    finally:
        os.close(process)


@pytest.fixture
def stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(folder, monkeypatch)


@pytest.fixture
def started(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    stage.play("serves")
    process = start_engine(stage.vault, PLAIN)
    yield process
    end(process)


def test_an_engine_is_started_in_a_session_of_its_own(stage: Stage, started: subprocess.Popen[bytes]) -> None:
    assert answers(control_socket(stage.vault))
    assert os.getsid(started.pid) == started.pid
    folder, *words = stage.saw
    assert folder == "/"
    assert words == ["-P", "-m", "onionchat", "--vault", str(stage.vault), "serve", "--tick", "2.0"]


def test_it_is_ended_by_its_own_id(stage: Stage, started: subprocess.Popen[bytes]) -> None:
    end(started)
    assert started.returncode == 0
    assert not answers(control_socket(stage.vault))


def test_options_reach_it_and_so_do_descriptors(stage: Stage) -> None:
    stage.play("serves")
    reading, writing = os.pipe()
    options = EngineOptions(
        amnesic=True,
        tick=0.5,
        tor_program=None,
        torrc=None,
        control="/run/tor/control",
        control_password_fd=reading,
        socks="127.0.0.1:9050",
    )
    theirs, ours = os.pipe()
    process = start_engine(stage.vault, options, lifeline_fd=theirs)
    assert stage.saw[6:] == [
        *["serve", "--tick", "0.5", "--amnesic", "--control", "/run/tor/control"],
        *["--control-password-fd", str(reading), "--socks", "127.0.0.1:9050", "--lifeline-fd", str(theirs)],
    ]
    for each in (reading, writing, theirs, ours):
        os.close(each)
    assert process.wait() == 0  # the lifeline was cut


@pytest.mark.parametrize(
    ("kind", "message", "hint", "status"),
    [
        ("fails", "another engine holds this vault", "stop it", 4),
        ("crashes", "the engine ended unexpectedly (status 1)", "see more with: onionchat serve", 1),
    ],
)
def test_what_keeps_it_from_starting_is_told(
    stage: Stage, kind: str, message: str, hint: str, status: int
) -> None:
    stage.play(kind)
    with pytest.raises(ControlError) as caught:
        start_engine(stage.vault, PLAIN)
    error = caught.value
    assert (error.code, error.message, error.hint, error.exit_code) == ("engine-start", message, hint, status)


def test_one_that_says_nothing_is_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "START_SECONDS", 0.2)
    stage.play("says nothing")
    with pytest.raises(ControlError) as caught:
        start_engine(stage.vault, PLAIN)
    assert caught.value.code == "engine-silent"


def test_one_that_does_not_want_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "END_SECONDS", 0.05)
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    end(process)
    process.stdout.close()
    assert process.returncode == -9


def test_options_that_cannot_be_start_nothing(stage: Stage) -> None:
    with pytest.raises(ConfigError):
        start_engine(stage.vault, dataclasses.replace(PLAIN, socks="x"))
    assert not stage.vault.exists()


class Strangers:
    """Credentials of a user that is neither we nor root."""

    size = 12

    def unpack(self, _raw: bytes) -> tuple[int, int, int]:
        return 1, os.getuid() + 1, 0


def test_an_engine_of_somebody_else_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_CREDENTIALS", Strangers())
    with Actor() as engine, pytest.raises(ControlError, match="another user"):
        answers(engine.socket)


CHAT = """
import sys
import onionchat.tui
def run(socket, *, amnesic=False, stop_command=""):
    print(stop_command)
    print("the chat", amnesic, socket.parent.parent, oct(socket.parent.parent.stat().st_mode & 0o777))
    return 7
onionchat.tui.run = run
sys.executable = {program!r}
from onionchat.cli import main
main()
"""


def test_the_chat_opens_on_an_engine_that_runs() -> None:
    with Actor() as engine:
        code = CHAT.format(program="/nowhere")
        shown, status = talk([sys.executable, "-c", code, "--vault", str(engine.vault)])
    assert f"the chat False {engine.vault}" in shown
    assert f"onionchat --vault {engine.vault} stop" in shown
    assert status == 7


def test_the_chat_starts_an_engine_that_outlives_it(stage: Stage) -> None:
    stage.play("serves")
    code = CHAT.format(program=sys.executable)
    shown, status = talk([PYTHON, "-c", code, "--vault", str(stage.vault)])
    try:
        assert status == 7, shown
        assert answers(control_socket(stage.vault))
    finally:
        stage.end()


class Chat:
    """A window whose user asked for everything to be burned, which no engine did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("onionchat.tui.run", self.run)
        self.amnesic: bool | None = None

    def run(self, socket: Path, *, amnesic: bool = False, stop_command: str = "") -> int:
        self.amnesic = amnesic
        return TO_BURN


def test_what_the_chat_could_not_burn_is_burned_without_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vault, window = tmp_path / "vault", Chat(monkeypatch)
    monkeypatch.setattr(start, "answers", lambda _: True)
    create(vault).close()
    for _ in range(2):  # the second time there is nothing left to burn, which is as good
        assert chat._kept(Session(chosen_vault=vault), PLAIN) == 0
        assert window.amnesic is False
        assert not vault.exists()
        assert capsys.readouterr() == ("", "")


def test_what_the_chat_could_not_burn_and_nobody_else_can_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise StoreError("the vault's folder belongs to somebody else")

    Chat(monkeypatch)
    monkeypatch.setattr(start, "answers", lambda _: True)
    create(tmp_path / "vault").close()
    monkeypatch.setattr(panic, "_taken", refuse)
    with pytest.raises(StoreError, match="the keys are destroyed"):
        chat._kept(Session(chosen_vault=tmp_path / "vault"), PLAIN)


def test_an_amnesic_chat_that_is_to_be_burned_ends(
    stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.play("serves")
    memory = folder / "memory"
    memory.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(memory))
    window = Chat(monkeypatch)
    assert chat._amnesic(Session(), dataclasses.replace(PLAIN, amnesic=True)) == 0
    assert window.amnesic is True
    assert list(memory.iterdir()) == []


def test_an_amnesic_chat_takes_its_engine_and_folder_with_it(
    stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.play("serves")
    memory = folder / "memory"
    memory.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(memory))
    code = CHAT.format(program=sys.executable)
    shown, status = talk([PYTHON, "-c", code, "--amnesic"])
    assert status == 7, shown
    assert f"the chat True {memory}/onionchat-" in shown
    assert "0o700" in shown
    assert "--amnesic" in stage.saw
    assert list(memory.iterdir()) == []
