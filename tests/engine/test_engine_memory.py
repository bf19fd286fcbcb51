"""What a whole engine holds in its memory while a contact is there, and after it was removed.

The engine is real, in a process of its own, set up as the launcher sets one up, and its peer is one in this
process: who speaks with it knows its keys, and the random numbers that it draws come from here. No tor and no
metronome.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from onionchat.control import requests
from onionchat.crypto.kem import KEM_SEED_SIZE
from onionchat.crypto.keys import KEY_SIZE, KeyPair
from onionchat.crypto.onion import onion_address
from onionchat.engine.process import overwriting
from onionchat.lab.memory import Search
from onionchat.protocol.invite import decode
from onionchat.store import MemoryVault
from tests.crypto.ledger import Ledger
from tests.crypto.searching import searched

from .core import Person, random_text, until

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
DRAWN = {KEY_SIZE: "private key", KEM_SEED_SIZE: "KEM seed"}
ROUNDS = 8


class Watched:
    """The engine whose memory is searched."""

    def __init__(self, vault: Path, peer: Path, ledger: Ledger) -> None:
        self.ledger = ledger
        orders, theirs = socket.socketpair()
        draws, their_draws = socket.socketpair()
        with theirs, their_draws:
            descriptors = [theirs.fileno(), their_draws.fileno()]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.engine.memory_child", str(vault), str(peer)]
                + [str(number) for number in descriptors],
                pass_fds=descriptors,
                env=overwriting(),
                cwd=ROOT,
            )
        self._orders = trio.SocketStream(trio.socket.from_stdlib_socket(orders))
        self._draws = draws
        self._drawing = threading.Thread(target=self._give)
        self._drawing.start()

    def _give(self) -> None:
        while size := int.from_bytes(self._draws.recv(2, socket.MSG_WAITALL), "big"):
            drawn = os.urandom(size)
            if size in DRAWN:
                self.ledger.note(DRAWN[size], drawn)
            self._draws.sendall(drawn)

    async def tell(self, order: str) -> str:
        await self._orders.send_all(order.encode())
        return (await self._orders.receive_some()).decode()

    async def until(self, order: str, answer: str) -> None:
        """Ask for something until it is so."""
        deadline = trio.current_time() + PATIENCE
        while await self.tell(order) != answer:
            assert trio.current_time() < deadline, "it did not come about"
            await trio.sleep(0.05)

    def search(self) -> Search:
        return searched(self.process.pid, self.ledger.sought())

    async def end(self) -> None:
        self.process.kill()
        self.process.wait()
        await self._orders.aclose()
        self._drawing.join()
        self._draws.close()


@contextlib.asynccontextmanager
async def pair(folder: Path, vault: str) -> AsyncIterator[tuple[Person, Watched]]:
    """A peer in this process, and the watched engine."""
    ledger = Ledger()
    person = Person(folder / "peer", MemoryVault())
    with pytest.MonkeyPatch.context() as patch:
        ledger.listen(patch)
        watched = Watched(folder / vault, person.folder, ledger)
        try:
            searched(
                watched.process.pid, []
            )  # where this is forbidden the test is skipped, outside of a nursery
            person.peers = (person.folder, folder / vault)
            async with trio.open_nursery() as nursery:
                await nursery.start(person.live)
                yield person, watched
                nursery.cancel_scope.cancel()
        finally:
            await watched.end()


async def introduce(person: Person, watched: Watched) -> None:
    code = person.invite()
    watched.ledger.note("psk", decode(code).secret)
    await watched.tell(f"accept {code}")
    await watched.until("introduced", "True")
    await until(lambda: person.contact.record.introduced)


async def talk(person: Person, watched: Watched) -> None:
    """Texts in both directions."""
    for _ in range(ROUNDS):
        ours, theirs = random_text(100), random_text(100)
        watched.ledger.note("text", ours.encode(), theirs.encode())
        person.send(ours)
        await watched.tell(f"send {theirs}")
        await watched.until("undelivered", "0")
        await until(lambda: all(one.state == "delivered" for one in person.messages() if one.mine))


async def relink(person: Person, watched: Watched, dialler: str) -> None:
    """A new link at the pair addresses, which one of the two has dialled."""
    person.ask(requests.PresenceSet(contact=person.handle, visible=False))
    await watched.until("introduced", "False")
    person.peers = person.engine.peers = () if dialler == "engine" else person.peers
    await watched.tell(f"reach {dialler == 'engine'}")
    person.ask(requests.PresenceSet(contact=person.handle, visible=True))
    await watched.until("introduced", "True")


def note_who(person: Person, watched: Watched) -> None:
    """By what the two know each other."""
    record = person.contact.record
    for onion in (record.peer_onion, person.contact.onion.public):
        watched.ledger.note("address", onion, onion_address(onion).encode())
    static = KeyPair.from_secret(record.static_secret).public
    watched.ledger.note("static key", static, *record.peer_statics)


@pytest.mark.parametrize("vault", ["memory", "disk"])
async def test_what_is_deleted_and_who_is_removed_is_gone_from_memory(tmp_path: Path, vault: str) -> None:
    async with pair(tmp_path, vault) as (person, watched):
        await introduce(person, watched)
        await talk(person, watched)
        await watched.until("introduced", "True")
        skipped = int(await watched.tell("skipped"))
        alive = watched.search().by_kind()
        assert {"chain key", "header key", "link key", "private key", "psk"} <= alive.keys()
        assert alive["text"] == 2 * ROUNDS
        assert alive["message key"] == skipped  # of all that were used none is left
        await watched.tell("delete")
        without = watched.search().by_kind()
        assert {"chain key", "psk"} <= without.keys()
        assert without["text"] == 0
        await watched.tell("remove")
        await watched.until("contacts", "0")  # its last connection ends in a moment
        assert watched.search().by_place() == {}
    assert watched.ledger.count("message key") > 2 * ROUNDS


async def test_a_locked_engine_holds_no_key_and_no_text(tmp_path: Path) -> None:
    async with pair(tmp_path, "disk") as (person, watched):
        await introduce(person, watched)
        await talk(person, watched)
        alive = watched.search().by_kind()
        assert {"chain key", "header key", "link key", "private key", "psk", "text"} <= alive.keys()
        await watched.tell("lock")
        await watched.until("contacts", "0")
        assert watched.search().by_place() == {}


@pytest.mark.parametrize("dialler", ["engine", "peer"])
async def test_a_locked_engine_that_receives_holds_its_links_receiving_key_alone(
    tmp_path: Path, dialler: str
) -> None:
    async with pair(tmp_path, "disk") as (person, watched):
        await introduce(person, watched)
        await talk(person, watched)
        await relink(person, watched, dialler)
        note_who(person, watched)
        assert {"chain key", "address", "static key"} <= watched.search().by_kind().keys()
        before = int(await watched.tell("texts"))
        await watched.tell("receive-locked")
        await watched.until("contacts", "0")
        assert await watched.tell("receiving") == "1"
        for _ in range(ROUNDS):
            text = random_text(100)
            watched.ledger.note("text", text.encode())
            person.send(text)
        await trio.sleep(1)
        assert await watched.tell("receiving") == "1"
        found = watched.search()
        # one to receive with, and the one of the metronome, which is played in the same process
        assert found.by_kind() == {"link key": 2}, found.by_place()
        await watched.tell("unlock")
        await watched.until("texts", str(before + ROUNDS))
        await until(lambda: all(one.state == "delivered" for one in person.messages() if one.mine))
