"""Engines inside the test's own process: real machines, sockets and vaults in memory; no tor and no waiting.

Time is simulated. A metronome that is played sends what is laid at once, and a cover on every tick; dialling
is connecting to the other engine's service socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import notices, replies, requests, run_folder
from onionchat.control.replies import TorState
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import SendingCipher
from onionchat.crypto.onion import OnionKey
from onionchat.engine import engine as engine_module
from onionchat.engine import launch_channel
from onionchat.engine.answer import Answers
from onionchat.engine.clock import Clock
from onionchat.engine.connection import Connector
from onionchat.engine.engine import Engine, Machine
from onionchat.engine.launch import Launch
from onionchat.engine.plan import Plan
from onionchat.errors import PeerUnreachable
from onionchat.metronome.channel import (
    MAX_DATAGRAM,
    Begin,
    Change,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    Reason,
    Window,
    WindowOver,
    decode_to_metronome,
    encode,
)
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.contact import Contact
from onionchat.protocol.invite import Invite
from onionchat.store import MemoryVault, Name, Record, Vault

TICK = 2.0
BEGIN = 1_800_000_000.0
"""Seconds since 1970 at which every test begins."""


class Killed(Exception):
    """The engine's process is gone."""


class Mortal(MemoryVault):
    """A vault whose engine dies at a commit; what was stored until then stays."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.die_at = 0
        self.before = False
        self.dead = False

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        if self.dead:
            raise Killed
        self.commits += 1
        dying = self.commits == self.die_at
        if not dying or not self.before:
            super().commit(puts, drops)
        if dying:
            self.dead = True
            raise Killed

    def close(self) -> None:
        """Keep everything: it is the disk."""


def simulated_clock() -> Clock:
    return Clock(wall=lambda: BEGIN + trio.current_time(), monotonic=trio.current_time)


class Core(Engine):
    """An engine that dials other engines of the test."""

    peers: Sequence[Path] = ()

    def socket_name(self, key: OnionKey) -> str:
        return key.public[:6].hex()

    def _connector(self, machine: Machine, onion: bytes) -> Connector:
        return lambda _: connect(self.peers, onion)


def connect(vaults: Sequence[Path], onion: bytes) -> socket.socket:
    """Connect to the engine that serves this onion."""
    for vault in vaults:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(run_folder(vault) / f"{onion[:6].hex()}.s"))
        except OSError:
            connection.close()
        else:
            return connection
    raise PeerUnreachable("nobody is there")


class Person:
    """One side: its vault on, its engine on and off."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self.folder = folder
        self.vault = vault
        self.told: list[notices.AnyNotice] = []
        self.peers: Sequence[Path] = (folder,)
        self.engine: Core
        self.stopped = False
        self._answers: Answers
        self._nursery: trio.Nursery
        self._ended = trio.Event()

    async def live(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run an engine until it is killed."""
        self._ended = trio.Event()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with ours, theirs:
                async with trio.open_nursery() as self._nursery:
                    await self._begin(ours, theirs)
                    task_status.started()
                    await trio.sleep_forever()
        except BaseExceptionGroup as group:
            _, other = group.split((Killed, trio.Cancelled))
            if other is not None:
                raise
            if (rest := group.subgroup(trio.Cancelled)) is not None:
                raise rest from None
        finally:
            self._ended.set()

    async def _begin(self, ours: socket.socket, theirs: socket.socket) -> None:
        run_folder(self.folder).mkdir(parents=True, exist_ok=True)
        launch = Launch(ours)
        self._nursery.start_soon(launch.serve)
        self._nursery.start_soon(play_launcher, theirs, self._nursery)
        self.engine = Core(
            plan=Plan(vault=str(self.folder), tick=TICK),
            launch=launch,
            nursery=self._nursery,
            tell=self.told.append,
            stop=self._stop,
            control_password=None,
        )
        self.engine.peers = self.peers
        self.engine.tor.socks = ("127.0.0.1", 9)
        self.engine.tor.state = TorState(mode="managed", ready=True, percent=100)
        self._answers = Answers(self.engine)
        await self._nursery.start(self.engine.sender.serve)
        self.engine.open(self.vault)
        self._nursery.start_soon(self.engine.time.serve)
        self._nursery.start_soon(self.engine.keep_invites)
        self._nursery.start_soon(self.engine.idle.serve)

    def _stop(self) -> None:
        self.stopped = True

    def ask(self, request: requests.AnyRequest) -> replies.AnyResult:
        """A request; `Killed` where the engine died of it."""
        return self._answers.answer(request)

    async def kill(self) -> None:
        """End the engine, if it has not ended."""
        self._nursery.cancel_scope.cancel()
        await self._ended.wait()

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    @property
    def contact(self) -> Contact:
        """The only contact."""
        (found,) = self.engine.opened().contacts.values()
        return found

    @property
    def handle(self) -> str:
        return self.contact.record.id.hex()

    def messages(self) -> list[replies.Message]:
        answer = self.ask(requests.Messages(contact=self.handle))
        assert isinstance(answer, replies.Conversation)
        return answer.messages

    def identity(self) -> str:
        """The only identity, made where it is missing."""
        listed = self.ask(requests.IdentityList())
        assert isinstance(listed, replies.Identities)
        if listed.identities:
            return listed.identities[0].identity
        made = self.ask(requests.IdentityCreate(name="somebody"))
        assert isinstance(made, replies.Identity)
        return made.identity

    def invite(self) -> str:
        """The code of a new invite."""
        made = self.ask(requests.InviteCreate(identity=self.identity()))
        assert isinstance(made, replies.Invite)
        return made.code

    def accept(self, code: str) -> None:
        self.ask(requests.InviteAccept(identity=self.identity(), code=code, name="peer"))

    def send(self, text: str) -> str:
        """The handle of a message that is safely in the outbox."""
        sent = self.ask(requests.Send(contact=self.handle, text=text))
        assert isinstance(sent, replies.Message)
        return sent.message


async def play_launcher(channel: socket.socket, nursery: trio.Nursery) -> None:
    """Give a metronome to whoever asks for one."""
    channel.setblocking(False)
    while True:
        await trio.lowlevel.wait_readable(channel)
        launch_channel.receive(channel)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            launch_channel.send(channel, launch_channel.MetronomeStarted(pid=1), [theirs.fileno()])
        nursery.start_soon(PlayedMetronome(ours).serve)


class PlayedMetronome:
    """Sends at once."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._links: dict[int, tuple[socket.socket, SendingCipher]] = {}

    async def serve(self) -> None:
        """Until the engine is gone."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tick)
                while await self._hear(nursery):
                    pass
                nursery.cancel_scope.cancel()
        finally:
            self._channel.close()
            for connection, _ in self._links.values():
                connection.close()

    async def _hear(self, nursery: trio.Nursery) -> bool:
        await trio.lowlevel.wait_readable(self._channel)
        try:
            datagram, descriptors, _, _ = socket.recv_fds(self._channel, MAX_DATAGRAM, 1)
        except OSError:
            return False
        if not datagram:
            return False
        match decode_to_metronome(datagram):
            case Begin(link=link, key=key):
                self._links[link] = socket.socket(fileno=descriptors[0]), SendingCipher(key)
                self._send(link, lay_out(CellType.COVER), real=0)
            case Lay(link=link, cell_type=cell_type, body=body):
                self._send(link, lay_out(cell_type, body), real=1)
                self._send(link, lay_out(CellType.COVER), real=0)
            case Change():
                pass  # it sends at once, whatever the pace
            case Window(link=link, seconds=seconds):
                nursery.start_soon(self._window, link, seconds)
            case Finish(link=link):
                self._send(link, lay_out(CellType.CLOSE), real=0)
                self._end(link, Reason.FINISHED)
            case Drop(link=link):
                self._end(link, Reason.DROPPED)
        return True

    async def _window(self, link: int, seconds: int) -> None:
        await trio.sleep(seconds)
        if link in self._links:
            self._tell(WindowOver(link=link))

    def _send(self, link: int, plain: bytes, *, real: int) -> None:
        if link not in self._links:
            return
        connection, cipher = self._links[link]
        cell = cipher.seal(plain)
        try:
            whole = connection.send(cell, socket.MSG_DONTWAIT) == len(cell)
        except OSError:
            whole = False
        if not whole:
            self._end(link, Reason.LOST)
            return
        self._tell(Left(link=link, real=real, waiting=0, scheduled=0.0, sent=0.0))

    def _end(self, link: int, reason: Reason) -> None:
        if link in self._links:
            connection, _ = self._links.pop(link)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
            self._tell(Ended(link=link, reason=reason))

    def _tell(self, message: Left | WindowOver | Ended) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(encode(message))

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK)
            for link in list(self._links):
                self._send(link, lay_out(CellType.COVER), real=0)


async def until(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    """Let (simulated) time pass until something holds."""
    deadline = trio.current_time() + seconds
    while not condition():
        assert trio.current_time() < deadline, "it did not come about"
        await trio.sleep(0.05)


@contextlib.contextmanager
def no_real_time() -> Iterator[None]:
    """Engines that are made in here go by simulated time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "Clock", simulated_clock)
        yield


@contextlib.asynccontextmanager
async def people(folder: Path, *vaults: Vault) -> AsyncIterator[list[Person]]:
    """One person with a live engine for each vault."""
    found = [Person(folder / f"p{number}", vault) for number, vault in enumerate(vaults)]
    with no_real_time():
        async with trio.open_nursery() as nursery:
            for person in found:
                person.peers = [other.folder for other in found]
                await nursery.start(person.live)
            yield found
            nursery.cancel_scope.cancel()


def clock() -> MockClock:
    """Jumps when nothing has happened for some milliseconds: dials run in threads."""
    return MockClock(autojump_threshold=0.005)


def foreign_invite(expires_hour: int = 0) -> str:
    """An invite of somebody who is not there."""
    return Invite(
        expires_hour=expires_hour,
        onion=OnionKey.generate(os.urandom).public,
        static=KeyPair.generate(os.urandom).public,
        secret=os.urandom(16),
    ).encode()


def random_text(size: int) -> str:
    return os.urandom(size // 2).hex()
