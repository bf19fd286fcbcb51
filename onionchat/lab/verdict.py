"""Whether a conversation went as it must: what was sent, what was seen of it, and the judgement.

Laws: pure; every value of a report comes out of the record, and nothing counts that was not seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Final, Literal

import msgspec

Side = Literal["you", "friend"]
SIDES: Final[tuple[Side, Side]] = ("you", "friend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message whose sending was asked for. Times are monotonic seconds."""

    side: Side
    message: str
    text: str = field(repr=False)
    at: float
    undisturbed: bool
    """Whether both engines ran all the time from here to its arrival, as far as the experiment decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message that was shown to a watcher on ``side`` as received."""

    side: Side
    message: str
    text: str = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A message of which a watcher on ``side`` was told that it no longer exists there."""

    side: Side
    message: str
    why: str


@dataclass(slots=True, kw_only=True)
class Record:
    """Everything that was seen."""

    bootstrap_s: float
    publish_s: float
    connect_s: float
    sent: list[Sent] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    kept: dict[Side, dict[str, str]] = field(default_factory=lambda: {side: {} for side in SIDES})
    """At the very end: message and text of all that each side still has."""
    expiring: str = ""
    """The message that was to expire."""
    deleted: str = ""
    """The message that its sender deleted for both."""
    restarted: bool = False
    """Whether an engine was killed and another one took its place."""
    sizes: Counter[int] = field(default_factory=Counter)
    """How often each size was written towards tor."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the request to send to the notice at the other side; 0 where nothing arrived."""

    median: float
    p95: float


class Cells(msgspec.Struct, frozen=True, kw_only=True):
    """What was written towards tor; ``size`` is the most frequent size, in bytes."""

    size: int
    distinct_sizes_on_wire: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result. Names and form are those that scripts rely on."""

    ok: bool
    bootstrap_s: float
    publish_s: float
    connect_s: float
    sent: int
    delivered: int
    """Sent messages that arrived with their whole text, at the other side's watcher or in its vault."""
    duplicates: int
    """How often a message was shown beyond once, also by an engine that was started again."""
    lost: int
    latency_ms: Latency
    """Of messages on whose way no engine was down."""
    expired: bool
    deleted_for_both: bool
    cells: Cells


def judge(record: Record) -> Report:
    """The report on ``record``."""
    delivered = sum(_delivered(record, sent) for sent in record.sent)
    shown = Counter((one.side, one.message) for one in record.arrived)
    duplicates = sum(shown.values()) - len(shown)
    lost = len(record.sent) - delivered
    expired = _gone(record, record.expiring, {"expired"}, {"expired"})
    deleted = _gone(record, record.deleted, {"deleted"}, {"deleted-by-peer"})
    cells = Cells(
        size=record.sizes.most_common(1)[0][0] if record.sizes else 0,
        distinct_sizes_on_wire=len(record.sizes),
    )
    return Report(
        ok=bool(record.sent)
        and not (duplicates or lost)
        and expired
        and deleted
        and record.restarted
        and len(record.sizes) == 1,
        bootstrap_s=round(record.bootstrap_s, 2),
        publish_s=round(record.publish_s, 2),
        connect_s=round(record.connect_s, 2),
        sent=len(record.sent),
        delivered=delivered,
        duplicates=duplicates,
        lost=lost,
        latency_ms=_latency(record),
        expired=expired,
        deleted_for_both=deleted,
        cells=cells,
    )


def other(side: Side) -> Side:
    """The one that is not ``side``."""
    return "friend" if side == "you" else "you"


def _delivered(record: Record, sent: Sent) -> bool:
    there = other(sent.side)
    return record.kept[there].get(sent.message) == sent.text or any(
        one.side == there and one.message == sent.message and one.text == sent.text for one in record.arrived
    )


def _gone(record: Record, message: str, at_sender: set[str], at_receiver: set[str]) -> bool:
    """Whether both sides were told that ``message`` went for the right reason, and neither has it now."""
    sender = next((sent.side for sent in record.sent if sent.message == message), None)
    if sender is None or any(message in kept for kept in record.kept.values()):
        return False
    told = {(gone.side, gone.why) for gone in record.gone if gone.message == message}
    return told == {(sender, why) for why in at_sender} | {(other(sender), why) for why in at_receiver}


def _latency(record: Record) -> Latency:
    first = {one.message: one.at for one in reversed(record.arrived)}
    taken = [
        1000 * (first[sent.message] - sent.at)
        for sent in record.sent
        if sent.undisturbed and sent.message in first
    ]
    if len(taken) < 2:
        return Latency(median=0.0, p95=0.0)
    return Latency(median=round(median(taken), 1), p95=round(quantiles(taken, n=20)[-1], 1))
