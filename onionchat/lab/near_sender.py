"""What a sender's cells did, written down; and a sender as it must not be built, as a control.

Laws: writing down costs a few numbers in memory for each batch; the file is written at the end.
"""

from __future__ import annotations

import os
import socket
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from ..engine.sender import Sender
from ..errors import ConfigError
from ..metronome.channel import Begin, Lay, Left, ToMetronome
from ..metronome.link import SEED_SIZE, SendingLink
from ..protocol.cell import lay_out

_FIELDS: Final = 3
_DRAW_SECONDS: Final = 0.004
"""For which drawing a message as sent keeps a loop busy that is also the UI's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A batch that left. Moments are monotonic seconds."""

    scheduled: float
    sent: float
    real: bool

    @property
    def late(self) -> float:
        """Seconds."""
        return self.sent - self.scheduled


class Record:
    """Every batch that left.

    Args:
        path: of the file that `save` writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers = array("d")

    def add(self, report: Left) -> None:
        """Write one down."""
        self._numbers.extend((report.scheduled, report.sent, float(report.real)))

    def save(self) -> None:
        """Write the file."""
        self.path.write_bytes(self._numbers.tobytes())

    @staticmethod
    def read(path: Path) -> list[Departure]:
        """What a file holds.

        Raises:
            ConfigError: there is none: its engine did not end in order.
        """
        numbers = array("d")
        try:
            numbers.frombytes(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError("an engine left no record of what it sent", hint="try again") from error
        columns = [numbers[at::_FIELDS] for at in range(_FIELDS)]
        return [
            Departure(scheduled=scheduled, sent=sent, real=bool(real))
            for scheduled, sent, real in zip(*columns, strict=True)
        ]


class RecordingSender(Sender):
    """The engine's own, which writes down what the metronome reports."""

    record: Record

    def _left(self, report: Left) -> None:
        self.record.add(report)
        super()._left(report)


class InLoopSender(RecordingSender):
    """Keeps the same slots in the engine's own loop, and stores and draws at the tick that a message leaves.

    So do careful programs that are one process: absolute deadlines, cells built ahead, a random delay for
    each. All that is wrong is that the loop has other things to do.
    """

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send what is due."""
        self._sending: dict[int, tuple[SendingLink, socket.socket]] = {}
        self._begun = trio.Event()
        with self.record.path.with_suffix(".journal").open("wb", buffering=0) as self._journal:
            task_status.started()
            while True:
                if not self._sending:
                    self._begun = trio.Event()
                    await self._begun.wait()
                number = min(self._sending, key=lambda number: self._sending[number][0].due)
                await trio.sleep(max(0.0, self._sending[number][0].due - time.monotonic()))
                if number in self._sending:
                    self._beat(number)

    def _beat(self, number: int) -> None:
        link, connection = self._sending[number]
        if link.missed(time.monotonic()):
            return
        if link.real:
            self._journal.write(number.to_bytes(8, "big"))
            os.fsync(self._journal.fileno())
            time.sleep(_DRAW_SECONDS)
        try:
            whole = connection.send(link.batch, socket.MSG_DONTWAIT) == len(link.batch)
        except OSError:
            whole = False
        if not whole:
            self._end(number)
            return
        due, real, sent = link.due, link.real, time.monotonic()
        link.advance(sent)
        self._left(Left(link=number, real=real, waiting=link.waiting, scheduled=due, sent=sent))

    def _send(self, message: ToMetronome, descriptors: list[int] | None = None) -> bool:
        now = time.monotonic()
        match message:
            case Begin(link=number, key=key, pace=pace):
                link = SendingLink(key=key, pace=pace, now=now, seed=os.urandom(SEED_SIZE))
                self._sending[number] = link, socket.socket(fileno=os.dup((descriptors or [])[0]))
                self._begun.set()
            case Lay(link=number, cell_type=cell_type, body=body) if number in self._sending:
                self._sending[number][0].lay(lay_out(cell_type, body), now)
            case _:
                self._end(message.link)
        return True

    def _end(self, number: int) -> None:
        if number in self._sending:
            _, connection = self._sending.pop(number)
            connection.close()
            self._forget(number)
