"""The small process above engine, metronome and tor: it starts them, restarts the engine, and ends them all.

Laws: it stays in the scheduling class that it was started in; the engine puts itself into SCHED_IDLE, which
is inherited and cannot be left, so it must start nothing itself. The metronome takes real-time priority by
itself where that is allowed, and tor is given one below it. It holds no key and reads no secret: the
passphrase's descriptor goes through to the first engine unread. It imports nothing heavy. It ends only after
everything that it started has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from ..errors import ConnectionLost, LocalProtocolError
from .launch_channel import (
    NOT_STARTED,
    Ended,
    Message,
    MetronomeStarted,
    StartMetronome,
    StartTor,
    StopTor,
    TorStarted,
    receive,
    send,
)
from .launch_child import GRACE_SECONDS, Children
from .plan import Plan
from .process import harden, overwriting

STOP_SECONDS: Final = 10.0
"""What an engine that was asked to end may take."""

TOR_PRIORITY: Final = 5
"""Below the metronome's 10: a cell that is due goes first."""

RESTART_LIMIT: Final = 3
RESTART_WINDOW_SECONDS: Final = 60.0

# -P: a module that lies in the working folder must never be taken for one of ours.
_PYTHON: Final = (sys.executable, "-P", "-m")
ENGINE: Final = (*_PYTHON, "onionchat.engine")
_METRONOME: Final = (*_PYTHON, "onionchat.metronome")


def run(
    plan: Plan,
    *,
    passphrase_fd: int | None = None,
    control_password_fd: int | None = None,
    lifeline_fd: int | None = None,
    engine_command: Sequence[str] = ENGINE,
) -> int:
    """Be the launcher until the engine has ended for good. Needs the process's main thread.

    Args:
        plan: handed to the engine.
        passphrase_fd: read by the first engine; one that is restarted waits, locked, for the user.
            Closed here, unless it is one of the three standard ones.
        control_password_fd: for a system tor's control port; likewise.
        lifeline_fd: when its other end closes, or the terminal hangs up, everything ends. Without one
            the engine outlives its terminal.
        engine_command: program and first arguments in the engine's place.

    Returns:
        0 after an orderly end, 2 to 9 as the engine said (it has printed its own line), otherwise 1.
    """
    harden()
    given = {"--passphrase-fd": passphrase_fd, "--control-password-fd": control_password_fd}
    secrets = {option: _raised(number) for option, number in given.items() if number is not None}
    with _signals() as wakeup:
        return _Launcher(plan, secrets, lifeline_fd, engine_command, wakeup).run()


