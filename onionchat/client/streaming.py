"""The control socket's client for asyncio: questions in any number at once, notices beside them.

Laws: one task reads; who asks waits for that task alone. Only `control` and `errors` are known here.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import msgspec

from ..control import decode_from_engine
from ..control.notices import AnyNotice
from ..control.replies import AnyResult, Reply
from ..control.requests import AnyRequest, VaultBurn
from ..errors import ControlError
from .rules import CHUNK, MAX_WAITING, Lines, check_peer, engine_gone, line_of, no_connection, result_of

HEARD_SECONDS: Final = 0.1
"""What an engine may take to answer that it burned everything before it is sent the signal."""


class AsyncClient:
    """A connection to the engine. Make one with `connect`; end it with `close`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, engine: int) -> None:
        self._writer = writer
        self._engine = engine
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Reply]] = {}
        self._notices: asyncio.Queue[AnyNotice | None] = asyncio.Queue()
        self._ended: ControlError | None = None
        self._task = asyncio.create_task(self._read(reader))

    @classmethod
    async def connect(cls, socket: Path) -> Self:
        """Connect to the engine's control socket.

        Raises:
            ControlError: ``engine-not-running`` or ``engine-denied``.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(socket)
        except OSError as error:
            raise no_connection(socket, error) from None
        try:
            engine = check_peer(writer.get_extra_info("socket"))
        except ControlError:
            writer.close()
            raise
        return cls(reader, writer, engine)

    async def ask(self, request: AnyRequest) -> AnyResult:
        """The engine's answer to ``request`` (its ``id`` is set here). May be cancelled.

        Raises:
            ControlError: what the engine refused, or why the connection has ended (``engine-gone``,
                ``bad-reply``, ``too-slow``).
        """
        number = next(self._ids)
        line = line_of(msgspec.structs.replace(request, id=number))
        if self._ended is not None:
            raise self._ended.with_traceback(None)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(line)
            with suppress(OSError):  # the reading task learns of it too, and says so to all who wait
                await self._writer.drain()
            if isinstance(request, VaultBurn):
                await self._be_heard(answer)
            return result_of(await answer)
        finally:
            del self._asked[number]

    async def _be_heard(self, answer: asyncio.Future[Reply]) -> None:
        """Have everything burned by signal where the engine does not answer: one that tries a passphrase
        hears nothing else until it has."""
        done, _ = await asyncio.wait([answer], timeout=HEARD_SECONDS)
        if not done:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._engine, signal.SIGUSR1)

    async def notices(self) -> AsyncIterator[AnyNotice]:
        """Notices since ``Watch`` was asked, as they happen.

        Ends when the connection has ended, for whatever reason: `ask` then says which.
        """
        while (notice := await self._notices.get()) is not None:
            yield notice
        self._notices.put_nowait(None)  # for whoever else listens

    async def close(self) -> None:
        """End the connection. May be called twice."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        lines = Lines()
        end = engine_gone()
        try:
            while data := await reader.read(CHUNK):
                for line in lines.feed(data):
                    self._take(decode_from_engine(line))
        except ControlError as error:
            end = error
        except OSError:
            pass  # the engine was killed: as good as an end
        finally:
            self._end(end)

    def _take(self, item: Reply | AnyNotice) -> None:
        if not isinstance(item, Reply):
            if self._notices.qsize() >= MAX_WAITING:
                raise ControlError("too-slow", "more notices arrived than are kept; some were lost")
            self._notices.put_nowait(item)
        elif item.id is None:
            result_of(item)  # a complaint that names no request: nobody can be told alone, so all are
            raise ControlError("bad-reply", "the engine answered nobody")
        elif (answer := self._asked.get(item.id)) is not None and not answer.done():
            answer.set_result(item)

    def _end(self, why: ControlError) -> None:
        self._ended = why
        self._writer.close()
        self._notices.put_nowait(None)
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(why)
