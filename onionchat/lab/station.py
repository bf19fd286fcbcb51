"""An engine of the lab: a vault, a launcher and a tor of its own, driven over its control socket.

Laws: it ends with us, however we end (the lifeline). Its passphrase is random, goes to the first engine by a
descriptor, and is kept in memory only. Processes are ended by their ids.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from ..client.blocking import Client
from ..control import control_socket, run_folder
from ..control.replies import AnyResult, StatusReport
from ..control.requests import AnyRequest, Status, Unlock
from ..engine.plan import Plan
from ..errors import ControlError, TorUnavailable
from .tap import Tap
from .watcher import Watcher

R = TypeVar("R")

TICK: Final = 0.25
"""Seconds between two cells: the shortest, so that what happens here is lively."""
START_SECONDS: Final = 60.0
"""For an engine to answer, and for its tor to be ready, on a machine that has other things to do."""
END_SECONDS: Final = 20.0
"""More than a launcher takes to end an engine that does not want to."""
POLL: Final = 0.05


class Detour(Protocol):
    """What an engine's links dial through in the place of tor's SOCKS port: a tap, here or elsewhere."""

    target: tuple[str, int] | None

    @property
    def port(self) -> int:
        """On loopback."""


class Station:
    """An engine with its launcher.

    Args:
        folder: where its vault is to be; its parent exists.
        torrc: lines for its tor (the private network's).
        lifeline: a descriptor at whose end everything ends.
        tap: what its links shall dial through, instead of tor's SOCKS port itself.
        changes: fields of its `Plan` that are to be other than usual.
    """

    def __init__(
        self,
        folder: Path,
        *,
        torrc: str,
        lifeline: int,
        tap: Detour | None = None,
        changes: Mapping[str, object] | None = None,
    ) -> None:
        self.folder = folder
        self.socket = control_socket(folder)
        self.tap = tap if isinstance(tap, Tap) else None
        self._detour = tap
        self._changes = changes or {}
        self._torrc = torrc
        self._lifeline = lifeline
        self.engine: Sequence[str] = ()
        """A program and its first arguments that the next start has in the engine's place."""
        self.passphrase = secrets.token_urlsafe(24)
        self._log = folder.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None

    # --- from start to end -------------------------------------------------------------------------

    def start(self) -> None:
        """Start the launcher; returns at once."""
        settings = self.folder.with_suffix(".torrc")
        settings.write_text(self._torrc, encoding="utf-8")
        plan = Plan(
            vault=str(self.folder),
            create=True,
            tick=TICK,
            torrc=str(settings),
            socks=f"127.0.0.1:{self._detour.port}" if self._detour is not None else "",
        )
        plan = msgspec.structs.replace(plan, **self._changes)
        reading, writing = os.pipe()
        os.write(writing, self.passphrase.encode())  # a pipe holds far more
        os.close(writing)
        # -P: the current folder must not be a place that modules are loaded from
        words = [sys.executable, "-P", "-m", "onionchat.lab.host", msgspec.json.encode(plan).decode()]
        words += ["--passphrase-fd", str(reading), "--lifeline-fd", str(self._lifeline)]
        words += ["--engine", *self.engine] if self.engine else []
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    pass_fds=(reading, self._lifeline),
                    start_new_session=True,
                    cwd="/",
                )
        finally:
            os.close(reading)

    def end(self) -> None:
        """Ask the launcher to end; `wait` waits for it."""
        self._hang_up()
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait for the launcher, and end it by force where it takes too long."""
        if self._process is not None:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    # --- asking ------------------------------------------------------------------------------------

    def ask(self, request: AnyRequest, kind: type[R]) -> R:
        """The engine's answer, which must be of ``kind``.

        Raises:
            ControlError: what the engine refused, or that it does not answer.
        """
        if self._client is None:
            self._client = Client.connect(self.socket)
        result: AnyResult = self._client.ask(request)
        if not isinstance(result, kind):
            raise ControlError("bad-reply", "the engine answered something else than was asked")
        return result

    def watch(self) -> Watcher:
        """Somebody who watches this engine from now on."""
        return Watcher(self.socket)

    @property
    def pid(self) -> int:
        """The engine's process id (not the launcher's)."""
        return self.ask(Status(), StatusReport).pid

    def until_open(self) -> None:
        """Wait until the engine answers and its vault is open.

        Raises:
            ControlError: it ended, or never answered.
        """
        if not self._until(lambda status: status.vault == "open"):
            raise _late("an engine did not open its vault")

    def until_ready(self, tell: Callable[[int, str], None] = lambda _percent, _words: None) -> None:
        """Wait until its tor has bootstrapped; from then on it dials through the tap, if it has one.

        Args:
            tell: told of the bootstrap's percent and words.

        Raises:
            TorUnavailable: its tor did not get ready in time.
        """

        words = "its engine did not answer"

        def ready(status: StatusReport) -> bool:
            nonlocal words
            words = status.tor.problem or status.tor.words
            tell(status.tor.percent, words)
            return status.tor.ready

        if not self._until(ready):
            raise TorUnavailable(
                f"a tor was not ready within {START_SECONDS:.0f} s: {words}",
                hint="see whether the machine is busy, and try again",
            )
        if self._detour is not None:
            self._detour.target = self.tor_socks()

    def tor_socks(self) -> tuple[str, int]:
        """Where its tor itself takes SOCKS connections."""
        from ..tor import TorController

        controller = TorController.connect(str(self.tor_control), timeout=START_SECONDS)
        try:
            return controller.socks_address()
        finally:
            controller.close()

    @property
    def tor_control(self) -> Path:
        """Its tor's control socket."""
        return run_folder(self.folder) / "tor.sock"

    # --- what it has to endure -----------------------------------------------------------------------

    def kill_engine(self) -> int:
        """Kill the engine with SIGKILL and return its pid; the launcher starts another one."""
        pid = self.pid
        self._hang_up()
        os.kill(pid, signal.SIGKILL)
        return pid

    def hold(self, seconds: float) -> threading.Timer:
        """Stop the engine in its tracks (SIGSTOP) and let it go on after ``seconds``.

        Returns:
            What lets it go on; to be joined.
        """
        pid = self.pid
        release = threading.Timer(seconds, _go_on, (pid,))
        os.kill(pid, signal.SIGSTOP)
        release.start()
        return release

    def resume(self, killed: int) -> None:
        """Wait for the engine after the one that was ``killed``, and unlock it.

        Raises:
            ControlError: there is none.
            TorUnavailable: its tor did not get ready in time.
        """
        if not self._until(lambda status: status.pid != killed and status.vault == "locked"):
            raise _late("an engine that was killed was not started again")
        self.until_ready()
        self.unlock()

    def unlock(self) -> None:
        """Open the vault with the passphrase.

        Raises:
            ControlError: the engine refused.
        """
        self.ask(Unlock(passphrase=self.passphrase), object)

    # ---------------------------------------------------------------------------------------------------

    def _until(self, good: Callable[[StatusReport], bool]) -> bool:
        """Ask until the answer is ``good``; False where that took too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if good(self.ask(Status(), StatusReport)):
                    return True
            except ControlError as error:
                self._hang_up()
                if self._process is None or self._process.poll() is not None:
                    raise ControlError("engine-start", f"an engine ended: {self._last_words()}") from error
            time.sleep(POLL)
        return False

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self._log.read_text(errors="replace").split("\n")
            return next((line for line in reversed(lines) if line.strip()), "it gave no reason")
        return "it gave no reason"

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _late(what: str) -> ControlError:
    return ControlError(
        "engine-silent",
        f"{what} within {START_SECONDS:.0f} s",
        hint="see whether the machine is busy, and try again",
    )
