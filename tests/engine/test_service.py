"""Onion services: published once, taken down for certain, and back with the next tor."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from onionchat.crypto.onion import OnionKey
from onionchat.engine import service as service_module
from onionchat.engine.service import PUBLISH_SECONDS, RECHECK_SECONDS, Service, Services
from onionchat.errors import PeerUnreachable, TorUnavailable
from onionchat.tor import TorController
from tests.engine import core
from tests.engine.core import until

SOCKS = ("127.0.0.1", 9)


class PlayedTor:
    """A controller that does at once what it is told, or hangs, or is gone."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.running: dict[str, str] = {}
        self.gone = False
        self.hang: threading.Event | None = None
        self.hanging = threading.Event()

    def add_onion(self, seed_expanded: bytes, *, target: str, virtual_port: int) -> str:
        self._answer()
        address = KEYS[seed_expanded]
        self.commands.append("add")
        assert address not in self.running, "published twice"
        self.running[address] = target
        return address

    def remove_onion(self, address: str) -> None:
        self._answer()
        self.commands.append("remove")
        self.running.pop(address, None)

    def wait_published(self, address: str, timeout: float) -> bool:
        assert timeout == PUBLISH_SECONDS
        self._answer()
        return True

    def fetch_descriptor(self, address: str, *, timeout: float) -> bool:
        self._answer()
        return address in self.running

    def _answer(self) -> None:
        if self.hang is not None:
            self.hanging.set()
            self.hang.wait(30)
        if self.gone:
            raise TorUnavailable("gone")

    @property
    def controller(self) -> TorController:
        return cast("TorController", self)


KEYS: dict[bytes, str] = {}


def new_key() -> OnionKey:
    key = OnionKey.generate(os.urandom)
    KEYS[key.expanded()] = key.address
    return key


