"""``python -m tests.engine.memory_child VAULT PEER FD FD``: an engine in a process whose memory is searched.

It does what it is told over the first socket and draws its keys from the second, so that who searches its
memory knows them. Everything else is as in `core`.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import trio

from onionchat.control import requests
from onionchat.crypto import RandomSource
from onionchat.crypto.kem import KEM_SEED_SIZE, KemPair
from onionchat.crypto.passphrase import PassphraseCost
from onionchat.crypto.skipped import stored
from onionchat.engine import engine as engine_module
from onionchat.engine.main import StackWiper
from onionchat.protocol.contact import Contact, Surroundings
from onionchat.store import MemoryVault, Vault, create_vault, open_vault

from .core import Person

CHEAP = PassphraseCost(memory=1 << 20, passes=1)


def drawn_from(channel: socket.socket) -> RandomSource:
    def random(size: int) -> bytes:
        channel.sendall(size.to_bytes(2, "big"))
        return channel.recv(size, socket.MSG_WAITALL)

    return random


def vault_in(folder: Path) -> Vault:
    if folder.name == "memory":
        return MemoryVault()
    return create_vault(folder, "only for a test", random=os.urandom, cost=CHEAP, floor=0)


def obey(person: Person, order: str) -> str:  # noqa: PLR0912 - one branch for each order
    verb, _, argument = order.partition(" ")
    match verb:
        case "accept":
            person.accept(argument)
        case "send":
            return person.send(argument)
        case "delete":
            for message in person.messages():
                person.ask(requests.Delete(contact=person.handle, message=message.message, both=False))
        case "undelivered":
            return str(sum(message.mine and message.state != "delivered" for message in person.messages()))
        case "skipped":
            session = person.contact.talk._session
            return str(0 if session is None else stored(session._state.skipped))
        case "introduced":
            contacts = person.engine.opened().contacts.values()
            return str(
                any(contact.record.introduced and contact.presence == "online" for contact in contacts)
            )
        case "reach":
            person.engine.peers = person.peers if argument == "True" else ()
        case "remove":
            person.ask(requests.ContactRemove(contact=person.handle))
        case "lock":
            person.ask(requests.Lock())
        case "receive-locked":
            person.ask(requests.Lock(receive=True))
        case "receiving":
            return str(len(person.engine.receiver))
        case "unlock":
            person.engine.open(open_vault(person.folder, "only for a test", random=os.urandom, floor=0))
        case "texts":
            return str(sum(not message.mine for message in person.messages()))
        case "contacts":
            return str(sum(isinstance(one, Contact) for one in gc.get_objects()))
    return "done"


async def serve(person: Person, orders: trio.SocketStream) -> None:
    async for order in orders:
        answer = obey(person, order.decode())
        del order
        person.told.clear()
        await orders.send_all(answer.encode())


async def main(vault: Path, peer: Path, orders: socket.socket, random: RandomSource) -> None:
    person = Person(vault, vault_in(vault))
    person.peers = (vault, peer)
    async with trio.open_nursery() as nursery:
        await nursery.start(person.live)
        await serve(person, trio.SocketStream(trio.socket.from_stdlib_socket(orders)))
        nursery.cancel_scope.cancel()


def surroundings(random: RandomSource, numbers: Iterator[int]) -> Surroundings:
    return Surroundings(random=RANDOM, numbers=numbers)


if __name__ == "__main__":
    ORDERS, DRAWS = (socket.socket(fileno=int(number)) for number in sys.argv[3:])
    RANDOM = drawn_from(DRAWS)
    engine_module.Surroundings = surroundings  # type: ignore[attr-defined, assignment]  # its keys are drawn, too
    KemPair.generate = classmethod(  # type: ignore[method-assign, assignment]  # the library asks nobody
        lambda cls: cls.from_seed(RANDOM(KEM_SEED_SIZE))
    )
    trio.run(main, Path(sys.argv[1]), Path(sys.argv[2]), ORDERS, RANDOM, instruments=(StackWiper(),))
