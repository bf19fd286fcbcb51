"""The real program in a real terminal: a process on a pseudo-terminal, drawn by pyte, at a fake engine."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pyte

from onionchat.control import decode_request, encode, replies
from onionchat.control.failure import failure_of
from onionchat.errors import OnionchatError

from .engine import FakeClient, FakeEngine

PATIENCE_S = 120.0
"""Only for what never comes: a machine may be slow."""

KEYBOARD = re.compile(rb"\x1b\[[<>=][0-9;]*u")
"""Switches of kitty's keyboard protocol, which pyte would print."""

PROGRAM = """
import pathlib, sys
from onionchat.tui import run
sys.exit(run(pathlib.Path(sys.argv[1]), conversation=sys.argv[2] or None))
"""


class Terminal:
    """A screen and a keyboard."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._fed = asyncio.Event()
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # nobody holds the other end any more
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self.raw += data
        self._stream.feed(KEYBOARD.sub(b"", data))
        self._fed.set()

    @property
    def lines(self) -> list[str]:
        """What the terminal shows."""
        return [line.rstrip() for line in self.screen.display]

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    async def until(self, text: str) -> None:
        """Wait until a line shows ``text``."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not any(text in line for line in self.lines):
                    self._fed.clear()
                    await self._fed.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} never came:\n" + "\n".join(self.lines)) from None

    def close(self) -> None:
        """Take the terminal away."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)


def environment() -> dict[str, str]:
    """Ours, but for what says how another terminal looks."""
    ours = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    return {**ours, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


class Listener:
    """The control socket of a fake engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = FakeClient(self._engine)
        self._engine.clients.append(client)
        telling = asyncio.create_task(self._tell(client, writer))
        self._tasks |= {telling, asyncio.ensure_future(self._answer(client, reader, writer))}

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self, client: FakeClient, writer: asyncio.StreamWriter) -> None:
        async for notice in client.notices():
            writer.write(encode(notice))
        writer.close()

    async def _answer(
        self, client: FakeClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while line := await reader.readline():
                request = decode_request(line)
                try:
                    reply = replies.Reply(id=request.id, result=await client.ask(request))
                except OnionchatError as error:
                    reply = replies.Reply(id=request.id, error=failure_of(error))
                writer.write(encode(reply))
        except ConnectionError:
            pass  # the program was killed
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def running(
    engine: FakeEngine, folder: Path, *, conversation: str = "", rows: int = 24
) -> AsyncIterator[tuple[Terminal, asyncio.subprocess.Process]]:
    """The TUI at ``engine``, in a process and a terminal of its own."""
    path = folder / "control.sock"
    listener = Listener(engine)
    server = await asyncio.start_unix_server(listener.accept, path)
    terminal = Terminal(80, rows)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(path), conversation),
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        start_new_session=True,
        env=environment(),
    )
    os.close(terminal.slave)
    try:
        yield terminal, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        terminal.close()
        server.close()
        await server.wait_closed()
        await listener.end()