class Place:
    """Services, and what is dialled to prove them."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self.folder = folder
        self.tor = PlayedTor()
        self.accepted = 0
        self.dial_works = True
        self.leads_to: str | None = None
        """Where dials come out, if not at our own sockets."""

    def add(self, key: OnionKey, name: str = "s") -> Path:
        path = self.folder / name
        self.services.add(key, path, self._accepted)
        return path

    def ready(self, tor: PlayedTor | None = None) -> None:
        self.tor = tor or self.tor
        self.services.tor_ready(self.tor.controller, SOCKS)

    def dial(self, *, socks: tuple[str, int], onion: str, **_: object) -> socket.socket:
        if not self.dial_works or socks != SOCKS:
            raise PeerUnreachable("nobody")
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.leads_to or self.tor.running[onion].removeprefix("unix:"))
        return connection

    def _accepted(self, connection: socket.socket) -> None:
        self.accepted += 1
        connection.close()


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Place]:
    async with trio.open_nursery() as nursery:
        place = Place(Services(nursery, lambda: core.BEGIN + trio.current_time(), lambda: None), folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(service_module, "dial", place.dial)
            yield place
            nursery.cancel_scope.cancel()


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


async def in_thread(wait: Callable[[float], bool]) -> None:
    assert await trio.to_thread.run_sync(wait, 30)


async def test_reachable_is_what_was_dialled(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        key = new_key()
        place.dial_works = False
        place.add(key)
        assert (len(place.services), place.services.reachable_since) == (1, None)
        place.ready()
        await until(lambda: place.tor.commands == ["add"])
        await trio.sleep(60)
        assert not place.services.reachable(key.public)
        place.dial_works = True
        await until(lambda: place.services.reachable(key.public))
        assert place.services.reachable_count == 1
        assert place.accepted >= 1
        place.dial_works = False
        clock.jump(RECHECK_SECONDS)
        await until(lambda: not place.services.reachable(key.public))
        assert place.tor.commands == ["add"]


async def test_a_connection_that_comes_to_somebody_else_shows_that_they_have_our_keys(
    tmp_path: Path, clock: MockClock
) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "other"))
        other.listen()
        async with serving(tmp_path) as place:
            place.leads_to = str(tmp_path / "other")
            key = new_key()
            place.add(key)
            place.ready()
            await until(lambda: place.services.elsewhere_count == 1)
            assert not place.services.reachable(key.public)
            place.dial_works = False  # nobody there: the other one may come back
            await trio.sleep(300)
            assert place.services.elsewhere_count == 1
            place.dial_works, place.leads_to = True, None
            await until(lambda: place.services.reachable(key.public))
            assert place.services.elsewhere_count == 0


async def test_one_service_that_is_not_reachable_says_so_for_all(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        place.ready()
        place.add(new_key(), "one")
        await until(lambda: place.services.reachable_since is not None)
        place.dial_works = False
        place.add(new_key(), "two")
        assert (place.services.reachable_since, place.services.reachable_count) == (None, 1)


async def test_services_that_are_added_together_are_one_change(tmp_path: Path, clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        told: list[int] = []
        services = Services(nursery, trio.current_time, lambda: told.append(len(services)))
        with services.together():
            for number in range(5):
                services.add(new_key(), tmp_path / f"s{number}", lambda connection: connection.close())
        assert told == [5]
        services.add(new_key(), tmp_path / "another", lambda connection: connection.close())
        assert told == [5, 6]
        nursery.cancel_scope.cancel()


async def test_a_removed_service_is_taken_from_tor_and_disk(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        key = new_key()
        path = place.add(key)
        place.ready()
        await until(lambda: place.services.reachable(key.public))
        place.services.remove(key.public)
        assert (len(place.services), place.services.reachable(key.public)) == (0, False)
        await until(lambda: place.tor.running == {} and not path.exists())
        place.services.remove(key.public)  # again does nothing


async def test_a_service_that_is_removed_while_tor_adds_it_does_not_stay(
    tmp_path: Path, clock: MockClock
) -> None:
    async with serving(tmp_path) as place:
        key = new_key()
        place.tor.hang = threading.Event()
        place.add(key)
        place.ready()
        await in_thread(place.tor.hanging.wait)
        place.services.remove(key.public)
        await trio.sleep(10)
        place.tor.hang.set()
        await until(lambda: place.tor.commands == ["add", "remove"])
        assert place.tor.running == {}


async def test_a_removal_waits_for_a_tor_that_is_slow(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        keys = [new_key() for _ in range(6)]
        for number, key in enumerate(keys):
            place.add(key, f"s{number}")
        place.ready()
        await until(lambda: place.services.reachable_count == len(keys))
        place.tor.hang = threading.Event()
        for key in keys:
            place.services.remove(key.public)
        await in_thread(place.tor.hanging.wait)
        await trio.sleep(60)
        place.tor.hang.set()
        await until(lambda: place.tor.running == {})


async def test_the_key_of_a_removed_service_is_not_kept_while_tor_hangs(
    tmp_path: Path, clock: MockClock
) -> None:
    async with serving(tmp_path) as place:
        key = new_key()
        place.add(key)
        place.ready()
        await until(lambda: place.services.reachable(key.public))
        assert services_in_memory() == [key]
        place.tor.hang = threading.Event()
        place.services.remove(key.public)
        await in_thread(place.tor.hanging.wait)
        assert services_in_memory() == []
        place.tor.hang.set()
        await until(lambda: place.tor.running == {})


def services_in_memory() -> list[OnionKey]:
    gc.collect()
    return [one.key for one in gc.get_objects() if isinstance(one, Service)]


async def test_a_service_removed_before_it_began_leaves_nothing(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        place.ready()
        key = new_key()
        path = place.add(key)
        place.services.remove(key.public)
        await trio.sleep(10)
        assert (place.tor.running, path.exists(), len(place.services)) == ({}, False, 0)


async def test_everything_is_published_again_in_the_next_tor(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        keys = [new_key() for _ in range(3)]
        for number, key in enumerate(keys):
            place.add(key, f"s{number}")
        first = place.tor
        place.ready()
        await until(lambda: place.services.reachable_count == 3)
        first.gone = True
        place.services.tor_lost()
        assert (place.services.reachable_count, place.services.reachable_since) == (0, None)
        await trio.sleep(600)
        second = PlayedTor()
        place.ready(second)
        await until(lambda: place.services.reachable_count == 3)
        assert (first.commands, second.commands) == (["add"] * 3, ["add"] * 3)
        assert first.running == second.running  # the same sockets all the time


async def test_a_tor_that_dies_in_the_middle_is_survived(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        key = new_key()
        place.add(key)
        place.tor.hang = threading.Event()
        place.ready()
        await in_thread(place.tor.hanging.wait)
        place.tor.gone = True
        place.services.tor_lost()
        place.tor.hang.set()
        await trio.sleep(10)
        place.ready(PlayedTor())
        await until(lambda: place.services.reachable(key.public))


async def test_a_socket_that_cannot_be_made_is_tried_again(tmp_path: Path, clock: MockClock) -> None:
    async with serving(tmp_path) as place:
        place.ready()
        key = new_key()
        (tmp_path / "s").mkdir()
        place.add(key)
        await trio.sleep(60)
        assert place.tor.commands == []
        (tmp_path / "s").rmdir()
        await until(lambda: place.services.reachable(key.public))


async def test_a_service_that_is_added_again_at_once_is_there_in_the_end(
    tmp_path: Path, clock: MockClock
) -> None:
    async with serving(tmp_path) as place:
        key = new_key()
        place.add(key)
        place.ready()
        await until(lambda: place.services.reachable(key.public))
        place.tor.hang = threading.Event()  # tor takes its time for the first removal
        for _ in range(3):
            place.services.remove(key.public)
            assert not place.services.runs(key.public)
            path = place.add(key)
            assert place.services.runs(key.public)
        await in_thread(place.tor.hanging.wait)
        place.tor.hang.set()
        await until(lambda: place.services.reachable(key.public))
        await trio.sleep(60)
        assert (list(place.tor.running.values()), path.exists()) == ([f"unix:{path}"], True)
