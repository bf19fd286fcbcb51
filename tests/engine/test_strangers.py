"""Whoever connects to our onion services without the secret: gets no byte, holds nothing, and ends soon."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from onionchat.control import replies, requests, run_folder
from onionchat.crypto.handshake import Handshake, invite_psk, prologue
from onionchat.crypto.keys import KeyPair
from onionchat.protocol import greeting
from onionchat.protocol.constants import CELL_SIZE, HALF_OPEN_INVITE, HALF_OPEN_PAIR, MESSAGE_1_SECONDS
from onionchat.protocol.invite import Invite, decode
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import connect, foreign_invite, people, until
from tests.engine.world import PATIENCE, Running, eventually

CLOSED = (BrokenPipeError, ConnectionResetError)
real = pytest.mark.realtor


@dataclass(frozen=True, kw_only=True)
class Target:
    """A real engine with an open invite and a contact who is not there."""

    engine: Running
    pid: int
    invite: Invite
    at_invite: Path
    at_pair: Path

    def answers(self) -> bool:
        return self.engine.status().vault == "open"

    def invites(self) -> int:
        listed = self.engine.ask(requests.InviteList())
        assert isinstance(listed, replies.Invites)
        return len(listed.invites)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("s")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        with Running(folder, "--amnesic", passphrase=None) as engine:
            made = engine.ask(requests.IdentityCreate(name="ada"))
            assert isinstance(made, replies.Identity)
            invite = engine.ask(requests.InviteCreate(identity=made.identity))
            assert isinstance(invite, replies.Invite)
            (at_invite,) = eventually(lambda: sockets(run_folder(engine.vault), 1))
            engine.ask(requests.InviteAccept(identity=made.identity, code=foreign_invite(), name="nobody"))
            (at_pair,) = eventually(lambda: sockets(run_folder(engine.vault), 2)) - {at_invite}
            eventually(lambda: "tor" in engine.children)
            yield Target(
                engine=engine,
                pid=engine.children["engine"],
                invite=decode(invite.code),
                at_invite=at_invite,
                at_pair=at_pair,
            )


def sockets(folder: Path, count: int) -> set[Path]:
    """The sockets of services: their names tell nothing, so one comes after the other."""
    found = set(folder.glob("*.s"))
    return found if len(found) == count else set()


@contextlib.contextmanager
def stranger(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(place))
        connection.settimeout(PATIENCE)
        yield connection


def heard(connection: socket.socket) -> bytes:
    """Everything that comes until the other side hangs up."""
    said = b""
    with contextlib.suppress(*CLOSED):
        while chunk := connection.recv(65536):
            said += chunk
    return said


def say(connection: socket.socket, what: bytes) -> None:
    with contextlib.suppress(*CLOSED):
        connection.sendall(what)


def message_1(invite: Invite, *, secret: bytes, onion: bytes | None = None) -> tuple[Handshake, bytes]:
    handshake = Handshake.initiator(
        prologue=prologue(onion or invite.onion),
        static=KeyPair.generate(os.urandom),
        remote_static=invite.static,
        psk=invite_psk(secret, invite.onion),
        random=os.urandom,
    )
    return handshake, handshake.write(greeting.fill(None, 1))


@real
@pytest.mark.parametrize("where", ["at_invite", "at_pair"])
@pytest.mark.parametrize(
    "what",
    [bytes(CELL_SIZE), b"GET / HTTP/1.1\r\n\r\n" * 200, b"\xff" * CELL_SIZE, os.urandom(10_000_000)],
    ids=["zeros", "http", "ones", "ten megabytes"],
)
def test_noise_gets_no_byte(target: Target, where: str, what: bytes) -> None:
    with stranger(getattr(target, where)) as connection:
        say(connection, what)
        assert heard(connection) == b""
    assert target.answers()


@real
def test_whoever_says_too_little_is_hung_up_on(target: Target) -> None:
    """Silence, half a cell, and a byte now and then: one real deadline for all."""

    def dribble(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for _ in range(CELL_SIZE):
                connection.send(b"x")
                time.sleep(0.25)

    with (
        stranger(target.at_invite) as silent,
        stranger(target.at_invite) as half,
        stranger(target.at_invite) as slow,
        stranger(target.at_pair) as pair,
    ):
        say(half, os.urandom(CELL_SIZE - 1))
        thread = threading.Thread(target=dribble, args=[slow])
        thread.start()
        for connection in (silent, half, slow, pair):
            assert heard(connection) == b""
        thread.join()
    assert target.answers()


@real
def test_a_wrong_secret_gets_no_byte(target: Target) -> None:
    for secret, onion in ((bytes(16), None), (os.urandom(16), None), (target.invite.secret, os.urandom(32))):
        with stranger(target.at_invite) as connection:
            _, first = message_1(target.invite, secret=secret, onion=onion)
            say(connection, first)
            assert heard(connection) == b""


@real
def test_a_right_secret_gets_one_cell_and_with_nonsense_after_it_no_more(target: Target) -> None:
    with stranger(target.at_invite) as connection:
        handshake, first = message_1(target.invite, secret=target.invite.secret)
        say(connection, first)
        answer = connection.recv(CELL_SIZE, socket.MSG_WAITALL)
        assert len(answer) == CELL_SIZE
        greeting.read(handshake.read(answer), greeting.ResponderGreeting)
        say(connection, os.urandom(CELL_SIZE))
        assert heard(connection) == b""
    with stranger(target.at_invite) as connection:  # the first message of another connection is worth nothing
        say(connection, os.urandom(CELL_SIZE))
        assert heard(connection) == b""
    assert target.invites() == 1


@real
def test_only_so_many_may_stand_at_the_door(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        early = [stack.enter_context(stranger(target.at_invite)) for _ in range(12)]
        late = [stack.enter_context(stranger(target.at_invite)) for _ in range(HALF_OPEN_INVITE)]
        for connection in early:
            assert heard(connection) == b""
        assert target.answers()
        for connection in late:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)


@real
@pytest.mark.skipif(os.geteuid() != 0, reason="the engine's descriptors are closed to its own user")
def test_a_flood_leaves_nothing_behind(target: Target) -> None:
    def rss() -> int:
        status = Path(f"/proc/{target.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def descriptors() -> int:
        return len(list(Path(f"/proc/{target.pid}/fd").iterdir()))

    def flood(count: int) -> None:
        for number in range(count):
            with stranger(target.at_invite if number % 4 else target.at_pair) as connection:
                match number % 5:
                    case 0:
                        say(connection, os.urandom(CELL_SIZE))
                        assert heard(connection) == b""
                    case 1:
                        say(connection, os.urandom(CELL_SIZE // 2))
                    case 2:
                        say(connection, message_1(target.invite, secret=bytes(16))[1])
                        assert heard(connection) == b""
                    case 3 if number % 4:
                        say(connection, message_1(target.invite, secret=target.invite.secret)[1])
                        assert len(connection.recv(CELL_SIZE, socket.MSG_WAITALL)) == CELL_SIZE
            if number % 200 == 0:
                assert target.answers()

    few = descriptors()
    flood(300)
    quiet = rss()
    flood(2000)
    assert abs(rss() - quiet) < 10 * 1024
    eventually(lambda: descriptors() <= few)
    assert target.invites() == 1


def test_a_pair_address_holds_two_strangers_and_lets_the_contact_in(tmp_path: Path) -> None:
    async def main() -> None:
        async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
            bob.accept(ada.invite())
            await until(lambda: bool(ada.engine.opened().contacts) and ada.contact.record.introduced)
            await until(lambda: len(list(run_folder(ada.folder).glob("*.s"))) == 1)
            onion = ada.contact.onion.public
            held = [connect([ada.folder], onion) for _ in range(6)]
            await until(lambda: len(ada.engine.connections) == 1 + HALF_OPEN_PAIR)
            assert [is_open(connection) for connection in held] == [False] * 4 + [True] * 2
            await bob.kill()
            async with trio.open_nursery() as nursery:
                await nursery.start(bob.live)
                for _ in range(100):
                    held.append(connect([ada.folder], onion))
                    await trio.sleep(0.05)
                await until(lambda: bob.contact.presence == "online")
                bob.send("through the crowd")
                await until(lambda: [m.text for m in ada.messages()] == ["through the crowd"])
                await trio.sleep(MESSAGE_1_SECONDS + 1)
                assert not any(is_open(connection) for connection in held)
                nursery.cancel_scope.cancel()
            for connection in held:
                connection.close()

    trio.run(main, clock=core.clock())


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        said = connection.recv(1)
    except BlockingIOError:
        return True
    except CLOSED:
        return False
    assert said == b""
    return False
