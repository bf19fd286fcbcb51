"""The control socket: who is served, what a line may be, and that nobody waits for a slow reader."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from onionchat.control import notices, replies, requests
from onionchat.control.failure import code_of
from onionchat.control.limits import MAX_LINE, MAX_REQUEST_LINE
from onionchat.engine import outbox
from onionchat.engine.server import MAX_CLIENTS, ControlServer
from onionchat.errors import (
    ConfigError,
    ControlError,
    CryptoError,
    DecryptionError,
    DiskFull,
    IdentityMismatch,
    OnionchatError,
    PeerUnreachable,
    TorTooOld,
    TorUnavailable,
    VaultCorrupt,
    VaultInUse,
    VaultTooNew,
    WrongPassphrase,
)

Answer = Callable[[requests.AnyRequest], replies.AnyResult]
SECRET = "a secret that nobody may read again"


def done(request: requests.AnyRequest) -> replies.AnyResult:
    return replies.Done()


class Caller:
    """A client that says exactly what it is told to."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._rest = b""

    async def say(self, line: bytes) -> None:
        await self.stream.send_all(line)

    async def line(self) -> dict[str, Any]:
        """The next line; empty where the server has hung up."""
        with trio.fail_after(20):
            while b"\n" not in self._rest:
                chunk = await self.stream.receive_some(65536)
                if not chunk:
                    return {}
                self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    async def ask(self, line: bytes) -> dict[str, Any]:
        await self.say(line)
        return await self.line()

    async def hung_up(self) -> bool:
        with trio.fail_after(20), contextlib.suppress(trio.BrokenResourceError):
            while await self.stream.receive_some(65536):
                pass
        return True


class Place:
    """A server, and callers that end with it."""

    def __init__(self, server: ControlServer, path: Path) -> None:
        self.server = server
        self.path = path
        self._callers: list[Caller] = []

    async def call(self) -> Caller:
        caller = Caller(await trio.open_unix_socket(str(self.path)))
        self._callers.append(caller)
        return caller

    async def close(self) -> None:
        for caller in self._callers:
            await caller.stream.aclose()


@contextlib.asynccontextmanager
async def serving(folder: Path, answer: Answer = done) -> AsyncIterator[Place]:
    server = ControlServer(folder / "c.sock", answer)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        place = Place(server, folder / "c.sock")
        try:
            yield place
        finally:
            await place.close()
            server.close()
            nursery.cancel_scope.cancel()


