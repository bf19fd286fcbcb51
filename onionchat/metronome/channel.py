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
from ..protocol.constants import CELL_BODY, LEAST_TICK_MS, MAX_TICK_MS, WINDOW_SECONDS
from ..protocol.pace import BATCHES, Level, Pace

QUEUE_LIMIT: Final = 4 * BATCHES[-1]
"""Cells that may wait behind the batch that lies ready. More is the engine's bug and ends the link."""

KEY_SIZE: Final = 32
MAX_LINK: Final = 2**64 - 1

_HEAD: Final = struct.Struct(">BQ")
_BEGIN: Final = struct.Struct(f">BQBIBHH{KEY_SIZE}s")
_CHANGE: Final = struct.Struct(">BQBIBHH")
_LAY: Final = struct.Struct(">BQB")
_WINDOW: Final = struct.Struct(">BQH")
_LEFT: Final = struct.Struct(">BQBBdd")
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
    pace: Pace
    place: int = 0
    places: int = 0
    """Not 0: of so many places in the engine's rotation the link has that one, counted from 0. Slot k of the
    link begins at ``epoch + (k * places + place) * tick / places``, one epoch for all links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Follow another pace from the slot after the ready batch's. The fields are those of `Begin`."""

    link: int
    pace: Pace
    place: int = 0
    places: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Send a cell every 50 ms for so long, whatever there is to send, then return to the pace."""

    link: int
    seconds: int
    """One of `WINDOW_SECONDS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lay:
    """Let this leave instead of a cover cell, after what was laid before it."""

    link: int
    cell_type: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """End the next batch that is sealed with a close cell, and the link with it. What waits is discarded."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """End the link now, without another cell."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A batch was handed to the socket. Times are seconds of the monotonic clock.

    Each laid cell that leaves is reported, if late. An engine counts them: it keeps what it has laid, less
    what has left, at `QUEUE_LIMIT` or below, and is never too quick, however late it reads.
    """

    link: int
    real: int
    """How many of its cells were ones that the engine had laid."""
    waiting: int
    """Laid cells that have not left: those in the queue and in the batch that lies ready."""
    scheduled: float
    sent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOver:
    """A window has run to its end; the link is back at its pace."""

    link: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Nothing leaves on this link any more; its number is never used again."""

    link: int
    reason: Reason


ToMetronome = Begin | Change | Window | Lay | Finish | Drop
ToEngine = Left | WindowOver | Ended

_KIND: Final[dict[type, int]] = {
    Begin: 1,
    Lay: 2,
    Finish: 3,
    Drop: 4,
    Left: 5,
    Ended: 6,
    Change: 7,
    Window: 8,
    WindowOver: 9,
}


def encode(message: ToMetronome | ToEngine) -> bytes:
    """One datagram.

    Raises:
        LocalProtocolError: a value is outside its bounds.
    """
    kind, link = _KIND[type(message)], message.link
    try:
        match message:
            case Begin():
                _check_key(message.key)
                return _BEGIN.pack(kind, link, *_pack_pace(message), message.key)
            case Change():
                return _CHANGE.pack(kind, link, *_pack_pace(message))
            case Window():
                _check_seconds(message.seconds)
                return _WINDOW.pack(kind, link, message.seconds)
            case Lay():
                _check_body(message.body)
                return _LAY.pack(kind, link, message.cell_type) + message.body
            case Left():
                return _LEFT.pack(kind, link, message.real, message.waiting, message.scheduled, message.sent)
            case Ended():
                return _ENDED.pack(kind, link, _REASONS.index(message.reason))
            case Finish() | Drop() | WindowOver():
                return _HEAD.pack(kind, link)
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
                _, link, *numbers, key = _BEGIN.unpack(datagram)
                pace, place, places = _unpack_pace(*numbers)
                return Begin(link=link, key=key, pace=pace, place=place, places=places)
            case 2:
                _, link, cell_type = _LAY.unpack_from(datagram)
                body = datagram[_LAY.size :]
                _check_body(body)
                return Lay(link=link, cell_type=cell_type, body=body)
            case 3 | 4:
                _, link = _HEAD.unpack(datagram)
                return Finish(link=link) if kind == 3 else Drop(link=link)
            case 7:
                _, link, *numbers = _CHANGE.unpack(datagram)
                pace, place, places = _unpack_pace(*numbers)
                return Change(link=link, pace=pace, place=place, places=places)
            case 8:
                _, link, seconds = _WINDOW.unpack(datagram)
                _check_seconds(seconds)
                return Window(link=link, seconds=seconds)
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
            if math.isfinite(scheduled) and math.isfinite(sent):
                return Left(link=link, real=real, waiting=waiting, scheduled=scheduled, sent=sent)
        elif kind == _KIND[Ended]:
            _, link, reason = _ENDED.unpack(datagram)
            if reason < len(_REASONS):
                return Ended(link=link, reason=_REASONS[reason])
        elif kind == _KIND[WindowOver]:
            _, link = _HEAD.unpack(datagram)
            return WindowOver(link=link)
    except struct.error:
        pass
    raise LocalProtocolError("the metronome sent the engine a malformed message")


def _pack_pace(message: Begin | Change) -> tuple[int, int, int, int, int]:
    pace, place, places = message.pace, message.place, message.places
    _check_pace(pace, place, places)
    return pace.level, pace.tick_ms, pace.batch, place, places


def _unpack_pace(level: int, tick_ms: int, batch: int, place: int, places: int) -> tuple[Pace, int, int]:
    try:
        pace = Pace(level=Level(level), tick_ms=tick_ms, batch=batch)
    except ValueError:
        raise LocalProtocolError("a pace that there is not") from None
    _check_pace(pace, place, places)
    return pace, place, places


def _check_pace(pace: Pace, place: int, places: int) -> None:
    """Beside what `Pace` sees to itself."""
    if not LEAST_TICK_MS <= pace.tick_ms <= MAX_TICK_MS:
        raise LocalProtocolError(f"a tick lies between {LEAST_TICK_MS} and {MAX_TICK_MS} ms")
    fits = 0 <= place < places and pace.level is Level.CONSTANT if places else place == 0
    if not fits:
        raise LocalProtocolError("a place that a rotation does not have")


def _check_seconds(seconds: int) -> None:
    if seconds not in WINDOW_SECONDS:
        raise LocalProtocolError(f"a window lasts one of {WINDOW_SECONDS} seconds")


def _check_key(key: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise LocalProtocolError(f"a link's key has {KEY_SIZE} bytes")


def _check_body(body: bytes) -> None:
    if len(body) > CELL_BODY:
        raise LocalProtocolError(f"a cell's body has at most {CELL_BODY} bytes")
