"""The engine's process from start to end.

Laws: the vault's lock is held before anything else and to the last; the passphrase comes by a descriptor or
by the control socket, never otherwise; an expected error is two lines on stderr and its exit status;
anything else is a bug and ends the engine loudly.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import trio

from ..control import control_socket, notices, run_folder
from ..crypto.passphrase import DEFAULT_COST, MIB
from ..crypto.stack import wipe_stack
from ..errors import ConfigError, ConnectionLost, CryptoError, OnionchatError, StoreError, TransportError
from ..store import LOCK_FILE, DiskVault, MemoryVault, VaultLock, finish_burn, vault_exists
from .answer import Answers
from .engine import Engine
from .launch import Launch
from .panic import block_panic, burn_everything, remove_rest, remove_traces, watch_for_panic
from .plan import Plan
from .process import harden, lock_memory, step_back
from .server import ControlServer

STARVED_SECONDS = 0.25
MAX_SECRET = 4096
MAX_GRACE_SECONDS = 3.0
"""For close cells to leave, where a tick is longer: the launcher kills an engine that takes too long, and
ending tor takes its time, too."""


def main(argv: list[str], kind: type[Engine] = Engine) -> int:
    """Run the engine, which is of this ``kind``; returns its exit status."""
    parser = argparse.ArgumentParser(prog="onionchat.engine")
    parser.add_argument("channel", type=int)
    parser.add_argument("plan")
    parser.add_argument("--passphrase-fd", type=int)
    parser.add_argument("--control-password-fd", type=int)
    given = parser.parse_args(argv)
    harden()
    lock_memory()
    block_panic()
    try:
        plan = msgspec.json.decode(given.plan, type=Plan)
        password = _secret(given.control_password_fd)
        secrets = given.passphrase_fd, password
        trio.run(
            _run,
            kind,
            plan,
            given.channel,
            secrets,
            strict_exception_groups=True,
            instruments=(StackWiper(),),
        )
    except (OnionchatError, BaseExceptionGroup) as group:
        error = _expected(group)
        if isinstance(error, ConnectionLost):  # the launcher is gone, and the engine goes with it
            return 0
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return max(2, min(error.exit_code, 9))
    return 0


class StackWiper(trio.abc.Instrument):
    """Leaves nothing on the stack between two steps of any task: trio's loop is what runs least deep."""

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Whatever the step used is done with."""
        wipe_stack()


async def _run(kind: type[Engine], plan: Plan, channel: int, secrets: tuple[int | None, str | None]) -> None:
    folder = Path(plan.vault)
    if plan.tor == "managed" and any(letter.isspace() for letter in plan.vault):
        raise ConfigError(
            f"the path of the vault has a space in it: {plan.vault}",
            hint="tor takes none there; choose a folder without: --vault",
        )
    was_here = (folder / LOCK_FILE).is_file()  # what lies in a folder that is new to us is somebody else's
    lock, burned = VaultLock.acquire(folder), False
    try:
        cut_short = finish_burn(folder)
        if cut_short or (was_here and not vault_exists(folder)):  # a vault's files go before tor's
            remove_traces(folder)
        if cut_short:
            sys.stderr.write(
                "onionchat: the vault was being burned when power or process ended; it is done now\n"
            )
        with _place(run_folder(folder)), socket.socket(fileno=channel) as launcher:
            async with trio.open_nursery() as hearing:
                # to the very end: services that are being ended wait for the launcher's word that tor is gone
                launch = Launch(launcher)
                hearing.start_soon(launch.serve)
                burned = await _serve(kind, plan, launch, secrets)
                hearing.cancel_scope.cancel()
    finally:
        if finish_burn(folder) or burned:
            remove_rest(folder)
        lock.release()


@contextlib.contextmanager
def _place(place: Path) -> Iterator[None]:
    """The folder of this run. What is in it was left by an engine that was killed: we hold the lock."""
    shutil.rmtree(place, ignore_errors=True)
    try:
        place.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"the folder {place} cannot be made: {error.strerror}",
            hint="make room for it, or see who owns it",
        ) from error
    try:
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def _serve(
    kind: type[Engine], plan: Plan, launch: Launch, secrets: tuple[int | None, str | None]
) -> bool:
    """Serve until the engine is to end; whether everything was burned."""
    passphrase_fd, password = secrets
    engine: Engine | None = None
    try:
        async with trio.open_nursery() as nursery:
            stop = trio.Event()
            server: ControlServer

            def tell(notice: notices.AnyNotice) -> None:
                server.tell(notice)

            engine = kind(
                plan=plan,
                launch=launch,
                nursery=nursery,
                tell=tell,
                stop=stop.set,
                control_password=password,
            )
            answers = Answers(engine)
            server = ControlServer(control_socket(Path(plan.vault)), answers.answer)
            try:
                await _live(engine, answers, nursery, passphrase_fd)
                await nursery.start(server.serve)
                await stop.wait()
                tell(notices.Stopping())
                await go_offline(engine)
                await server.drain()
            finally:
                server.close()
            nursery.cancel_scope.cancel()
    finally:  # last of all: a task that was about to run may still have something to store
        if engine is not None and engine.book is not None:
            engine.book.close(remember=not engine.burned)
    if engine.failure is not None:
        raise engine.failure
    return engine.burned


async def go_offline(engine: Engine) -> None:
    """End every link within one tick, and let no other begin; who has burned everything waits for none."""
    if not engine.burned:
        await engine.sender.finish_all(MAX_GRACE_SECONDS)
    engine.connections.end()


async def _live(engine: Engine, answers: Answers, nursery: trio.Nursery, passphrase_fd: int | None) -> None:
    """Start everything but the control socket."""
    watch_for_panic(
        Path(engine.plan.vault), amnesic=engine.plan.amnesic, panic=partial(burn_everything, engine)
    )
    await nursery.start(engine.sender.serve)
    if engine.plan.amnesic:
        engine.open(MemoryVault())
    elif passphrase_fd is not None or engine.plan.credential:
        _unlock(engine, answers, engine.plan.credential if passphrase_fd is None else passphrase_fd)
    if engine.plan.step_back:
        step_back()  # before there is a tor, and after the passphrase, whose cost need not wait for anybody
    nursery.start_soon(engine.tor.serve)
    nursery.start_soon(engine.time.serve)
    nursery.start_soon(engine.keep_invites)
    nursery.start_soon(engine.idle.serve)
    nursery.start_soon(_watch_starvation, engine, answers)
    nursery.start_soon(_watch_signals, engine)


def _unlock(engine: Engine, answers: Answers, source: str | int) -> None:
    """Open the vault with what ``source`` (a path or a descriptor) holds; nothing keeps it afterwards."""
    exists = vault_exists(Path(engine.plan.vault))
    if not exists and not engine.plan.create:
        raise ConfigError(f"there is no vault in {engine.plan.vault}", hint="make it with --create")
    try:
        answers.unlock(_secret(source) or "", create=not exists)
    except CryptoError as error:
        raise ConfigError(error.message, hint=error.hint) from error
    if not exists and isinstance(engine.vault, DiskVault):
        memory, usual = engine.vault.cost.memory // MIB, DEFAULT_COST.memory // MIB
        less = f", less than the usual {usual} MiB: this machine has no more to spare now"
        sys.stderr.write(
            "onionchat: the vault was made. Each guess at its passphrase takes "
            f"{memory} MiB of memory{less if memory < usual else ''}.\n"
        )


def _secret(source: str | int | None) -> str | None:
    """The one line that a path or a descriptor holds."""
    if source is None:
        return None
    try:
        with open(source, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            secret = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise ConfigError(f"the passphrase cannot be read: {error.strerror}") from error
    try:
        text = secret.decode() if len(secret) <= MAX_SECRET else ""
    except UnicodeDecodeError:
        text = ""
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigError(
            "what should hold a passphrase holds none", hint="it must be one line of text in UTF-8"
        )
    return text


async def _watch_signals(engine: Engine) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        async for _ in received:
            engine.stop()


async def _watch_starvation(engine: Engine, answers: Answers) -> None:
    """Say it when the engine waits too long for the processor."""
    while True:
        expected = trio.current_time() + STARVED_SECONDS
        await trio.sleep_until(expected)
        late = trio.current_time() - expected
        if answers.worked:  # it was the passphrase's own cost
            answers.worked = False
            continue
        answers.starved_ms = max(late * 1000, answers.starved_ms * 0.99)
        if late >= STARVED_SECONDS:
            engine.tell(notices.Starved(milliseconds=late * 1000))


def _expected(error: BaseException) -> OnionchatError:
    """The one error of ours in what trio raised; anything else is a bug and goes on its way."""
    inner = error
    while isinstance(inner, BaseExceptionGroup):
        inner = next((e for e in inner.exceptions if not isinstance(e, OnionchatError)), inner.exceptions[0])
    if not isinstance(inner, ConfigError | StoreError | TransportError):
        raise error
    return inner