class Restarts:
    """How often an engine that crashed is started again: a few times, because more often mends nothing."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque(maxlen=RESTART_LIMIT)

    def allow(self, now: float) -> bool:
        """Count a restart at ``now`` (monotonic seconds), unless there were too many lately."""
        if len(self._moments) == RESTART_LIMIT and now - self._moments[0] < RESTART_WINDOW_SECONDS:
            return False
        self._moments.append(now)
        return True


class _Launcher:
    def __init__(
        self,
        plan: Plan,
        secrets: dict[str, int],
        lifeline_fd: int | None,
        engine_command: Sequence[str],
        wakeup: socket.socket,
    ) -> None:
        self._plan = plan
        self._secrets = secrets
        self._engine_command = engine_command
        self._wakeup = wakeup
        self._lifeline_fd = lifeline_fd
        self._children = Children()
        self._restarts = Restarts()
        self._selector = selectors.DefaultSelector()
        self._engine: subprocess.Popen[bytes] | None = None
        self._panic = False
        self._stopping = False
        self._kill_at = math.inf
        self._overdue = False

    def run(self) -> int:
        with self._selector:
            self._watch(self._wakeup, self._on_signal)
            if self._lifeline_fd is not None:
                self._watch(self._lifeline_fd, partial(self._on_lifeline, self._lifeline_fd))
            while True:
                try:
                    status = self._live()
                finally:
                    self._children.end(grace=0.0 if self._overdue else GRACE_SECONDS)
                self._turn(0.0)  # a signal that came meanwhile
                result = self._result(status)
                if result is not None:
                    return result

    def _result(self, status: int) -> int | None:
        """The launcher's own status after an engine's; None to start another engine."""
        if self._overdue:
            _say(f"the engine did not end within {STOP_SECONDS:.0f} s and was killed")
            return 1
        if status == 0 or 2 <= status <= 9:
            return status
        if self._stopping:
            return 0 if status == -signal.SIGTERM else 1
        how = f"signal {-status}" if status < 0 else f"status {status}"
        if self._plan.amnesic:
            _say(f"the engine ended unexpectedly ({how}); it kept everything in memory, so all of it is gone")
            return 1
        if not self._restarts.allow(time.monotonic()):
            _say(f"the engine ended unexpectedly ({how}), too often to be started again")
            return 1
        _say(f"the engine ended unexpectedly ({how}) and is started again")
        return None

    def _live(self) -> int:
        """One engine from start to end.

        Returns:
            Its exit status; ``-n`` where signal n ended it.
        """
        channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with channel, theirs:
            plan = msgspec.json.encode(self._plan).decode()
            argv = [*self._engine_command, str(theirs.fileno()), plan]
            for option, number in self._secrets.items():
                argv += [option, str(number)]
            with _blocked(
                signal.SIGUSR1
            ):  # inherited: it waits until the engine has somebody who waits for it
                engine = subprocess.Popen(  # noqa: S603 - the command is ours, no shell is involved
                    argv,
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), *self._secrets.values()),
                    start_new_session=True,
                    env=overwriting(),
                )
            self._engine = engine
            if self._panic:  # it came while there was none
                engine.send_signal(signal.SIGUSR1)
            theirs.close()
            for number in self._secrets.values():
                os.close(number)
            self._secrets.clear()
            self._watch(channel, partial(self._on_channel, channel, engine))
            try:
                while engine.poll() is None:
                    self._turn(min(self._kill_at, self._children.next_deadline) - time.monotonic())
                    self._report(channel)
            finally:
                self._forget(channel)
                engine.kill()  # does nothing to one that has ended
            return engine.wait()

    def _turn(self, timeout: float) -> None:
        """Wait for something to happen and see to it."""
        for key, _ in self._selector.select(None if timeout == math.inf else max(0.0, timeout)):
            key.data()
        self._children.kill_overdue()
        if self._engine is not None and self._kill_at <= time.monotonic():
            self._overdue = True
            self._kill_at = math.inf
            self._engine.kill()

    def _watch(self, source: socket.socket | int, callback: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, callback)

    def _forget(self, source: socket.socket | int) -> None:
        with contextlib.suppress(KeyError):  # it had closed before
            self._selector.unregister(source)

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            if self._engine is not None:
                self._engine.terminate()
                self._kill_at = time.monotonic() + STOP_SECONDS

    def _on_signal(self) -> None:
        ending = {signal.SIGTERM, signal.SIGINT} | (
            {signal.SIGHUP} if self._lifeline_fd is not None else set()
        )
        received = self._wakeup.recv(4096)
        if signal.SIGUSR1 in received:
            self._panic = True
            if self._engine is not None:
                self._engine.send_signal(signal.SIGUSR1)
        if ending.intersection(received):
            self._stop()

    def _on_lifeline(self, lifeline_fd: int) -> None:
        if not os.read(lifeline_fd, 4096):
            self._forget(lifeline_fd)
            self._stop()

    def _on_channel(self, channel: socket.socket, engine: subprocess.Popen[bytes]) -> None:
        try:
            message, descriptors = receive(channel)
            self._perform(channel, message, descriptors)
        except ConnectionLost:
            self._forget(channel)
        except LocalProtocolError as error:
            _say(error.message)
            engine.kill()

    def _perform(self, channel: socket.socket, message: Message, descriptors: tuple[int, ...]) -> None:
        match message:
            case StartMetronome():
                self._start_metronome(channel)
            case StartTor():
                self._start_tor(channel, message.argv, descriptors[0])
            case StopTor():
                self._children.terminate("tor")
            case _:
                for descriptor in descriptors:
                    os.close(descriptor)
                raise LocalProtocolError("the engine sent a message that only the launcher sends")

    def _start_metronome(self, channel: socket.socket) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            without = {"no-delays": not self._plan.delays, "no-realtime": not self._plan.realtime}
            argv = [*_METRONOME, str(theirs.fileno()), *(word for word, off in without.items() if off)]
            pid = self._children.start("metronome", argv, output=None, descriptors=[theirs.fileno()])
            send(channel, MetronomeStarted(pid=pid), [ours.fileno()])

    def _start_tor(self, channel: socket.socket, argv: list[str], output: int) -> None:
        try:
            priority = TOR_PRIORITY if self._plan.realtime else 0
            pid = self._children.start("tor", argv, output=output, descriptors=(), priority=priority)
        except (OSError, ValueError):  # no such program, or a name that no program can have
            send(channel, Ended(what="tor", pid=0, status=NOT_STARTED))
        else:
            send(channel, TorStarted(pid=pid))
        finally:
            os.close(output)

    def _report(self, channel: socket.socket) -> None:
        for ended in self._children.reap():
            with contextlib.suppress(ConnectionLost):  # the engine is ending, too
                send(channel, ended)


@contextlib.contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    """What is started in here has the signal blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket that tells, one byte each, of the signals that concern the launcher."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1)
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)


def _raised(descriptor: int) -> int:
    """The same file under a number above the standard ones, which a child has other uses for."""
    if descriptor > 2:
        return descriptor
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _say(line: str) -> None:
    sys.stderr.write(f"onionchat: {line}\n")
    sys.stderr.flush()
