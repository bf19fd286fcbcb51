"""A full vault, as years of use would leave one: contacts with sessions, and messages in each conversation.

Laws: what stands in it is made as the machines make it; the vault is a real one at its real cost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from os import urandom
from pathlib import Path
from typing import Final

from ..protocol.constants import MESSAGE_ID
from ..protocol.delivery import seen_until
from ..protocol.record import (
    ContactRecord,
    GistRecord,
    IdentityRecord,
    MessageRecord,
    SeenRecord,
    SessionRecord,
    end_of,
    pack,
)
from ..protocol.timeline import upper_bound
from ..store import DiskVault, Name, Record, VaultLock, create_vault
from .network import Progress
from .session import ratchets

LIFETIME: Final = 7 * 24 * 3600
TEXT: Final = "As long as messages are that people write to each other: a sentence, at times a second one."
_AT_ONCE: Final = 4000


def fill(folder: Path, passphrase: str, *, contacts: int, messages: int, tell: Progress) -> None:
    """Make a vault with ``contacts`` and, evenly among them, ``messages``; half of them were received.

    Raises:
        StoreError: there is no room for it.
    """
    lock = VaultLock.acquire(folder)
    vault = create_vault(folder, passphrase, random=urandom)
    try:
        _fill(vault, contacts, messages // contacts, tell)
    finally:
        vault.close()
        lock.release()


def _fill(vault: DiskVault, contacts: int, messages: int, tell: Progress) -> None:
    now = time.time()
    identity = IdentityRecord(id=urandom(MESSAGE_ID), name="Sam", created=now)
    puts = [Record(Name("identity", b"", identity.id), pack(identity))]
    for number in range(contacts):
        puts += _conversation(identity.id, number, messages, now)
        if len(puts) > _AT_ONCE or number == contacts - 1:
            tell(number / contacts, "filling a vault")
            vault.commit(puts)
            puts = []


def _conversation(identity: bytes, number: int, messages: int, now: float) -> Iterator[Record]:
    contact = ContactRecord(
        id=urandom(MESSAGE_ID),
        identity=identity,
        name=f"Contact{number}",
        created=now + number,
        lifetime=LIFETIME,
        onion_seed=urandom(32),
        static_secret=urandom(32),
        peer_onion=urandom(32),
        peer_statics=[urandom(32)],
        introduced=True,
    )
    session, _ = ratchets()
    gist = GistRecord(unread=0, newest=now - 1)
    yield Record(Name("contact", b"", contact.id), pack(contact))
    yield Record(Name("session", contact.id, b""), pack(SessionRecord(ratchet=session.to_bytes())))
    yield Record(Name("gist", contact.id, b""), pack(gist), until=now + LIFETIME)
    for turn in range(messages):
        message = MessageRecord(
            id=urandom(MESSAGE_ID),
            mine=bool(turn % 2),
            text=TEXT,
            written=now,
            stored=now - messages + turn,
            lifetime=LIFETIME,
            delivered=bool(turn % 2),
            clock=now,
            until=upper_bound(now, LIFETIME),
        )
        yield _ending(Name("message", contact.id, message.id), pack(message))
        if not message.mine:
            seen = SeenRecord(until=seen_until(now, LIFETIME))
            yield _ending(Name("seen", contact.id, message.id), pack(seen))


def _ending(name: Name, value: bytes) -> Record:
    return Record(name, value, until=end_of(name.kind, value))
