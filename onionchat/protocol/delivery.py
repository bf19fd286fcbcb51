"""Getting messages across, each exactly once. docs/protocol.md, «Delivery».

Laws: an item stays in the outbox until it is acknowledged or its time has ended, and does not depend on any
link; a resend is the same id in a new envelope; an id that was seen is acknowledged again and not shown
again; acknowledgements ride along and are never acknowledged themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from . import body
from .asleep import Asleep
from .batch import Batch
from .commands import Key
from .constants import (
    HAVE_LIST_MAX,
    MAX_ACKS,
    MAX_LIFETIME,
    MAX_PARTIALS,
    MAX_SEEN,
    MIN_LIFETIME,
    UNREAD_LIFE,
)
from .deadline import Deadlines
from .record import OutgoingRecord, SeenRecord, pack

ACKS_AN_ENVELOPE = 24
"""So that acknowledgements never crowd out what they ride along with."""


class Outbox:
    """What the peer has not acknowledged, and how far this link got with it."""

    def __init__(self, contact: bytes, items: Iterable[OutgoingRecord] = ()) -> None:
        ordered = sorted(items, key=lambda item: item.sequence)
        self._contact = contact
        self._items = {item.id: item for item in ordered}
        self._deadlines = Deadlines({item.id: item.until for item in ordered})
        self._waiting: deque[bytes] = deque()
        self._offset = 0
        self._special = False
        self._begun = set(self._items)  # what an earlier run left behind may have left in part
        self.open = False
        """True once the peer said on this link what it has."""

    def __iter__(self) -> Iterator[OutgoingRecord]:
        yield from self._items.values()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, item: bytes) -> OutgoingRecord | None:
        """The item, while it is not acknowledged."""
        return self._items.get(item)

    @property
    def next_deadline(self) -> float | None:
        """When the next item is given up."""
        return self._deadlines.next

    def add(self, item: OutgoingRecord, batch: Batch) -> None:
        """Keep ``item`` until it is acknowledged."""
        self._items[item.id] = item
        self._deadlines.give(item.id, item.until)
        self._waiting.append(item.id)
        batch.put(self._key(item.id), pack(item))

    def remove(self, item: bytes, batch: Batch) -> OutgoingRecord | None:
        """Forget an item that was acknowledged, deleted or given up."""
        found = self._items.pop(item, None)
        if found is None:
            return None
        self._deadlines.forget(item)
        self._begun.discard(item)
        batch.drop(self._key(item))
        return found

    def expire(self, now: float, batch: Batch) -> None:
        """Give up what has had its time."""
        for item in self._deadlines.take(now):
            self.remove(item, batch)

    def ever_left(self, item: bytes) -> bool:
        """Whether a part of the item may have left."""
        return item in self._begun

    def restart(self, *, special: bool = False) -> None:
        """A new link: nothing leaves until the peer said what it has.

        ``special``: its program knows the lifetimes that are no number of seconds.
        """
        self.open, self._special = False, special
        self._offset = 0

    def resume(self) -> None:
        """The peer said what it has: the rest leaves again, in order, from its beginning."""
        self.open = True
        self._waiting = deque(self._items)

    def take(self, room: int, most: int) -> tuple[list[body.Part], list[bytes]]:
        """Parts for the next envelope, within ``room`` packed bytes and ``most`` parts.

        Returns:
            The parts, and the ids of the items whose last part is among them.
        """
        parts: list[body.Part] = []
        finished: list[bytes] = []
        while self.open and len(parts) < most:
            item = self._turn()
            if item is None:
                break
            part, end = self._part(item, room)
            if part is None:
                break
            parts.append(part)
            room -= body.size(part)
            self._begun.add(item.id)
            self._offset = end
            if end < len(item.data):
                break
            self._waiting.popleft()
            self._offset = 0
            finished.append(item.id)
        return parts, finished

    def _turn(self) -> OutgoingRecord | None:
        """Whose turn it is; what was removed meanwhile, perhaps half-way, is passed over."""
        while self._waiting:
            item = self._items.get(self._waiting[0])
            if item is not None:
                return item
            self._waiting.popleft()
            self._offset = 0
        return None

    def _part(self, item: OutgoingRecord, room: int) -> tuple[body.Part | None, int]:
        if item.kind == "text":
            left = len(item.data) - self._offset
            fits = min(left, room - body.TEXT_OVERHEAD)
            if fits < min(left, 64):  # a crumb of a text costs more in overhead than it carries
                return None, 0
            end = self._offset + fits
            return body.TextPart(
                id=item.id,
                offset=self._offset,
                total=len(item.data),
                lifetime=self._said(item.lifetime),
                written=int(item.written),
                data=item.data[self._offset : end],
            ), end
        part: body.Part
        if item.kind == "delete":
            part = body.DeletePart(id=item.id, target=item.target)
        elif item.kind == "hello":
            part = body.HelloPart(id=item.id)
        else:
            part = body.AddressPart(id=item.id, onion=item.data[:32], static=item.data[32:])
        return (part, len(item.data)) if body.size(part) <= room else (None, 0)

    def _said(self, lifetime: int) -> int:
        """A lifetime as the peer's program can read it."""
        return lifetime if self._special else max(MIN_LIFETIME, min(lifetime, MAX_LIFETIME))

    def _key(self, item: bytes) -> Key:
        return Key(kind="outgoing", scope=self._contact, key=item)


