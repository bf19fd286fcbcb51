"""What is read from a vault when, and what happens where it cannot be read."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter

import pytest

from onionchat.engine import report
from onionchat.engine.book import Book
from onionchat.engine.clock import Clock
from onionchat.errors import StoreError, VaultCorrupt
from onionchat.lab.vault_fill import LIFETIME, _conversation
from onionchat.protocol.commands import Persist
from onionchat.protocol.contact import Contact, Surroundings
from onionchat.protocol.events import DeadlinePassed
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import IdentityRecord, pack
from onionchat.store import MemoryVault, Name, Record

MESSAGES = 10


class Watched(MemoryVault):
    """A vault that counts what is read from it, and can be damaged."""

    def __init__(self) -> None:
        super().__init__()
        self.scans: Counter[str] = Counter()
        self.damaged = False

    def scan(self, kind: str, scope: bytes = b"") -> list[Record]:
        self.scans[kind] += 1
        if self.damaged and kind in ("message", "seen"):
            raise VaultCorrupt("damaged")
        return super().scan(kind, scope)


class Opened:
    """A book over a vault that holds one conversation."""

    def __init__(self, *, gist: bool = True) -> None:
        self.vault = Watched()
        self.failures: list[StoreError] = []
        identity = IdentityRecord(id=os.urandom(16), name="me", created=time.time())
        self.vault.commit([Record(Name("identity", b"", identity.id), pack(identity))])
        records = list(_conversation(identity.id, 0, MESSAGES, time.time()))
        self.vault.commit([record for record in records if gist or record.name.kind != "gist"])
        self.open()

    def open(self) -> None:
        around = Surroundings(random=os.urandom, numbers=itertools.count(1))
        self.book = Book(self.vault, around, Pace(tick_ms=2000), self.failures.append, Clock())
        (self.contact,) = self.book.contacts.values()

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
    assert opened.vault.scans["message"] == opened.vault.scans["seen"] == 1
    opened.at(time.time() + LIFETIME + 1)
    assert listed(opened.contact) == (0, False)
    opened.open()
    assert opened.vault.scans["message"] == 1
    assert listed(opened.contact) == (0, False)


def test_what_expired_while_nobody_was_there_is_gone_before_it_is_shown() -> None:
    opened = Opened()
    later = time.time() + LIFETIME + 1
    opened.at(later)
    assert opened.shown(later) == opened.shown(0.0) == 0
    assert opened.vault.scan("message", opened.contact.record.id) == []


def test_messages_that_cannot_be_read_end_the_vault() -> None:
    opened = Opened()
    opened.vault.damaged = True
    with pytest.raises(VaultCorrupt):
        opened.shown(time.time())
    assert [str(error) for error in opened.failures] == ["damaged"]
    with pytest.raises(VaultCorrupt):
        opened.at(time.time() + 1e9)
