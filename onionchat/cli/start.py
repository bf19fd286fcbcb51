"""Starting an engine that outlives the command that needed it.

Laws: what a new engine has to complain about is told by the command that started it. Processes are ended by
their id, and only those started here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..errors import ControlError
from .options import EngineOptions

START_SECONDS: Final = 10.0
END_SECONDS: Final = 20.0
"""More than the launcher takes to end an engine that does not want to."""
VOICE_BYTES: Final = 64 * 1024
"""As much of what an engine prints at its start is looked at."""
_POLL_SECONDS: Final = 0.02


def answers(socket: Path) -> bool:
    """Whether an engine answers at ``socket``.

    Raises:
        ControlError: ``engine-denied`` or ``engine-silent``: something is there, but not for us.
    """
    from ..client.blocking import Client
    from ..control.requests import Status

    try:
        with Client.connect(socket, timeout=START_SECONDS) as client:
            client.ask(Status())
    except ControlError as error:
        if error.code in {"engine-not-running", "engine-gone"}:
            return False
        raise
    return True


def start_engine(
    vault: Path, options: EngineOptions, *, lifeline_fd: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a detached ``onionchat serve`` and return once it answers.

    Raises:
        ControlError: what the engine said before it ended (``engine-start``), or ``engine-silent``.
        ConfigError: the options cannot be.
    """
    from ..control import control_socket

    socket = control_socket(vault)
    # -P: the current folder must not be a place that modules are loaded from.
    words = [sys.executable, "-P", "-m", "onionchat", "--vault", str(vault), "serve", *options.arguments()]
    passed = [fd for fd in (options.control_password_fd, lifeline_fd) if fd is not None]
    if lifeline_fd is not None:
        words += ["--lifeline-fd", str(lifeline_fd)]
    # Memory and no pipe: an engine that writes here long after we have gone must not fail for it.
    voice = os.memfd_create("onionchat-start")
    try:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own arguments
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=voice,
            start_new_session=True,
            pass_fds=passed,
            cwd="/",
        )
        try:
            _wait(process, socket, voice)
        except BaseException:
            end(process)
            raise
    finally:
        os.close(voice)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and wait for it."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], socket: Path, voice: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(socket):
        if process.poll() is not None:
            if answers(socket):  # another command was quicker; its engine is as good
                return
            raise _last_words(voice, process.returncode)
        if time.monotonic() > deadline:
            raise ControlError(
                "engine-silent",
                f"the engine did not answer within {START_SECONDS:g} s",
                hint="start it in the foreground to see more: onionchat serve",
                exit_code=6,
            )
        time.sleep(_POLL_SECONDS)


def _last_words(voice: int, status: int) -> ControlError:
    """The error that the engine, or else its launcher, printed before it ended."""
    said = {"hint": "see more with: onionchat serve"}
    with suppress(OSError):
        text = os.pread(voice, VOICE_BYTES, 0).decode(errors="replace")
        for line in text.splitlines():
            kind, _, rest = line.partition(": ")
            said[kind] = rest
    message = said.get("error") or said.get("onionchat") or "the engine ended while it started"
    return ControlError(
        "engine-start", message, hint=said["hint"], exit_code=status if 0 < status < 126 else 1
    )
