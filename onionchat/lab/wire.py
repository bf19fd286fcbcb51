"""``python -m onionchat.lab.wire FILE``: taps in a process of their own, told what to do line by line.

A process of its own, because what the lab does meanwhile must not disturb what passes through. Each thing
that passed becomes one record at the end of ``FILE``; `legs` reads it.

Laws: it ends with its standard input. It imports nothing heavy.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from .proxy import Proxy
from .tap import Record, Tap

RECORD: Final = struct.Struct("<BBHLd")
"""Leg, 1 where it went out, connection, size, monotonic seconds."""


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin another leg, numbered from 0: a `Proxy` that is asked where to, or a `Tap` before one place."""

    proxy: bool


class Aim(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Let a tap lead to this port of loopback."""

    leg: int
    port: int


class ShortCut(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Let a proxy lead to the service sockets in this folder."""

    leg: int
    folder: str


class Cut(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """End the connections that a leg has; new ones are taken."""

    leg: int


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What every line is answered with: the port of the leg."""

    port: int


Order = Open | Aim | ShortCut | Cut


def main(argv: list[str]) -> int:
    """Carry until standard input ends."""
    legs: list[Tap] = []
    file = os.open(argv[0], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for line in sys.stdin.buffer:
            leg = _perform(msgspec.json.decode(line, type=Order), legs, file)
            sys.stdout.buffer.write(msgspec.json.encode(Opened(port=leg.port)) + b"\n")
            sys.stdout.buffer.flush()
    finally:
        for leg in legs:
            leg.close()
        os.close(file)
    return 0


def _perform(order: Order, legs: list[Tap], file: int) -> Tap:
    match order:
        case Open(proxy=proxy):
            note = _writer(file, len(legs))
            legs.append(Proxy(note=note) if proxy else Tap(note=note))
            return legs[-1]
        case Aim(leg=number, port=port):
            legs[number].target = ("127.0.0.1", port)
        case ShortCut(leg=number, folder=folder):
            leg = legs[number]
            if isinstance(leg, Proxy):
                leg.short_cut = Path(folder)
        case Cut(leg=number):
            legs[number].cut()
    return legs[order.leg]


def _writer(file: int, leg: int) -> Callable[[Record], None]:
    def write(record: Record) -> None:
        out = record.direction == "out"
        os.write(file, RECORD.pack(leg, out, record.connection & 0xFFFF, record.size, record.at))

    return write


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
