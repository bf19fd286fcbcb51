"""What engine and metronome tell each other, as bytes: one message per datagram of a SOCK_SEQPACKET pair.

Laws: both ends use this codec and no other; it does no I/O and accepts exactly what it would write itself
(a datagram of another kind, length or value is our own bug). The one secret that passes here, a link's
sending key, never appears in a repr. The link's socket travels beside `Begin` as its only descriptor.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..errors import LocalProtocolError
from ..protocol.constants import CELL_BODY

QUEUE_LIMIT: Final = 4
"""Cells that may wait behind the one that lies ready. More is the engine's bug and ends the link."""

KEY_SIZE: Final = 32
MIN_TICK: Final = 0.025
"""Seconds. The random delay (at most 0.02) must end within the slot that it belongs to."""
MAX_TICK: Final = 3600.0
MAX_LINK: Final = 2**64 - 1

_HEAD: Final = struct.Struct(">BQ")
_BEGIN: Final = struct.Struct(f">BQ{KEY_SIZE}sd")
_LAY: Final = struct.Struct(">BQB")
_LEFT: Final = struct.Struct(">BQ?Bdd")
_ENDED: Final = struct.Struct(">BQB")

MAX_DATAGRAM: Final = _LAY.size + CELL_BODY
"""Bytes of the longest message: what a reader must make room for, and no more."""


class Reason(StrEnum):
    """Why the metronome no longer sends on a link."""

    FINISHED = "finished"
    """The close cell has left."""
    DROPPED = "dropped"
    """The engine asked for it."""
    BLOCKED = "blocked"
    """A cell could not be written whole and at once."""
    LOST = "lost"
    """The connection is gone."""
    OVERFULL = "overfull"
    """More was laid than may wait."""
    REFUSED = "refused"
    """There are too many links already, or the number is too old to tell whether it was used before."""


_REASONS: Final = tuple(Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Send on a new link from now on. Its socket comes beside this message."""

    link: int
    """Chosen by the engine, below 2**64, and never used before."""
    key: bytes = field(repr=False)
    """The link's sending key, 32 bytes. The engine forgets it."""
    tick: float
    """Seconds between two deadlines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lay:
    """Let this leave instead of a cover cell, after what was laid before it."""

    link: int
    cell_type: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Let a close cell be the next that is built, then end the link. What still waits is discarded."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """End the link now, without another cell."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A cell was handed to the socket. Times are seconds of the monotonic clock.

    Each laid cell that leaves is reported, if late. An engine counts them: it keeps what it has laid, less
    what has left, at `QUEUE_LIMIT` or below, and is never too quick, however late it reads.
    """

    link: int
    real: bool
    """Whether it was one that the engine had laid."""
    waiting: int
    """Laid cells that have not left: those in the queue and the one that lies ready."""
    scheduled: float
    sent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Nothing leaves on this link any more; its number is never used again."""

    link: int
    reason: Reason


ToMetronome = Begin | Lay | Finish | Drop
ToEngine = Left | Ended

_KIND: Final[dict[type, int]] = {Begin: 1, Lay: 2, Finish: 3, Drop: 4, Left: 5, Ended: 6}


def encode(message: ToMetronome | ToEngine) -> bytes:
    """One datagram.

    Raises:
        LocalProtocolError: a value is outside its bounds.
    """
    kind, link = _KIND[type(message)], message.link
    try:
        match message:
            case Begin():
                _check_begin(message.key, message.tick)
                return _BEGIN.pack(kind, link, message.key, message.tick)
            case Lay():
                _check_body(message.body)
                return _LAY.pack(kind, link, message.cell_type) + message.body
            case Finish() | Drop():
                return _HEAD.pack(kind, link)
            case Left():
                return _LEFT.pack(kind, link, message.real, message.waiting, message.scheduled, message.sent)
            case Ended():
                return _ENDED.pack(kind, link, _REASONS.index(message.reason))
    except struct.error:
        raise LocalProtocolError(f"a {type(message).__name__} message with a value out of bounds") from None


def decode_to_metronome(datagram: bytes) -> ToMetronome:
    """What the engine said.

    Raises:
        LocalProtocolError: nothing that `encode` would have written.
    """
    try:
        kind, link = _HEAD.unpack_from(datagram)
        match kind:
            case 1:
                _, link, key, tick = _BEGIN.unpack(datagram)
                _check_begin(key, tick)
                return Begin(link=link, key=key, tick=tick)
            case 2:
                _, link, cell_type = _LAY.unpack_from(datagram)
                body = datagram[_LAY.size :]
                _check_body(body)
                return Lay(link=link, cell_type=cell_type, body=body)
            case 3 | 4:
                _, link = _HEAD.unpack(datagram)
                return Finish(link=link) if kind == 3 else Drop(link=link)
    except struct.error:
        pass
    raise LocalProtocolError("the engine sent the metronome a malformed message")


def decode_to_engine(datagram: bytes) -> ToEngine:
    """What the metronome reported.

    Raises:
        LocalProtocolError: nothing that `encode` would have written.
    """
    try:
        kind, link = _HEAD.unpack_from(datagram)
        if kind == _KIND[Left]:
            _, link, real, waiting, scheduled, sent = _LEFT.unpack(datagram)
            if datagram[_HEAD.size] <= 1 and math.isfinite(scheduled) and math.isfinite(sent):
                return Left(link=link, real=real, waiting=waiting, scheduled=scheduled, sent=sent)
        elif kind == _KIND[Ended]:
            _, link, reason = _ENDED.unpack(datagram)
            if reason < len(_REASONS):
                return Ended(link=link, reason=_REASONS[reason])
    except struct.error:
        pass
    raise LocalProtocolError("the metronome sent the engine a malformed message")


def _check_begin(key: bytes, tick: float) -> None:
    if len(key) != KEY_SIZE:
        raise LocalProtocolError(f"a link's key has {KEY_SIZE} bytes")
    if not MIN_TICK <= tick <= MAX_TICK:
        raise LocalProtocolError(f"a tick lies between {MIN_TICK} and {MAX_TICK:.0f} seconds")


def _check_body(body: bytes) -> None:
    if len(body) > CELL_BODY:
        raise LocalProtocolError(f"a cell's body has at most {CELL_BODY} bytes")
