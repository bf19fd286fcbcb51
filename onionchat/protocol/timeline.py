"""The messages of one conversation that are alive, and when each dies. docs/protocol.md, «Lifetimes».

Laws: the sender's clock starts at delivery, the receiver's when the message was first shown; an upper bound
from writing holds for both. What is past its deadline goes with the next `Timeline.expire`, which stands
before everything else that an event does, also before the first one after loading. Messages that are in the
vault may be left there until somebody looks at one, or one is due: a gist of them is enough until then. What
is left there beyond its time, because nothing ran, the vault erases by itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .asleep import Asleep
from .batch import Batch
from .body import TextPart
from .commands import Key, TellGone, TellMessage, Why
from .constants import DEFAULT_LIFETIME, MAX_LIFETIME, MIN_LIFETIME, ONCE, UNREAD_LIFE
from .deadline import Deadlines
from .record import GistRecord, MessageRecord, pack

TIE: Final = 1e-6
"""Seconds between two messages that were stored at once, so that loading finds them in the same order."""


def upper_bound(written: float, lifetime: int) -> float:
    """When a message dies though nobody saw it, in seconds since 1970."""
    return written + min(lifetime, MAX_LIFETIME) + UNREAD_LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class AsleepMessages(Asleep[Iterable[MessageRecord]]):
    """Messages that are left in the vault, and the gist of them."""

    gist: GistRecord


class Timeline:
    """Live messages in the order in which they were stored here.

    Args:
        messages: those that there are.
        asleep: in their place, where they are loaded when one is looked at.
    """

    def __init__(
        self,
        contact: bytes,
        messages: Iterable[MessageRecord] = (),
        *,
        asleep: AsleepMessages | None = None,
    ) -> None:
        self._contact = contact
        self._asleep = asleep
        self._loaded: dict[bytes, MessageRecord] = {}
        self._deadlines = Deadlines()
        self._unread: set[bytes] = set()
        self._held = 0
        self.sent: set[bytes] = set()
        """Ours whose last part has left and that are not acknowledged yet."""
        self._take_in(messages)

    def __iter__(self) -> Iterator[MessageRecord]:
        return iter(self._messages.values())

    @property
    def _messages(self) -> dict[bytes, MessageRecord]:
        self._wake()
        return self._loaded

    def _wake(self) -> None:
        if self._asleep is not None:
            messages = self._asleep.load()
            self._asleep = None
            self._take_in(messages)

    def _take_in(self, messages: Iterable[MessageRecord]) -> None:
        for message in sorted(messages, key=lambda message: message.stored):
            self._hold(message, message.kept_until)  # whoever had one open is gone

    @property
    def held(self) -> int:
        """Characters of theirs that are alive."""
        self._wake()
        return self._held

    @property
    def gist(self) -> GistRecord:
        """What is enough to know while nobody looks at a message."""
        return GistRecord(unread=self.unread, newest=self.newest)

    @property
    def gist_until(self) -> float:
        """When the gist ends by itself: one that is unread dies, or the newest; infinity for never."""
        messages = self._messages
        telling = [messages[message] for message in self._unread]
        telling += itertools.islice(reversed(messages.values()), 1)
        return min((message.kept_until for message in telling), default=math.inf)

    def get(self, message: bytes) -> MessageRecord | None:
        """The message, if it is alive."""
        return self._messages.get(message)

    @property
    def unread(self) -> int:
        """Received messages that were not shown yet."""
        return len(self._unread) if self._asleep is None else self._asleep.gist.unread

    @property
    def newest(self) -> float | None:
        """When the last message was stored."""
        if self._asleep is not None:
            return self._asleep.gist.newest
        return next((m.stored for m in reversed(self._messages.values())), None)

    @property
    def next_deadline(self) -> float | None:
        """When the next message dies."""
        return self._deadlines.next if self._asleep is None else self._asleep.due

    def add(self, message: MessageRecord, batch: Batch) -> None:
        """Keep a new message, after all that are there."""
        if self.newest is not None:
            message.stored = max(message.stored, self.newest + TIE)
        self._put(message, batch, new=True)

    def came(self, part: TextPart, text: str, limit: int, now: float, batch: Batch, *, at: float) -> None:
        """Keep a new one of theirs that came ``at``, for ``limit`` at most, unless it died since then.

        When it was written is believed within bounds.
        """
        written, lifetime = max(min(part.written, at), at - UNREAD_LIFE), min(part.lifetime, limit)
        until = upper_bound(written, lifetime)
        if until < now:
            return
        record = MessageRecord(
            id=part.id,
            mine=False,
            text=text,
            written=written,
            stored=now,
            lifetime=lifetime,
            until=until,
        )
        self.add(record, batch)

    def note(self, message: bytes, line: str, lifetime: int, now: float, batch: Batch) -> None:
        """Keep a line of the program's own, which waits for a person like a message of theirs.

        What has happened again is said again, and no line waits twice, however often it happens.
        """
        last = next(reversed(self._messages.values()), None)
        for same in [one for one in self if one.system and one.text == line]:
            if same.clock is None and same is last:
                return
            if same.clock is None or same is last:
                self.erase(same.id, "expired", batch)
        lives = lifetime if MIN_LIFETIME <= lifetime <= MAX_LIFETIME else DEFAULT_LIFETIME
        note = MessageRecord(
            id=message,
            mine=False,
            text=line,
            written=now,
            stored=now,
            lifetime=lives,
            until=upper_bound(now, lives),
            system=True,
        )
        self.add(note, batch)

    def delivered(self, message: bytes, now: float, batch: Batch) -> None:
        """The peer stored one of ours: its clock starts."""
        found = self._messages.get(message)
        self.sent.discard(message)
        if found is not None and not found.delivered:
            found.delivered, found.clock = True, now
            self._put(found, batch)

    def left(self, message: bytes, batch: Batch) -> None:
        """The last part of one of ours has left."""
        found = self._messages.get(message)
        if found is not None and not found.delivered:
            self.sent.add(message)
            batch.do(TellMessage(message=found, sent=True, new=False))

    def shown(self, message: bytes, now: float, batch: Batch) -> None:
        """One of theirs was on a person's screen: its clock starts."""
        found = self._messages.get(message)
        if found is not None and not found.mine and found.clock is None:
            found.clock = now
            self._put(found, batch)

    def closed(self, batch: Batch) -> None:
        """The conversation is not on a person's screen any more: what lives once and was read is gone."""
        for message in list(self._loaded.values()):  # of what sleeps nothing was read yet
            if message.lifetime == ONCE and message.clock is not None:
                self.erase(message.id, "expired", batch)

    def expire(self, now: float, batch: Batch) -> None:
        """Erase everything whose deadline has passed."""
        if self.next_deadline is None or self.next_deadline > now:
            return
        self._wake()
        for message in self._deadlines.take(now):
            self.erase(message, "expired", batch)

    def erase(self, message: bytes, why: Why, batch: Batch) -> bool:
        """Erase a message; False if there is none."""
        found = self._messages.pop(message, None)
        if found is None:
            return False
        self._held -= 0 if found.mine else len(found.text)
        self._deadlines.forget(message)
        self._unread.discard(message)
        self.sent.discard(message)
        batch.drop(self._key(message))
        batch.do(TellGone(message=message, why=why))
        return True

    def _hold(self, message: MessageRecord, deadline: float) -> None:
        if message.id not in self._loaded and not message.mine:
            self._held += len(message.text)
        self._loaded[message.id] = message
        self._deadlines.give(message.id, deadline)
        if not message.mine and message.clock is None:
            self._unread.add(message.id)
        else:
            self._unread.discard(message.id)

    def _put(self, message: MessageRecord, batch: Batch, *, new: bool = False) -> None:
        self._wake()
        self._hold(message, message.deadline)
        batch.put(self._key(message.id), pack(message))
        batch.do(TellMessage(message=message, sent=message.id in self.sent, new=new))

    def _key(self, message: bytes) -> Key:
        return Key(kind="message", scope=self._contact, key=message)
