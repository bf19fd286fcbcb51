"""What is read from a vault when, what is erased unread, and what happens where it cannot be read."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from onionchat.crypto.sealing import unseal
from onionchat.engine import report
from onionchat.engine.book import Book
from onionchat.engine.clock import Clock
from onionchat.errors import StoreError, VaultCorrupt
from onionchat.lab.vault_fill import LIFETIME, _conversation, _fill
from onionchat.protocol.batch import Batch
from onionchat.protocol.commands import Key, Persist
from onionchat.protocol.constants import ONCE
from onionchat.protocol.contact import Contact, Surroundings
from onionchat.protocol.events import DeadlinePassed, TextWritten
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import (
    ClockRecord,
    IdentityRecord,
    MessageRecord,
    OutgoingRecord,
    end_of,
    pack,
    unpack,
)
from onionchat.store import MemoryVault, Name, Record, Vault, diskvault
from tests.store.kit import create, reopen

MESSAGES = 10
DAY = 24 * 3600


class Watched(MemoryVault):
    """A vault that counts what is read from it, and can be damaged."""

    def __init__(self) -> None:
        super().__init__()
        self.scans: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        """Values, by kind."""
        self.calls: list[str] = []
        self.damaged = False

    def scan(self, kind: str, scope: bytes = b"") -> list[Record]:
        self.scans[kind] += 1
        self.calls.append(kind)
        if self.damaged and kind in ("message", "seen"):
            raise VaultCorrupt("damaged")
        found = super().scan(kind, scope)
        self.read[kind] += len(found)
        return found

    def expire(self, now: float) -> int:
        self.calls.append("expire")
        return super().expire(now)


def open_book(vault: Vault, failed: list[StoreError], ahead: float = 0.0) -> Book:
    """What an engine makes of a vault, on a machine whose clock is so many seconds ahead."""
    around = Surroundings(random=os.urandom, numbers=itertools.count(1))
    clock = Clock(wall=lambda: time.time() + ahead)
    return Book(vault, around, Pace(tick_ms=2000), failed.append, clock)


class Opened:
    """A book over a vault that holds one conversation."""

    def __init__(self, *, gist: bool = True) -> None:
        self.vault = Watched()
        self.failures: list[StoreError] = []
        identity = IdentityRecord(id=os.urandom(16), name="me", created=time.time())
        self.vault.commit([Record(Name("identity", b"", identity.id), pack(identity))])
        self.records = list(_conversation(identity.id, 0, MESSAGES, time.time()))
        self.vault.commit([record for record in self.records if gist or record.name.kind != "gist"])
        self.open()

    def open(self, ahead: float = 0.0) -> None:
        """Open it (again)."""
        self.vault.scans.clear()
        self.vault.read.clear()
        self.vault.calls.clear()
        self.book = open_book(self.vault, self.failures, ahead)
        (self.contact,) = self.book.contacts.values()

    @property
    def scope(self) -> bytes:
        return self.contact.record.id

    def at(self, when: float) -> None:
        """Let a moment pass at which something may be due."""
        for command in self.contact.handle(DeadlinePassed(), when):
            if isinstance(command, Persist):
                self.book.persist(command)

    def shown(self, when: float) -> int:
        return len(report.conversation(self.contact, 100, when).messages)


def listed(contact: Contact) -> tuple[int, bool]:
    told = report.contact(contact)
    return told.unread, told.last_message is not None


def test_messages_stay_in_the_vault_until_somebody_looks() -> None:
    opened = Opened()
    opened.at(time.time())
    assert listed(opened.contact) == (0, True)
    assert opened.vault.scans["message"] == opened.vault.scans["seen"] == 0
    assert opened.shown(time.time()) == MESSAGES
    assert opened.shown(time.time()) == MESSAGES
    assert opened.vault.scans["message"] == 1


def test_without_a_gist_they_are_read_at_once_and_get_one() -> None:
    opened = Opened(gist=False)
    assert opened.vault.read["message"] == MESSAGES
    opened.at(time.time() + LIFETIME + 1)
    assert listed(opened.contact) == (0, False)
    opened.open()
    assert opened.vault.scans["message"] == 0
    assert listed(opened.contact) == (0, False)


def test_what_is_due_is_gone_before_it_is_shown() -> None:
    opened = Opened()
    later = time.time() + LIFETIME + 1
    opened.at(later)
    assert opened.shown(later) == opened.shown(0.0) == 0
    assert opened.vault.scan("message", opened.scope) == []


def test_what_expired_while_nothing_ran_is_erased_unread() -> None:
    opened = Opened()
    opened.open(LIFETIME + 1)
    assert opened.vault.calls[:2] == ["clock", "expire"]
    assert listed(opened.contact) == (0, False)
    assert opened.shown(time.time()) == 0
    assert opened.vault.read["message"] == 0
    assert opened.vault.first_end("message", opened.scope) is None
    assert opened.contact.talk.inbox.next_deadline is not None  # ids must be known for longer
    opened.open(90 * DAY)
    assert opened.contact.talk.inbox.have_list() == b""
    assert opened.vault.read["seen"] == 0


def test_what_is_left_of_a_conversation_is_known_without_reading_it() -> None:
    opened = Opened()
    oldest = [record for record in opened.records if record.name.kind == "message"][:4]
    opened.vault.commit([replace(record, until=time.time() + DAY) for record in oldest])
    opened.open(2 * DAY)
    assert listed(opened.contact) == (0, True)
    assert opened.vault.scans["message"] == 0
    due = opened.contact.talk.timeline.next_deadline
    assert opened.shown(time.time()) == MESSAGES - 4
    assert opened.contact.talk.timeline.next_deadline == due


def test_where_the_newest_has_expired_what_is_left_is_read() -> None:
    opened = Opened()
    message = MessageRecord(
        id=os.urandom(16),
        mine=True,
        text="brief",
        written=time.time(),
        stored=time.time() + 1,
        lifetime=60,
        delivered=True,
        clock=time.time(),
        until=time.time() + DAY,
    )
    opened.contact.talk.timeline.add(message, batch := Batch())
    for command in batch.commands():
        if isinstance(command, Persist):
            opened.book.persist(command)
    opened.open()
    assert report.contact(opened.contact).last_message == pytest.approx(message.stored)
    opened.open(2 * 60)
    assert opened.vault.read["message"] == MESSAGES
    last = report.contact(opened.contact).last_message
    assert last is not None
    assert last < message.stored
    assert opened.shown(time.time() + 2 * 60) == MESSAGES


def test_what_lives_once_and_was_read_is_erased_unread() -> None:
    opened = Opened()
    record = opened.records[3]
    once = unpack(record.value, MessageRecord)
    once.lifetime = ONCE
    value = pack(once)
    opened.vault.commit([Record(record.name, value, end_of("message", value))])
    opened.open(1.0)
    assert opened.vault.read["message"] == 0
    assert opened.shown(time.time()) == MESSAGES - 1


def test_a_clock_that_was_set_back_brings_nothing_back() -> None:
    opened = Opened()
    now = time.time()
    opened.vault.commit(
        [Record(Name("clock", b"", b""), pack(ClockRecord(seen=now + LIFETIME + 1, wall=now + LIFETIME + 1)))]
    )
    opened.open()
    assert opened.vault.read["message"] == 0
    assert opened.shown(time.time()) == 0


def test_a_deletion_for_both_waits_on_and_a_text_that_waits_goes_with_its_message() -> None:
    opened = Opened()
    until = time.time() + 2 * LIFETIME
    deletion = OutgoingRecord(
        id=b"d" * 16, sequence=1, kind="delete", written=1.0, target=b"m" * 16, until=until
    )
    hello = OutgoingRecord(id=b"h" * 16, sequence=2, kind="hello", written=1.0, until=float("inf"))
    puts = tuple(
        (Key(kind="outgoing", scope=opened.scope, key=one.id), pack(one)) for one in (deletion, hello)
    )
    opened.book.persist(Persist(puts=puts))
    for command in opened.contact.handle(TextWritten(id=b"t" * 16, text="waits", lifetime=60), time.time()):
        if isinstance(command, Persist):
            opened.book.persist(command)
    opened.open(LIFETIME + 1)
    assert {item.kind for item in opened.contact.talk.outbox} == {"delete", "hello", "text"}
    assert opened.shown(time.time()) == 1
    opened.open(30 * DAY)
    assert {item.kind for item in opened.contact.talk.outbox} == {"hello"}
    assert opened.vault.read["outgoing"] == 1
    assert opened.shown(time.time()) == opened.vault.read["message"] == 0


def test_a_vault_on_the_disk_is_opened_unread_after_everything_has_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsealed: list[bytes] = []

    def counted(key: bytes, sealed: bytes, *, ad: bytes) -> bytes:
        unsealed.append(key)
        return unseal(key, sealed, ad=ad)

    vault = create(tmp_path / "vault")
    _fill(vault, 3, MESSAGES, lambda _part, _words: None)
    vault.close()
    vault = reopen(tmp_path / "vault")
    monkeypatch.setattr(diskvault, "unseal", counted)
    before = len(open_book(vault, []).contacts)
    assert len(unsealed) == 1 + before + 2 * before  # the identity; of each contact session and gist, too
    unsealed.clear()
    book = open_book(vault, [], 90 * DAY)
    assert all(list(contact.talk.timeline) == [] for contact in book.contacts.values())
    assert len(unsealed) == 1 + before + before
    assert len(vault._rows.slots()) == len(unsealed)
    vault.close()


def test_messages_that_cannot_be_read_end_the_vault() -> None:
    opened = Opened()
    opened.vault.damaged = True
    with pytest.raises(VaultCorrupt):
        opened.shown(time.time())
    assert [str(error) for error in opened.failures] == ["damaged"]
    with pytest.raises(VaultCorrupt):
        opened.at(time.time() + 1e9)
