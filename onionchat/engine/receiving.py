"""Locked, and still receiving: the links that stay up, and the box into which what comes is put.

Laws: nothing is held here that opens an envelope, says whose it is, or answers it; a link that ends stays
ended, and no other begins. What cannot be put into the box ends its link, for the peer has it still and will
send it again. Whatever fails here, the vault locks and unlocks all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..crypto.keys import KeyPair
from ..errors import CryptoError, RemoteProtocolError, StoreError
from ..protocol import commands as do
from ..protocol import events
from ..protocol.box import BOX_PLACES, SEALED_SIZE, KeptLink, envelopes_in, link_to_keep, share
from ..protocol.record import BoxRecord, pack
from ..store import BoxFile, remove_box

if TYPE_CHECKING:
    from .book import Book
    from .engine import Engine


class Receiver:
    """What a locked engine receives with; empty while the vault is open.

    ``close`` ends a connection; ``now`` is the engine's clock.
    """

    def __init__(self, close: Callable[[int], None], now: Callable[[], float]) -> None:
        self._close = close
        self._now = now
        self._links: dict[int, KeptLink] = {}
        self._box: BoxFile | None = None

    def __len__(self) -> int:
        return len(self._links)

    def begin(self, box: BoxFile, links: list[KeptLink]) -> None:
        """Put what comes on ``links`` into ``box`` from now on."""
        self._box = box
        self._links = {link.number: link for link in links}

    def deliver(self, number: int, event: events.Event) -> None:
        """Something happened on a link that no machine owns."""
        link = self._links.get(number)
        if link is None or self._box is None:
            return
        match event:
            case events.CellReceived(cell=cell):
                try:
                    filled = link.receive(cell, self._now())
                    if filled is not None:
                        self._box.put(*filled)
                except (RemoteProtocolError, CryptoError, StoreError):
                    link.ended = True
                if link.ended:
                    self._end(number)
            case events.LinkEnded():
                self._end(number)

    def look(self) -> None:
        """End links on which nothing comes any more."""
        now = self._now()
        for number in [link.number for link in self._links.values() if link.silent(now)]:
            self._end(number)

    def end(self) -> None:
        """End all; the box stays for when it is opened."""
        for number in list(self._links):
            self._end(number)
        if self._box is not None:
            self._box.close()
            self._box = None

    def _end(self, number: int) -> None:
        del self._links[number]
        self._close(number)


def keep_links(engine: Engine, book: Book) -> list[int]:
    """Make a box, and have the links that can stay up put into it what comes; gives their numbers.

    What would bring something of a conversation in memory to the disk does not stay up. The vault is about to
    be locked; where there can be no box, whoever watches is told, and no link stays.
    """
    kept = {
        contact.record.id: link
        for contact in book.contacts.values()
        if (link := link_to_keep(contact)) is not None and book.on_disk(contact)
    }
    if not kept:
        return []
    places = share(len(kept))
    random, folder = engine.around.random, Path(engine.plan.vault)
    links, puts = [], []
    for number, (contact, link) in enumerate(kept.items()):
        owner, first = KeyPair.generate(random), number * places
        record = BoxRecord(secret=owner.secret(), session=link.session_handle, first=first, places=places)
        puts.append((do.Key(kind="box", scope=contact), pack(record)))
        links.append(KeptLink(link, public=owner.public, first=first, places=places, random=random))
    box = None
    try:
        box = BoxFile.make(folder, BOX_PLACES, random=os.urandom)
        book.persist(do.Persist(puts=tuple(puts)))
    except StoreError as error:
        if box is not None:
            box.close()
        engine.troubled(error)
        return []
    engine.receiver.begin(box, links)
    return [link.number for link in links]


def open_box(engine: Engine, book: Book) -> None:
    """Let everybody's machine have what came while the vault was locked; then there is no box any more."""
    folder = Path(engine.plan.vault)
    box = None
    try:
        records = book.boxes()
        try:
            box = BoxFile.open(folder) if records else None
        except StoreError as error:  # what opens it dies all the same: it must not be opened beside a resend
            engine.troubled(error)
        for contact, record in records.items():
            _take_out(engine, book, contact, record, envelopes_in(record, partial(_read, box)))
        remove_box(folder)
    except StoreError as error:
        engine.troubled(error)
    finally:
        if box is not None:
            box.close()


def _take_out(
    engine: Engine,
    book: Book,
    contact: bytes,
    record: BoxRecord,
    envelopes: tuple[tuple[float, bytes], ...],
) -> None:
    try:
        link = next(engine.around.numbers)
        opened = events.BoxOpened(link=link, session=record.session, envelopes=envelopes)
        engine.apply(book.contacts[contact], opened)
    except StoreError:  # no room for it: it comes again, and must not be opened beside that
        book.persist(do.Persist(drops=(do.Key(kind="box", scope=contact),)))


def _read(box: BoxFile | None, place: int) -> bytes:
    try:
        return box.read(place, SEALED_SIZE) if box is not None else b""
    except StoreError:  # a place that does not open
        return b""
