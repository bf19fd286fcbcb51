"""Real engines for tests: a launcher in a process of its own, with everything below it, and no network."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from onionchat.client.blocking import Client
from onionchat.control import control_socket, requests
from onionchat.control.replies import AnyResult, StatusReport
from onionchat.errors import ControlError

PASSPHRASE = "only for a test"
PATIENCE = 120.0
T = TypeVar("T")


def eventually(ask: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """What ``ask`` gives as soon as it gives something."""
    deadline = time.monotonic() + patience
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> dict[str, int]:
    """The children of a launcher: «engine», «metronome», «tor» and their pids."""
    found = {}
    for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{text}/cmdline").read_bytes().split(b"\0")
            for name in ("engine", "metronome"):
                if f"onionchat.{name}".encode() in words:
                    found[name] = int(text)
            if words[0].endswith(b"tor"):
                found["tor"] = int(text)
    return found


def _pipe(secret: str) -> int:
    """A descriptor from which a secret can be read once."""
    reader, writer = os.pipe()
    os.write(writer, secret.encode("utf-8", "surrogateescape") + b"\n")
    os.close(writer)
    return reader


def realtime_allowed() -> bool:
    """Whether processes that are started here may have real-time priority."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            os.sched_setscheduler(child.pid, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            return False
        finally:
            child.kill()
    return True


class Running:
    """One engine, from `serve` to its end. The tor below it has no network."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        passphrase: str | None = PASSPHRASE,
        control_password: str | None = None,
        credentials: Path | None = None,
        name: str = "v",
    ) -> None:
        self.vault = folder / name
        arguments = ["--vault", str(self.vault), "serve", "--tick", "0.25", *options]
        if not {"--control", "--torrc"} & {*options}:
            extra = folder / "extra"
            extra.write_text("DisableNetwork 1\n")
            arguments += ["--torrc", str(extra)]
        if passphrase is not None:
            arguments.append("--create")
        descriptors = []
        for option, secret in (("--passphrase-fd", passphrase), ("--control-password-fd", control_password)):
            if secret is not None:
                descriptors.append(_pipe(secret))
                arguments += [option, str(descriptors[-1])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "onionchat", *arguments],
            pass_fds=descriptors,
            env={**os.environ, **({"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {})},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for descriptor in descriptors:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A client, as soon as somebody answers."""

        def connect() -> Client | None:
            try:
                return Client.connect(control_socket(self.vault))
            except ControlError:
                return None

        with eventually(connect) as client:
            yield client

    def ask(self, request: requests.AnyRequest) -> AnyResult:
        """One request on a connection of its own."""
        with self.client() as client:
            return client.ask(request)

    def status(self) -> StatusReport:
        """The engine in one look."""
        report = self.ask(requests.Status())
        assert isinstance(report, StatusReport)
        return report

    def refused(self) -> tuple[int, str]:
        """Exit status and stderr of an engine that does not start."""
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said.decode()

    def successor(self, pid: int) -> StatusReport | None:
        """The status of the engine after the one that was killed, whose socket may answer a moment longer."""
        try:
            report = self.status()
        except ControlError:
            return None
        return report if report.pid != pid else None

    def complete(self) -> dict[str, int] | None:
        """The children, once there are all three."""
        now = self.children
        return now if len(now) == 3 else None

    def successor_of(self, name: str, before: dict[str, int]) -> dict[str, int] | None:
        """The children, once there is another one of that name than before."""
        now = self.children
        return now if now.get(name, before[name]) != before[name] else None

    def replaced(self, before: dict[str, int]) -> bool:
        """Whether engine, metronome and tor run, and none of them is the one from before."""
        now = self.children
        return len(now) == 3 and not {*now.values()} & {*before.values()}

    @property
    def children(self) -> dict[str, int]:
        """Engine, metronome and tor."""
        return children(self.process.pid)