async def test_replies_keep_their_ids_and_their_order(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        caller = await place.call()
        await caller.say(b'{"do":"status","id":7}\n\n  \n{"do":"stop","id":3}\n{"do":"stop"}\n')
        assert [(await caller.line())["id"] for _ in range(3)] == [7, 3, 0]


async def test_a_request_may_come_in_pieces(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        caller = await place.call()
        for piece in b'{"do":"status","id":9}\n':
            await caller.say(bytes([piece]))
        assert (await caller.line())["id"] == 9


@pytest.mark.parametrize(
    ("line", "identifier"),
    [
        (b"nonsense", None),
        (b'{"do":"fly","id":4}', 4),
        (b'{"id":4}', 4),
        (b'{"do":"status","id":4,"more":1}', 4),
        (b'{"do":"send","id":4,"contact":"ab","text":"%s","lifetime":"x"}' % SECRET.encode(), 4),
        (b'{"do":"unlock","id":4,"passphrase":["%s"]}' % SECRET.encode(), 4),
        (b'{"do":"send","id":4,"contact":"ab","text":"\\ud800"}', None),
        (b'{"do":"send","id":4,"contact":"ab","text":"\xff"}', 4),
        (b'{"do":"status","id":-1}', None),
        (b"\0\0\0", None),
        (b"[" * 100_000, None),
    ],
)
async def test_nonsense_gets_a_line_that_repeats_nothing(
    tmp_path: Path, line: bytes, identifier: int | None
) -> None:
    async with serving(tmp_path) as place:
        caller = await place.call()
        reply = await caller.ask(line + b"\n")
        assert reply["id"] == identifier
        assert reply["error"]["code"] == "bad-request"
        assert reply["error"]["hint"]
        assert SECRET not in json.dumps(reply)
        assert (await caller.ask(b'{"do":"status","id":5}\n'))["result"] == {"type": "done"}


async def test_a_line_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        caller, other = await place.call(), await place.call()
        with contextlib.suppress(trio.BrokenResourceError):  # it hangs up before all is said
            await caller.say(b"x" * (2 * MAX_REQUEST_LINE))
        assert (await caller.line())["error"]["code"] == "bad-request"
        assert await caller.hung_up()
        assert "result" in await other.ask(b'{"do":"status"}\n')


async def test_a_line_that_is_too_long_but_ends_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        caller = await place.call()
        line = b'{"do":"status","id":' + b" " * MAX_REQUEST_LINE + b"1}\n"
        assert (await caller.ask(line))["error"]["code"] == "bad-request"


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("what", hint="do"),
        ControlError("no-such-contact", "what", hint="do", exit_code=3),
        CryptoError("what", hint="do"),
        DecryptionError(),
        DiskFull("what"),
        IdentityMismatch("what"),
        OnionchatError("what", hint="do"),
        PeerUnreachable("what"),
        TorTooOld("what"),
        TorUnavailable("what"),
        VaultCorrupt("what"),
        VaultInUse("what"),
        VaultTooNew("what"),
        WrongPassphrase(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_every_error_gives_its_code_and_its_hint(tmp_path: Path, error: OnionchatError) -> None:
    def refuse(request: requests.AnyRequest) -> replies.AnyResult:
        raise error

    async with serving(tmp_path, refuse) as place:
        reply = await (await place.call()).ask(
            b'{"do":"unlock","id":2,"passphrase":"%s"}\n' % SECRET.encode()
        )
    assert reply == {
        "id": 2,
        "error": {
            "code": code_of(error),
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        },
    }


async def test_notices_reach_those_who_watch_and_nobody_else(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        watcher, other = await place.call(), await place.call()
        assert (await watcher.ask(b'{"do":"watch","id":1}\n'))["id"] == 1
        assert (await other.ask(b'{"do":"status","id":1}\n'))["id"] == 1
        place.server.tell(notices.Starved(milliseconds=1.0))
        assert (await watcher.line())["notice"] == "starved"
        assert (await other.ask(b'{"do":"status","id":2}\n'))["id"] == 2
        assert (await watcher.ask(b'{"do":"status","id":3}\n'))["id"] == 3


async def test_a_watcher_that_does_not_read_is_cut_off_and_nobody_else_waits(tmp_path: Path) -> None:
    text = replies.Message(
        message="ab", contact="cd", mine=False, text="x" * 65536, written=0.0, state="received", lifetime=5
    )
    async with serving(tmp_path) as place:
        slow, quick = await place.call(), await place.call()
        for watcher in (slow, quick):
            await watcher.ask(b'{"do":"watch"}\n')
        for number in range(2 * MAX_LINE // 65536):
            place.server.tell(notices.MessageArrived(message=text))
            assert (await quick.line())["notice"] == "message", number
        assert (await quick.ask(b'{"do":"status","id":5}\n'))["id"] == 5
        received = 0
        with trio.fail_after(20), contextlib.suppress(trio.BrokenResourceError):
            while chunk := await slow.stream.receive_some(1 << 20):
                received += len(chunk)
        assert received < MAX_LINE


async def test_what_a_client_did_not_read_is_not_kept_once_the_vault_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LOCKED_SECONDS", 0.5)
    text = replies.Message(
        message="ab", contact="cd", mine=False, text="x" * 65536, written=0.0, state="received", lifetime=5
    )
    async with serving(tmp_path) as place:
        slow, quick = await place.call(), await place.call()
        for watcher in (slow, quick):
            await watcher.ask(b'{"do":"watch"}\n')
        for _ in range(MAX_LINE // 65536 // 2):
            place.server.tell(notices.MessageArrived(message=text))
            assert (await quick.line())["notice"] == "message"
        assert held_by_clients()
        place.server.tell(notices.VaultChanged(vault="locked"))
        assert (await quick.line())["notice"] == "vault"
        with trio.fail_after(20):
            while held_by_clients():  # noqa: ASYNC110 - what is in memory tells nobody
                await trio.sleep(0.01)
        assert (await quick.ask(b'{"do":"status","id":5}\n'))["id"] == 5


def held_by_clients() -> int:
    """How many long lines wait in this process."""
    gc.collect()
    waiting = [line for one in gc.get_objects() if isinstance(one, outbox.Outbox) for line in one._lines]
    return sum(len(line) > 65536 for line in waiting)


async def test_a_client_that_asks_and_never_reads_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FINISH_SECONDS", 0.1)
    long = replies.Invites(
        invites=[replies.Invite(invite="ab", identity="cd", code="x" * 1000, created=0.0)] * 1000
    )
    async with serving(tmp_path, lambda request: long) as place:
        for _ in range(MAX_CLIENTS):
            caller = await place.call()
            await caller.say(b'{"do":"invite-list"}\n')
            await caller.stream.send_eof()
        assert await served_again(place)


async def served_again(place: Place) -> bool:
    """Whether a new client is served, if not at once then soon."""
    with trio.move_on_after(20):
        while True:
            if await served(place):
                return True
            await trio.sleep(0.01)
    return False


async def served(place: Place) -> bool:
    caller = await place.call()
    with contextlib.suppress(trio.BrokenResourceError):  # refused already
        await caller.say(b'{"do":"status","id":1}\n')
    found = "result" in await caller.line()
    await caller.stream.aclose()
    return found


async def test_one_client_too_many_is_told_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        callers = [await place.call() for _ in range(MAX_CLIENTS)]
        for caller in callers:
            assert "result" in await caller.ask(b'{"do":"status"}\n')
        refused = await place.call()
        assert (await refused.line())["error"]["code"] == "too-many-clients"
        assert await refused.hung_up()
        await callers.pop().stream.aclose()
        assert await served_again(place)
        assert "result" in await callers[0].ask(b'{"do":"status"}\n')


async def test_stopping_lets_everyone_read_what_waits(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        watcher = await place.call()
        await watcher.ask(b'{"do":"watch"}\n')
        for _ in range(50):
            place.server.tell(notices.Starved(milliseconds=1.0))
        place.server.tell(notices.Stopping())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(place.server.drain)
            told = [(await watcher.line())["notice"] for _ in range(51)]
            assert told[-1] == "stopping"
            assert await watcher.hung_up()


async def test_what_a_client_has_shown_is_closed_when_it_is_gone(tmp_path: Path) -> None:
    closed: list[str] = []
    is_closed = trio.Event()

    def answer(request: requests.AnyRequest) -> replies.AnyResult:
        if isinstance(request, requests.Closed):
            closed.append(request.contact)
            is_closed.set()
            raise ControlError("vault-locked", "the vault is locked")
        return replies.Done()

    async with serving(tmp_path, answer) as place:
        reader, other = await place.call(), await place.call()
        await other.ask(b'{"do":"status"}\n')
        await reader.ask(b'{"do":"shown","contact":"c1","messages":[]}\n')
        await reader.stream.aclose()
        with trio.fail_after(20):
            await is_closed.wait()
        assert (await other.ask(b'{"do":"status"}\n'))["id"] == 0
        await other.stream.aclose()
    assert closed == ["c1"]


async def test_a_reset_in_the_middle_is_the_clients_affair(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        for _ in range(10):  # within the backlog: nobody accepts while this test holds the thread
            rude = socket.socket(socket.AF_UNIX)
            rude.connect(str(place.path))
            rude.send(b'{"do":"watch"}\n{"do":"sta')
            rude.close()
        place.server.tell(notices.Starved(milliseconds=1.0))
        assert await served_again(place)


async def test_only_its_owner_may_enter(tmp_path: Path) -> None:
    async with serving(tmp_path) as place:
        assert place.path.stat().st_mode & 0o777 == 0o600
    assert not place.path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
async def test_another_user_gets_nothing_even_where_the_folder_lets_them_in() -> None:
    import tempfile

    script = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
        "s.connect(sys.argv[1]); s.settimeout(20);\n"
        'try:\n s.send(b\'{"do":"status"}\\n\'); print(len(s.recv(100)))\nexcept OSError: print(0)'
    )
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        async with serving(Path(name)) as place:
            place.path.chmod(0o666)
            done = await trio.run_process(
                [sys.executable, "-c", script, str(place.path)], capture_stdout=True, stdin=subprocess.DEVNULL
            )
            assert done.stdout.split() == [b"0"]
            assert await served(place)


def test_a_socket_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="control socket cannot be made") as caught:
        ControlServer(tmp_path / "nowhere" / "c.sock", done)
    assert caught.value.hint
