"""Keeps a tor at hand: starts a managed one or finds the system's, and follows it until it is gone.

Laws: whatever is wrong with tor is a sentence in `state`, and is tried again; a managed tor keeps its data
directory (its guards with it) and ends with the engine; nothing else is ever used in tor's place.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import trio

from ..control.place import run_folder
from ..control.replies import TorState
from ..errors import ConfigError, TorUnavailable, TransportError
from ..tor import (
    Bootstrap,
    ControllerClosed,
    TorController,
    explain_log,
    find_tor,
    managed_torrc,
    tor_command,
)
from .launch import Launch
from .plan import Plan
from .service import Services

START_SECONDS = 30.0
CONNECT_SECONDS = 10.0
RETRY_SECONDS = 3.0
RETRY_MAX_SECONDS = 60.0
ASK_SECONDS = 5.0
"""How often bootstrap is asked for, should an event have been missed."""


class TorKeeper:
    """The engine's tor."""

    def __init__(
        self,
        *,
        nursery: trio.Nursery,
        plan: Plan,
        launch: Launch,
        services: Services,
        changed: Callable[[], None],
        ready: Callable[[], None],
        control_password: str | None,
    ) -> None:
        self._nursery = nursery
        self._plan = plan
        self._launch = launch
        self._services = services
        self._changed = changed
        self._ready = ready
        self._password = control_password
        self.state = TorState(mode=plan.tor)
        self.socks: tuple[str, int] | None = None
        """Where to dial; None while tor is not ready."""

    async def serve(self) -> None:
        """Run until cancelled."""
        retry = RETRY_SECONDS
        while True:
            try:
                async with self._running() as controller:
                    retry = RETRY_SECONDS
                    try:
                        await self._follow(controller)
                    finally:  # before it is ended, which may take seconds
                        self.socks = None
                        self._services.tor_lost()
                problem = "the connection to tor was lost; trying again"
            except (TransportError, ConfigError) as error:
                problem = f"{error.message}: {error.hint}" if error.hint else error.message
            except OSError as error:
                problem = f"tor could not be started: {error.strerror}"
            self._set(percent=0, words="not connected", ready=False, problem=problem)
            await trio.sleep(retry)
            retry = min(2 * retry, RETRY_MAX_SECONDS)

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[TorController]:
        if self._plan.tor == "system":
            connect = partial(
                TorController.connect, self._plan.control, password=self._password, timeout=CONNECT_SECONDS
            )
            controller = await trio.to_thread.run_sync(connect, abandon_on_cancel=True)
            try:
                yield controller
            finally:
                await _close(controller)
        else:
            async with self._managed() as controller:
                yield controller

    @contextlib.asynccontextmanager
    async def _managed(self) -> AsyncIterator[TorController]:
        program = await trio.to_thread.run_sync(find_tor, self._plan.tor_program, abandon_on_cancel=True)
        folder = Path(self._plan.vault)
        control = run_folder(folder) / "tor.sock"
        extra = await _read(self._plan.torrc) if self._plan.torrc else ""
        torrc = managed_torrc(data=folder / "tor", control_socket=control, owner_pid=os.getpid(), extra=extra)
        path = run_folder(folder) / "torrc"
        path.write_text(torrc, encoding="utf-8")
        control.unlink(missing_ok=True)
        self._set(percent=0, words="starting tor", ready=False, problem="", version=program.version)
        pid, output = await self._launch.tor(tor_command(program, path))
        said: list[str] = []
        self._nursery.start_soon(self._hear, output, said)
        if not pid:
            raise TorUnavailable("tor could not be started")
        try:
            controller = await self._connect_managed(control, said)
            try:
                yield controller
            finally:
                await _close(controller)
        finally:
            self._launch.stop_tor()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 6.0):
                await self._launch.tor_ended.wait()

    async def _connect_managed(self, control: Path, said: list[str]) -> TorController:
        with trio.move_on_after(START_SECONDS):
            while not self._launch.tor_ended.is_set():
                if control.exists():
                    with contextlib.suppress(TorUnavailable):
                        connect = partial(TorController.connect, str(control), timeout=CONNECT_SECONDS)
                        controller = await trio.to_thread.run_sync(connect, abandon_on_cancel=True)
                        try:
                            await trio.to_thread.run_sync(controller.take_ownership, abandon_on_cancel=True)
                        except BaseException:
                            await _close(controller)
                            raise
                        return controller
                await trio.sleep(0.05)
            await trio.sleep(0.1)  # its last words may still be in the pipe
        why = said[-1] if said else "it gave no reason"
        hint = "look at the lines given with --torrc" if self._plan.torrc else "try again, or update tor"
        raise TorUnavailable(f"tor did not start: {why}", hint=hint)

    async def _hear(self, output: int, said: list[str]) -> None:
        """Read what tor prints; keep what a person should know."""
        async with trio.lowlevel.FdStream(output) as stream:
            rest = b""
            async for chunk in stream:
                *lines, rest = (rest + chunk)[-65536:].split(b"\n")
                for line in lines:
                    if remark := explain_log(line.decode("utf-8", "replace")):
                        said[:] = [remark]

    async def _follow(self, controller: TorController) -> None:
        """Until the control connection ends."""
        token = trio.lowlevel.current_trio_token()
        news_in, news = trio.open_memory_channel[Bootstrap | ControllerClosed](64)

        def hand_over(item: Bootstrap | ControllerClosed) -> None:
            def put() -> None:
                with contextlib.suppress(trio.WouldBlock, trio.BrokenResourceError):
                    news_in.send_nowait(item)

            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(put)

        await trio.to_thread.run_sync(controller.watch, hand_over)
        while controller.alive:
            item: Bootstrap | ControllerClosed | None = None
            with trio.move_on_after(ASK_SECONDS):
                item = await news.receive() if self.state.ready else await self._ask(controller, news)
            if isinstance(item, ControllerClosed):
                return
            if item is not None:
                await self._note(controller, item)

    async def _ask(
        self, controller: TorController, news: trio.MemoryReceiveChannel[Bootstrap | ControllerClosed]
    ) -> Bootstrap | ControllerClosed:
        with trio.move_on_after(0.5):
            return await news.receive()
        return await trio.to_thread.run_sync(controller.bootstrap, abandon_on_cancel=True)

    async def _note(self, controller: TorController, item: Bootstrap) -> None:
        ready = item.percent >= 100
        self._set(
            percent=item.percent,
            words=item.words,
            ready=self.state.ready,
            problem=item.problem,
            version=controller.version,
        )
        if ready and not self.state.ready:
            self.socks = await self._socks(controller)
            self._set(percent=100, words=item.words, ready=True, problem=item.problem)
            self._services.tor_ready(controller, self.socks)
            self._ready()

    async def _socks(self, controller: TorController) -> tuple[str, int]:
        if self._plan.socks:
            host, _, port = self._plan.socks.rpartition(":")
            return host.strip("[]"), int(port)
        return await trio.to_thread.run_sync(controller.socks_address, abandon_on_cancel=True)

    def _set(
        self, *, percent: int, words: str, ready: bool, problem: str, version: str | None = None
    ) -> None:
        state = TorState(
            mode=self._plan.tor,
            version=self.state.version if version is None else version,
            percent=percent,
            words=words,
            ready=ready,
            problem=problem,
        )
        if state != self.state:
            self.state = state
            self._changed()


async def _close(controller: TorController) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + 2.0):
        await trio.to_thread.run_sync(controller.close, abandon_on_cancel=True)


async def _read(path: str) -> str:
    try:
        return await trio.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file with tor's additional settings cannot be read: {path}") from error
