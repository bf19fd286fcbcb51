"""A tor at hand: followed until it is gone, found again, and never a reason for the engine to end."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from onionchat.engine.launch import Launch
from onionchat.engine.plan import Plan
from onionchat.engine.service import Services
from onionchat.engine.torkeeper import TorKeeper
from onionchat.errors import TorUnavailable
from onionchat.tor import Bootstrap, ControllerClosed, TorController
from tests.engine import core
from tests.engine.core import until


class PlayedTor:
    """A controller whose tor is as far as it is told to be."""

    version = "0.4.9.11"

    def __init__(self, log: list[str]) -> None:
        self.alive = True
        self.percent = 0
        self.log = log
        self.socks = True
        self._tell: Callable[[Bootstrap | ControllerClosed], None]

    def watch(self, callback: Callable[[Bootstrap | ControllerClosed], None]) -> None:
        self._tell = callback

    def bootstrap(self) -> Bootstrap:
        if not self.alive:
            raise TorUnavailable("gone")
        return Bootstrap(percent=self.percent, words="loading")

    def socks_address(self) -> tuple[str, int]:
        if not self.socks:
            raise TorUnavailable("this tor has no SOCKS port", hint="give it one")
        return "127.0.0.1", 9150

    def close(self) -> None:
        self.log.append("closed")

    def progress(self, percent: int) -> None:
        self.percent = percent
        self._tell(Bootstrap(percent=percent, words=f"at {percent}"))

    def die(self) -> None:
        self.alive = False
        self._tell(ControllerClosed())


class PlayedServices:
    def __init__(self, log: list[str]) -> None:
        self.log = log

    def tor_ready(self, controller: object, socks: tuple[str, int]) -> None:
        self.log.append("ready")

    def tor_lost(self) -> None:
        self.log.append("lost")


class Place:
    """A keeper and the tors that it is given, one after another."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.tors: list[PlayedTor] = []
        self.refusal: Exception | None = None
        self.passwords: list[str | None] = []
        self.socks = True
        self.keeper: TorKeeper

    def connect(self, address: str, *, password: str | None = None, timeout: float) -> PlayedTor:
        self.passwords.append(password)
        if self.refusal is not None:
            raise self.refusal
        self.tors.append(PlayedTor(self.log))
        self.tors[-1].socks = self.socks
        return self.tors[-1]


@contextlib.asynccontextmanager
async def keeping(plan: Plan) -> AsyncIterator[Place]:
    place = Place()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, pytest.MonkeyPatch.context() as patch:
        patch.setattr(TorController, "connect", place.connect)
        async with trio.open_nursery() as nursery:
            place.keeper = TorKeeper(
                nursery=nursery,
                plan=plan,
                launch=Launch(ours),
                services=cast("Services", PlayedServices(place.log)),
                changed=lambda: None,
                ready=lambda: place.log.append("dial"),
                control_password="open sesame",
            )
            nursery.start_soon(place.keeper.serve)
            yield place
            nursery.cancel_scope.cancel()


SYSTEM = Plan(vault="/nowhere", tor="system", control="127.0.0.1:9051")


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


async def test_progress_is_told_and_readiness_is_used(clock: MockClock) -> None:
    async with keeping(SYSTEM) as place:
        await until(lambda: bool(place.tors))
        await until(lambda: hasattr(place.tors[0], "_tell"))
        place.tors[0].progress(50)
        await until(lambda: (place.keeper.state.percent, place.keeper.state.words) == (50, "at 50"))
        assert (place.keeper.socks, place.keeper.state.version) == (None, "0.4.9.11")
        place.tors[0].percent = 100  # told by no event: it is asked for
        await until(lambda: place.keeper.state.ready)
        assert place.keeper.socks == ("127.0.0.1", 9150)
        assert place.log == ["ready", "dial"]
        place.tors[0].progress(100)
        await trio.sleep(60)
        assert place.log == ["ready", "dial"]


async def test_a_tor_that_went_is_used_no_more_and_the_next_is_found(clock: MockClock) -> None:
    async with keeping(SYSTEM) as place:
        await until(lambda: bool(place.tors))
        place.tors[0].percent = 100
        await until(lambda: place.keeper.state.ready)
        place.refusal = TorUnavailable("no tor controller listens", hint="start tor")
        place.tors[0].die()
        await until(lambda: not place.keeper.state.ready)
        assert place.keeper.socks is None
        assert place.log[:4] == ["ready", "dial", "lost", "closed"]
        await until(lambda: place.keeper.state.problem == "no tor controller listens: start tor")
        await trio.sleep(600)
        assert len(place.passwords) < 20  # ever more seldom
        place.refusal = None
        await until(lambda: len(place.tors) == 2)
        place.tors[1].percent = 100
        await until(lambda: place.keeper.state.ready)
        assert place.keeper.state.problem == ""
        assert place.log[4:] == ["ready", "dial"]
        assert set(place.passwords) == {"open sesame"}


async def test_a_tor_without_a_socks_port_is_said_and_let_go(clock: MockClock) -> None:
    async with keeping(SYSTEM) as place:
        place.socks = False
        await until(lambda: bool(place.tors))
        place.tors[0].percent = 100
        await until(lambda: place.keeper.state.problem == "this tor has no SOCKS port: give it one")
        assert "ready" not in place.log
        assert "closed" in place.log


async def test_a_socks_port_that_was_named_is_used(clock: MockClock) -> None:
    plan = Plan(vault="/nowhere", tor="system", control="127.0.0.1:9051", socks="[::1]:9999")
    async with keeping(plan) as place:
        await until(lambda: bool(place.tors))
        place.tors[0].percent = 100
        await until(lambda: place.keeper.state.ready)
        assert place.keeper.socks == ("::1", 9999)


async def test_a_disk_without_room_for_the_settings_is_only_a_problem(
    tmp_path: Path, clock: MockClock
) -> None:
    async with keeping(Plan(vault=str(tmp_path / "gone"))) as place:
        await until(lambda: "could not be started" in place.keeper.state.problem)
        await trio.sleep(60)
        assert place.tors == []


async def test_settings_that_cannot_be_read_are_only_a_problem(tmp_path: Path, clock: MockClock) -> None:
    (tmp_path / "run").mkdir()
    async with keeping(Plan(vault=str(tmp_path), torrc=str(tmp_path / "none"))) as place:
        await until(lambda: "additional settings" in place.keeper.state.problem)
