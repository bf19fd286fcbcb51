"""The wire's process and its legs, from outside: opened, aimed, cut, and read.

Laws: reading disturbs nothing: what passed stands in a file that the process only appends to.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
import numpy as np

from ..errors import ConnectionLost
from .realtime import stand_elsewhere
from .wire import RECORD, Aim, Cut, Open, Opened, Order, ShortCut

_LAYOUT: Final = np.dtype(
    [("leg", "u1"), ("out", "u1"), ("connection", "<u2"), ("size", "<u4"), ("at", "<f8")]
)
_END_SECONDS: Final = 5.0

Packets = np.ndarray[tuple[int], np.dtype[np.void]]
"""Fields ``leg``, ``out`` (1 or 0), ``connection``, ``size`` (bytes), ``at`` (monotonic seconds)."""


class Leg:
    """One leg of the wire, as `Station` takes it in the place of a tap."""

    def __init__(self, wire: Wire, number: int, port: int) -> None:
        self._wire = wire
        self._target: tuple[str, int] | None = None
        self.number = number
        self.port = port

    @property
    def target(self) -> tuple[str, int] | None:
        """Where it leads to, on loopback."""
        return self._target

    @target.setter
    def target(self, where: tuple[str, int] | None) -> None:
        self._target = where
        if where is not None:
            self._wire.order(Aim(leg=self.number, port=where[1]))

    def cut(self) -> None:
        """End its connections."""
        self._wire.order(Cut(leg=self.number))


class Wire:
    """The process that all legs run in. A context manager.

    Args:
        folder: where its file is to be.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wire.records"
        self._legs = 0
        self._read = 0
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, *, proxy: bool) -> Leg:
        """Begin another leg: a proxy that is asked where to, or a tap that is aimed later."""
        number, self._legs = self._legs, self._legs + 1
        return Leg(self, number, self.order(Open(proxy=proxy)))

    def short_cut(self, folder: Path) -> int:
        """The port of a proxy that leads to the newest service socket in ``folder``."""
        leg = self.open(proxy=True)
        return self.order(ShortCut(leg=leg.number, folder=str(folder)))

    def order(self, order: Order) -> int:
        """Have something done; returns the leg's port.

        Raises:
            ConnectionLost: the process is gone.
        """
        process = self._process
        line = b""
        if process is not None and process.stdin is not None and process.stdout is not None:
            try:
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:
                line = b""
        if not line:
            raise ConnectionLost("the process that watches the wire has ended")
        return msgspec.json.decode(line, type=Opened).port

    def news(self) -> Packets:
        """All that passed since this was asked last, in the order in which it was written down."""
        with self._file.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = len(data) // RECORD.size * RECORD.size
        self._read += whole
        return np.frombuffer(data[:whole], dtype=_LAYOUT)

    def __enter__(self) -> Self:
        self._file.touch(mode=0o600)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-P", "-m", "onionchat.lab.wire", str(self._file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        stand_elsewhere(self._process.pid, with_threads=True)  # before it has any
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with suppress(OSError):  # it is gone, and what was written last with it
                process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