class Inbox:
    """What came in: ids that were seen, texts under reassembly, acknowledgements that are due."""

    def __init__(
        self,
        contact: bytes,
        seen: Mapping[bytes, float] | None = None,
        *,
        asleep: Asleep[Mapping[bytes, float]] | None = None,
    ) -> None:
        self._contact = contact
        self._asleep = asleep
        self._ids = _in_order(seen or {})
        self._partial: dict[bytes, bytearray] = {}
        self._acks: dict[bytes, None] = {}

    @property
    def _seen(self) -> Deadlines:
        if self._asleep is not None:
            self._ids = _in_order(self._asleep.load())
            self._asleep = None
        return self._ids

    def restart(self) -> None:
        """A new link: texts under reassembly come again from their beginning."""
        self._partial.clear()

    def have_list(self) -> bytes:
        """The newest ids that the peer may not know we have, as a have-list's body."""
        return b"".join(list(self._seen)[-HAVE_LIST_MAX:])

    @property
    def next_deadline(self) -> float | None:
        """When the next id may be forgotten."""
        return self._ids.next if self._asleep is None else self._asleep.due

    def expire(self, now: float, batch: Batch) -> None:
        """Forget ids that the peer can no longer resend."""
        if self.next_deadline is None or self.next_deadline > now:
            return
        for item in self._seen.take(now):
            batch.drop(self._key(item))

    def see(self, item: bytes, until: float, batch: Batch) -> None:
        """Never show this id (again) before ``until``, and acknowledge nothing for it."""
        self._seen.give(item, until)
        self._partial.pop(item, None)
        batch.put(self._key(item), pack(SeenRecord(until=until)))

    def acknowledge(self, item: bytes) -> None:
        """An acknowledgement is due, unless too many are: then it is for when the sender says it again."""
        if len(self._acks) < MAX_ACKS:
            self._acks[item] = None

    @property
    def full(self) -> bool:
        """Whether so many ids are remembered that nothing new is taken until some are forgotten."""
        return len(self._seen) >= MAX_SEEN

    def known(self, item: bytes) -> bool:
        """Whether the id was seen."""
        return item in self._seen

    @property
    def unfinished(self) -> bool:
        """Whether a text is under reassembly."""
        return bool(self._partial)

    @property
    def pending(self) -> bool:
        """Whether acknowledgements wait for an envelope."""
        return bool(self._acks)

    def take_acks(self) -> list[bytes]:
        """Acknowledgements for the next envelope."""
        due = list(self._acks)[:ACKS_AN_ENVELOPE]
        for item in due:
            del self._acks[item]
        return due

    def assemble(self, part: body.TextPart) -> bytes | None:
        """The whole text if ``part`` was its last fragment.

        Fragments of one text arrive in order on one link; anything else belongs to an older link, and the
        sender begins again on the newer. A first fragment replaces what was there of that text.
        """
        if part.offset == 0:
            self._partial.pop(part.id, None)
            while len(self._partial) >= MAX_PARTIALS:
                del self._partial[next(iter(self._partial))]
            self._partial[part.id] = bytearray()
        text = self._partial.get(part.id)
        if text is None or len(text) != part.offset or part.offset + len(part.data) > part.total:
            return None
        text += part.data
        if len(text) < part.total:
            return None
        del self._partial[part.id]
        return bytes(text)

    def _key(self, item: bytes) -> Key:
        return Key(kind="seen", scope=self._contact, key=item)


def _in_order(seen: Mapping[bytes, float]) -> Deadlines:
    return Deadlines(dict(sorted(seen.items(), key=lambda entry: entry[1])))


def seen_until(now: float, lifetime: int) -> float:
    """Until when an id is kept: as long as its sender may resend it, and a day for clocks that differ.

    A hello and an address are resent without end; one that comes after that time does nothing new.
    """
    return now + min(lifetime, MAX_LIFETIME) + UNREAD_LIFE + 24 * 3600
