"""Our onion services: published, and proven reachable by looking them up and dialling them.

Laws: reachable means seen from outside (its descriptor was fetched from the network and a connection came
through to us), never that tor took the key; what is not reachable yet is not an error; publishing is paced.
A connection that stands and comes to somebody else shows that our key is in use there, too.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from ..crypto.onion import OnionKey
from ..errors import TransportError
from ..protocol.constants import VIRTUAL_PORT
from ..tor import TorController, dial
from .listener import Listener

T = TypeVar("T")

PUBLISH_SECONDS = 120.0
LOOKUP_SECONDS = 30.0
DIAL_SECONDS = 60.0
RETRY_SECONDS = 5.0
RETRY_MAX_SECONDS = 120.0
ARRIVE_SECONDS = 10.0
"""Between a connection that stands and its arrival here: tor had made it when it said so."""
RECHECK_SECONDS = 1800.0
"""How often a service that was reachable is dialled again."""


class Proof(Enum):
    """What came of looking up and dialling a service of ours."""

    REACHED = "reached"
    NOBODY = "nobody"
    ELSEWHERE = "elsewhere"
    """Somebody took the connection, and it was not us."""


@dataclass(slots=True, kw_only=True, eq=False)
class Service:
    """One onion service of ours."""

    key: OnionKey
    path: Path | None
    """Of the Unix socket to which tor hands its connections; a port of loopback where there is none."""
    accepted: Callable[[socket.socket], None]
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    reachable_since: float | None = None
    elsewhere: bool = False
    """The last connection that stood came to somebody else."""
    came: trio.Event = field(default_factory=trio.Event)
    """A connection came to us since it was last dialled to prove it."""
    gone: trio.Event = field(default_factory=trio.Event)
    """It was removed, and tor knows."""


class Services:
    """All our onion services, and the tor that carries them at present."""

    def __init__(self, nursery: trio.Nursery, now: Callable[[], float], changed: Callable[[], None]) -> None:
        self._nursery = nursery
        self._now = now
        self._changed = changed
        self._services: dict[bytes, Service] = {}
        self._leaving: dict[bytes, trio.Event] = {}
        """Of removed services that tor may still run: the newest with each key."""
        self._listening = trio.CapacityLimiter(1)
        """Hundreds made in one go would hold up whoever has just unlocked the vault."""
        self._pace = trio.CapacityLimiter(4)
        self._threads = trio.CapacityLimiter(16)
        self._removals = trio.CapacityLimiter(4)
        self._tor: tuple[TorController, tuple[str, int]] | None = None
        self._tor_changed = trio.Event()

    def __len__(self) -> int:
        return len(self._services)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is added meanwhile is one change, told at the end."""
        changed, self._changed = self._changed, _nothing
        try:
            yield
        finally:
            self._changed = changed
        self._changed()

    def add(self, key: OnionKey, path: Path | None, accepted: Callable[[socket.socket], None]) -> None:
        """Run a service from now until `remove`."""
        service = Service(key=key, path=path, accepted=accepted)
        self._services[key.public] = service
        self._nursery.start_soon(self._serve, service, self._leaving.get(key.public))
        self._changed()

    def remove(self, public: bytes) -> None:
        """End a service: its address is gone."""
        service = self._services.pop(public, None)
        if service is not None:
            self._leaving[public] = service.gone
            service.scope.cancel()
            self._changed()

    def runs(self, public: bytes) -> bool:
        """Whether this service was added and not removed since."""
        return public in self._services

    def tor_ready(self, controller: TorController, socks: tuple[str, int]) -> None:
        """A tor is bootstrapped: publish everything there."""
        self._switch((controller, socks))

    def tor_lost(self) -> None:
        """The tor is gone and every service with it."""
        self._switch(None)

    def reachable(self, public: bytes) -> bool:
        """Whether this service was proven reachable."""
        service = self._services.get(public)
        return service is not None and service.reachable_since is not None

    @property
    def reachable_count(self) -> int:
        """How many were proven reachable."""
        return sum(s.reachable_since is not None for s in self._services.values())

    @property
    def elsewhere_count(self) -> int:
        """At how many of our addresses somebody else answers, who must have our keys."""
        return sum(s.elsewhere for s in self._services.values())

    @property
    def reachable_since(self) -> float | None:
        """Since when the first of them is, None while one is not or there is none."""
        times = [service.reachable_since for service in self._services.values()]
        return min((t for t in times if t is not None), default=None) if None not in times else None

    def _switch(self, tor: tuple[TorController, tuple[str, int]] | None) -> None:
        self._tor = tor
        for service in self._services.values():
            service.reachable_since = None
        self._tor_changed.set()
        self._tor_changed = trio.Event()
        self._changed()

    async def _serve(self, service: Service, before: trio.Event | None) -> None:
        if before is not None:  # or else its removal would take this one from tor
            await before.wait()
        address, public, gone = service.key.address, service.key.public, service.gone
        with service.scope:
            async with self._listening:
                listener = await _listen(service.path)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listener.serve, partial(_came, service))
                await self._keep(service, listener.target)
        del service  # its key goes with the address, however long tor takes to say so
        # removed; where the engine ends, this is not reached: the services end with tor's connection
        if self._tor is not None:
            controller, _ = self._tor
            with contextlib.suppress(TransportError):  # then it went with its tor
                await trio.to_thread.run_sync(
                    controller.remove_onion,
                    address,
                    limiter=self._removals,
                    abandon_on_cancel=True,
                )
        gone.set()
        if self._leaving.get(public) is gone:
            del self._leaving[public]

    async def _keep(self, service: Service, target: str) -> None:
        while True:
            tor, changed = self._tor, self._tor_changed
            if tor is not None:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._publish, service, target, *tor)
                    await changed.wait()
                    nursery.cancel_scope.cancel()
            else:
                await changed.wait()

    async def _publish(
        self, service: Service, target: str, controller: TorController, socks: tuple[str, int]
    ) -> None:
        address = service.key.address
        retry = RETRY_SECONDS
        added = False
        while True:
            try:
                if not added:
                    async with self._pace:
                        await self._add(service.key, target, controller)
                        added = True
                        await self._run(partial(controller.wait_published, address, PUBLISH_SECONDS))
                proof = await self._prove(service, controller, socks)
            except (TransportError, OSError):  # a tor that is gone is noticed elsewhere
                proof = Proof.NOBODY
            self._note(service, proof)
            proven = proof is Proof.REACHED
            await trio.sleep(RECHECK_SECONDS if proven else retry)
            retry = RETRY_SECONDS if proven else min(2 * retry, RETRY_MAX_SECONDS)

    async def _add(self, key: OnionKey, target: str, controller: TorController) -> None:
        # never abandoned: what is added after its removal would stay
        await trio.to_thread.run_sync(
            partial(controller.add_onion, key.expanded(), target=target, virtual_port=VIRTUAL_PORT),
            limiter=self._threads,
        )

    async def _prove(self, service: Service, controller: TorController, socks: tuple[str, int]) -> Proof:
        address, service.came = service.key.address, trio.Event()
        if not await self._run(partial(controller.fetch_descriptor, address, timeout=LOOKUP_SECONDS)):
            return Proof.NOBODY
        connection = await self._run(
            partial(
                dial,
                socks=socks,
                user=secrets.token_hex(16),
                password=secrets.token_hex(16),
                onion=address,
                port=VIRTUAL_PORT,
                timeout=DIAL_SECONDS,
            )
        )
        try:
            with trio.move_on_after(ARRIVE_SECONDS):
                await service.came.wait()
        finally:
            connection.close()
        return Proof.REACHED if service.came.is_set() else Proof.ELSEWHERE

    def _note(self, service: Service, proof: Proof) -> None:
        known = service.reachable_since is not None, service.elsewhere
        if proof is not Proof.REACHED:
            service.reachable_since = None
        elif service.reachable_since is None:
            service.reachable_since = self._now()
        if proof is not Proof.NOBODY:  # which says nothing of who else is there
            service.elsewhere = proof is Proof.ELSEWHERE
        if known != (service.reachable_since is not None, service.elsewhere):
            self._changed()

    async def _run(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads, abandon_on_cancel=True)


def _nothing() -> None:
    """Tell nobody."""


def _came(service: Service, connection: socket.socket) -> None:
    service.came.set()
    service.accepted(connection)


async def _listen(path: Path | None) -> Listener:
    while True:
        try:
            return Listener(path)
        except OSError:  # no room or no descriptors at present
            await trio.sleep(RETRY_SECONDS)
