"""A place where something comes from outside, with what it takes and what it must refuse.

Laws: work is made so that it can be done once and be timed; an input that is expected to be refused and is
taken ends the measurement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import OnionchatError
from .stopwatch import Contestant, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A place where something comes from outside: good inputs and bad ones, by what is special about them."""

    name: str
    taken: dict[str, Contestant]
    refused: dict[str, Contestant]


def taking(work: Work) -> Contestant:
    """Work that can be done again and again."""
    return Contestant(prepare=lambda: work)


def refusing(work: Work) -> Work:
    """Work that must end in one of our errors."""

    def refused() -> None:
        try:
            work()
        except OnionchatError:
            return
        raise AssertionError("a bad input was taken")

    return refused


def flipped(place: int) -> Callable[[bytes], bytes]:
    """Changes one bit of a message, in the byte at ``place``."""

    def change(message: bytes) -> bytes:
        changed = bytearray(message)
        changed[place] ^= 1
        return bytes(changed)

    return change
