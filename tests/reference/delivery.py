"""«Delivery» and «Lifetimes»: what is said until it is acknowledged, and what was heard, once.

It knows no link but by what it was told: what was said on the active one, and whether the have-list came.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from .body import (
    MAX_PARTS,
    MAX_TEXT,
    ROOM,
    Acknowledgement,
    Address,
    Deletion,
    Hello,
    Part,
    Text,
    encode_part,
)
from .primitives import Refused

DAY = 86_400
UNREAD_LIFE = 28 * DAY
REMEMBERED = 57 * DAY
MAX_HAVE = 120
MAX_ACKNOWLEDGED_AT_ONCE = 24
MAX_PARTIAL = 4
MIN_FRAGMENT = 64


@dataclass
class Outgoing:
    """One entry of the outbox; a text is held whole and cut when it leaves."""

    part: Text | Deletion | Hello | Address
    until: float
    said: int = 0  # bytes of a text, or 1, that left on the active link
    began: bool = False  # whether anything of it ever left


@dataclass
class Message:
    """A message as a person has it. `died_at` follows from when it was seen or acknowledged."""

    content: bytes
    received: bool
    lifetime: int
    written: float
    ends: float  # at the latest


class Delivery:
    def __init__(self, lifetime: int = DAY) -> None:
        self.lifetime = lifetime
        self.outbox: dict[bytes, Outgoing] = {}
        self.messages: dict[bytes, Message] = {}
        self.heard: dict[bytes, float] = {}  # ids of the other side, and until when they are remembered
        self.acknowledging: list[bytes] = []
        self.partial: dict[bytes, bytes] = {}  # texts under reassembly, the oldest first
        self.have_list_came = False

    # --- what a person does ---

    def write(self, text: str, now: float) -> bytes:
        data, name, written = text.encode(), os.urandom(16), int(now)
        if not 1 <= len(data) <= MAX_TEXT:
            raise ValueError("a text that is empty or too long")
        ends = written + self.lifetime + UNREAD_LIFE
        part = Text(id=name, offset=0, total=len(data), lifetime=self.lifetime, written=written, data=data)
        self.messages[name] = Message(data, False, self.lifetime, written, ends)
        self.outbox[name] = Outgoing(part, ends)
        return name

    def delete(self, target: bytes) -> None:
        """Ask the other side to delete what was written here."""
        message = self.messages.pop(target)
        waiting = self.outbox.pop(target, None)
        if waiting is None or waiting.began:
            name = os.urandom(16)
            self.outbox[name] = Outgoing(Deletion(id=name, target=target), message.ends)

    def see(self, name: bytes, now: float) -> str:
        """A person sees a message that was received."""
        message = self.messages[name]
        message.ends = min(message.ends, now + message.lifetime)
        return message.content.decode()

    def pass_time(self, now: float) -> None:
        """Erase what died, forget what need not be remembered."""
        self.messages = {name: message for name, message in self.messages.items() if now < message.ends}
        self.outbox = {name: entry for name, entry in self.outbox.items() if now < entry.until}
        self.heard = {name: until for name, until in self.heard.items() if now < until}

    # --- what the contact queues ---

    def queue(self, part: Hello | Address) -> None:
        self.outbox[part.id] = Outgoing(part, float("inf"))

    def is_queued(self, kind: type[Address]) -> bool:
        return any(isinstance(entry.part, kind) for entry in self.outbox.values())

    def take_back(self, kind: type[Hello]) -> None:
        self.outbox = {name: entry for name, entry in self.outbox.items() if not isinstance(entry.part, kind)}

    # --- a link became active ---

    def begin_link(self) -> None:
        self.have_list_came = False
        self.partial.clear()
        for entry in self.outbox.values():
            entry.said = 0

    def have_list(self) -> bytes:
        return b"".join(list(self.heard)[-MAX_HAVE:])

    def take_have_list(self, body: bytes, now: float) -> list[Outgoing]:
        if self.have_list_came:
            raise Refused("a second have-list")
        self.have_list_came = True
        return self.take_acknowledged([body[at : at + 16] for at in range(0, len(body), 16)], now)

    # --- parts that leave ---

    def parts(self, first: Sequence[Part]) -> list[Part]:
        """What the next envelope says beside `first`, and is thereby said on this link."""
        parts, room = list(first), ROOM - sum(len(encode_part(part)) for part in first)
        if self.acknowledging:
            ids, self.acknowledging = (
                self.acknowledging[:MAX_ACKNOWLEDGED_AT_ONCE],
                self.acknowledging[MAX_ACKNOWLEDGED_AT_ONCE:],
            )
            parts.append(Acknowledgement(ids=tuple(ids)))
            room -= len(encode_part(parts[-1]))
        if self.have_list_came:
            for entry in self.outbox.values():
                while len(parts) < MAX_PARTS and (part := _cut(entry, room)):
                    entry.began = True
                    entry.said += len(part.data) if isinstance(part, Text) else 1
                    parts.append(part)
                    room -= len(encode_part(part))
                if not _is_said(entry):
                    break  # the oldest first: nothing overtakes it
        return parts

    # --- parts that came ---

    def take_acknowledged(self, ids: Sequence[bytes], now: float) -> list[Outgoing]:
        """The entries that end with it."""
        done = [self.outbox.pop(name) for name in ids if name in self.outbox]
        for entry in done:
            if message := self.messages.get(entry.part.id):
                message.ends = min(message.ends, now + message.lifetime)
        return done

    def take(self, part: Text | Deletion | Hello | Address, now: float, *, texts: bool) -> bool:
        """Whether it is new; a text is taken only where `texts` says so, and new when it is whole."""
        if part.id in self.heard or (isinstance(part, Text) and part.id in self.messages):
            self.acknowledge(part.id)
            return False
        if isinstance(part, Text):
            data = self._assemble(part) if texts else None
            if data is None:
                return False
            self._store(part, data, now)
            return True
        if isinstance(part, Deletion):
            self._erase(part.target, now)
        self.heard[part.id] = now + REMEMBERED
        self.acknowledge(part.id)
        return True

    def acknowledge(self, name: bytes) -> None:
        if name not in self.acknowledging:
            self.acknowledging.append(name)

    def _erase(self, target: bytes, now: float) -> None:
        message = self.messages.get(target)
        if message and not message.received:
            return  # one's own is not the other side's to delete
        self.messages.pop(target, None)
        self.partial.pop(target, None)
        self.heard[target] = now + REMEMBERED

    def _assemble(self, part: Text) -> bytes | None:
        """The whole text, where this part completes it."""
        if part.offset == 0:
            self.partial.pop(part.id, None)
            if len(self.partial) == MAX_PARTIAL:
                del self.partial[next(iter(self.partial))]
            self.partial[part.id] = b""
        have = self.partial.get(part.id)
        if have is None or part.offset != len(have) or len(have + part.data) > part.total:
            return None
        self.partial[part.id] = have + part.data
        return self.partial.pop(part.id) if len(have + part.data) == part.total else None

    def _store(self, part: Text, data: bytes, now: float) -> None:
        try:
            data.decode()
        except UnicodeDecodeError:
            raise Refused("a text that is not UTF-8") from None
        lifetime = min(part.lifetime, self.lifetime)
        written = min(max(part.written, now - UNREAD_LIFE), now)
        ends = written + min(lifetime, UNREAD_LIFE) + UNREAD_LIFE
        self.messages[part.id] = Message(data, True, lifetime, written, ends)
        self.heard[part.id] = now + min(part.lifetime, UNREAD_LIFE) + UNREAD_LIFE + DAY
        self.acknowledge(part.id)


def _is_said(entry: Outgoing) -> bool:
    return entry.said >= (entry.part.total if isinstance(entry.part, Text) else 1)


def _cut(entry: Outgoing, room: int) -> Text | Deletion | Hello | Address | None:
    """What of the entry fits into the room; None where nothing does, or all of it was said."""
    part = entry.part
    if _is_said(entry):
        return None
    if not isinstance(part, Text):
        return part if len(encode_part(part)) <= room else None
    head = len(
        encode_part(
            Text(
                id=part.id,
                offset=entry.said,
                total=part.total,
                lifetime=part.lifetime,
                written=part.written,
                data=b"",
            )
        )
    )
    left = part.total - entry.said
    size = min(left, room - head - 1)  # a byte for a longer length
    if size < min(left, MIN_FRAGMENT):
        return None
    return Text(
        id=part.id,
        offset=entry.said,
        total=part.total,
        lifetime=part.lifetime,
        written=part.written,
        data=part.data[entry.said : entry.said + size],
    )
