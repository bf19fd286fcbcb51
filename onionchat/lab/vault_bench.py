"""Suite ``store``: what a vault with 100,000 messages of 500 contacts costs, on the reader's own disk.

``erase_one_ms``: deleting one message, as the engine does it, from the request to its end on the disk, in
the median; ``erase_one_fsyncs``: the same in fsyncs of this disk. ``erase_1000_ms``: a thousand of all
contacts at once. ``store_one_ms``, ``store_one_fsyncs``: writing a message, with all that is stored with it.

``open_s``: what an engine takes from the passphrase until it can be asked for anything, beyond the
passphrase's own cost; at its best, as the cost is: what the same engine takes to refuse a wrong one.
``list_ms``: then the list of all contacts. ``last_screen_ms``: a conversation that nobody looked at since, in
the median; both as the TUI asks for them.

``expired_open_s``: what an engine does in the unlocked vault before anything else, where all messages that
it was filled with have expired meanwhile; ``expired_left``: how many of them are there then.

``duress_to_real``: what unlocking takes with the passphrase for duress, which burns this vault and opens an
empty one, in what it takes with the vault's own: the median of turns. ``duress_differs``: how far from 1.

``panic_signal_ms`` and the like: see `panic_bench`, also for its control.

``on_disk`` is 0 where there was only memory to put the vault in: figures in fsyncs then mean nothing.

``fsync_ms`` is one write of 4 KiB and its sync in the same folder: the least that any step of a commit
costs. A goal in fsyncs holds where the disk is slow, the one in milliseconds where it is quick.

The control is an erasure that is held back by 50 ms; ``erase_unsynced_ms`` is what one takes where the disk
is not waited for.

Laws: the vault lies on the disk, not in memory, and is as large as the goal says, also in the quick form.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final
from unittest import mock

from ..control.replies import Contact as ContactReply
from ..control.replies import Contacts, Conversation, Done
from ..control.requests import ContactList, Lock, Messages, Unlock, VaultDuress
from ..engine.book import Book
from ..engine.clock import Clock
from ..errors import ControlError, StoreError
from ..protocol.commands import Persist
from ..protocol.constants import MESSAGE_ID
from ..protocol.contact import Contact, Surroundings
from ..protocol.events import DeletionAsked, Event, TextWritten
from ..protocol.pace import Pace
from ..store import DiskVault, Name, VaultLock, disk, open_vault
from .evidence import Evidence, Figure, at_most, between, evidence, fact
from .network import Progress
from .panic_bench import panicked
from .station import Station
from .vault_fill import LIFETIME, TEXT, fill
from .workplace import is_on_disk, workplace

CONTACTS: Final = 500
MESSAGES: Final = 100_000
AT_ONCE: Final = 1000
GOAL_ERASE_MS: Final = 2.0
GOAL_ERASE_FSYNCS: Final = 5
GOAL_STORE_MS: Final = 3.0
GOAL_STORE_FSYNCS: Final = 6
_GOAL_DIFFERS: Final = 0.1
_DURESS: Final = "another passphrase, which burns"
_BLOCK: Final = 4096
_ROOM: Final = 400 * 2**20
"""Bytes on the disk: twice what the vault takes, for it and a copy."""
_HELD_MS: Final = 50.0
_LOCKED: Final = 1.0
_OFFLINE: Final = "DisableNetwork 1\n"
_LATER: Final = LIFETIME + 3600
"""Seconds after which what the vault was filled with has expired."""
_FILLED: Final = 0.4
_STORED: Final = 0.6
_OPENED: Final = 0.85
_BURNED: Final = 0.97
"""Parts of the progress at which each step ends."""


def measure(*, lifeline: int, tell: Progress, quick: bool) -> Evidence:
    """Measure all of it.

    Raises:
        OnionchatError: there is no room, or the engine did not start.
    """
    with workplace(on_disk=True, more=_ROOM) as place:
        station = Station(place / "full", torrc=_OFFLINE, lifeline=lifeline)
        fill(
            station.folder,
            station.passphrase,
            contacts=CONTACTS,
            messages=MESSAGES,
            tell=lambda part, words: tell(_FILLED * part, words),
        )
        tell(_FILLED, "erasing and storing")
        stored = _Stored(station, 60 if quick else 300)
        tell(_STORED, "opening it in an engine")
        figures = [*stored.figures(), *_opened(station, 2 if quick else 5, tell)]
        figures.append(fact("on_disk", is_on_disk(place), ""))
        tell(_OPENED, "burning copies of it")
        burned, controls = panicked(station, _OFFLINE, lifeline=lifeline)
        tell(_BURNED, "opening it after everything has expired")
        figures += burned + _expired(station)
    tell(1.0, "done")
    figures += [fact("messages", MESSAGES, ""), fact("contacts", CONTACTS, "")]
    return evidence("store", figures, [between("erase_held_50ms", stored.held, _HELD_MS, 1000), *controls])


class _Stored:
    """What single changes of the full vault took, in milliseconds at the median."""

    def __init__(self, station: Station, repeats: int) -> None:
        self._station = station
        self._lock = VaultLock.acquire(station.folder)
        vault = open_vault(station.folder, station.passphrase, random=os.urandom)
        try:
            self._measure(vault, repeats)
        finally:
            vault.close()
            self._lock.release()

    def figures(self) -> list[Figure]:
        """With the goals that hold on this disk."""
        erase = max(GOAL_ERASE_MS, GOAL_ERASE_FSYNCS * self.fsync)
        store = max(GOAL_STORE_MS, GOAL_STORE_FSYNCS * self.fsync)
        return [
            at_most("erase_one_ms", self.erase, "ms", erase),
            at_most("store_one_ms", self.store, "ms", store),
            at_most("erase_1000_ms", self.at_once, "ms", 300),
            fact("erase_one_fsyncs", self.erase / self.fsync, "fsyncs"),
            fact("store_one_fsyncs", self.store / self.fsync, "fsyncs"),
            fact("erase_unsynced_ms", self.unsynced, "ms"),
            fact("fsync_ms", self.fsync, "ms"),
        ]

    def _measure(self, vault: DiskVault, repeats: int) -> None:
        book = _book(vault, Clock())
        contacts = random.sample(list(book.contacts.values()), 20)
        for contact in contacts:
            list(contact.talk.timeline)  # what is on a screen was read before

        def erase() -> None:
            contact = random.choice(contacts)  # noqa: S311 - any
            message = random.choice(list(contact.talk.timeline))  # noqa: S311 - any
            asked = DeletionAsked(message=message.id, both=False, id=os.urandom(MESSAGE_ID))
            _perform(book, contact, asked)

        def store() -> None:
            contact = random.choice(contacts)  # noqa: S311 - any
            _perform(book, contact, TextWritten(id=os.urandom(MESSAGE_ID), text=TEXT))

        with _Probe(self._station.folder / "probe") as probe:
            taken = _in_turns((erase, store, probe.sync), repeats)
        self.erase, self.store, self.fsync = map(median, taken)
        self.at_once = _erase_many(vault, [one.record.id for one in book.contacts.values()])
        self.held = median(_in_turns((lambda: _held(erase),), 3)[0])
        self.unsynced = _without_syncs(erase, repeats)


class _Probe:
    """A file beside the vault's, to be written and synced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        disk.write_at(self._file, os.urandom(_BLOCK), 0)
        disk.sync(self._file)

    def sync(self) -> None:
        """Write in place, and wait for the disk."""
        disk.write_at(self._file, os.urandom(_BLOCK), 0)
        disk.sync(self._file)

    def __enter__(self) -> _Probe:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        self._path.unlink()


def _book(vault: DiskVault, clock: Clock) -> Book:
    around = Surroundings(random=os.urandom, numbers=itertools.count(1))
    return Book(vault, around, Pace(tick_ms=2000), _raise, clock)


def _perform(book: Book, contact: Contact, event: Event) -> None:
    """What the engine does with an event of a contact who is not on line."""
    for command in contact.handle(event, time.time()):
        if isinstance(command, Persist):
            book.persist(command)


def _in_turns(works: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Milliseconds of each, in turns, so that the disk's moods meet all alike."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, times in zip(works, taken, strict=True):
            begun = time.perf_counter()
            work()
            times.append(1000 * (time.perf_counter() - begun))
    return taken


def _erase_many(vault: DiskVault, contacts: list[bytes]) -> float:
    """Milliseconds for a thousand messages of all contacts."""
    names: list[Name] = []
    for contact in contacts:
        names += [record.name for record in vault.scan("message", contact)][: 2 * AT_ONCE // len(contacts)]
    drops = random.sample(names, AT_ONCE)
    begun = time.perf_counter()
    vault.commit(drops=drops)
    return 1000 * (time.perf_counter() - begun)


def _held(work: Callable[[], object]) -> None:
    time.sleep(_HELD_MS / 1000)
    work()


def _without_syncs(work: Callable[[], object], repeats: int) -> float:
    """The median where the disk is not waited for."""
    with mock.patch.object(disk, "sync"):
        return median(_in_turns((work,), repeats)[0])


def _opened(station: Station, rounds: int, tell: Progress) -> list[Figure]:
    """What an engine takes to open it, to list the contacts and to show conversations."""
    station.start()
    try:
        station.until_open()
        costs, unlocks, lists, screens = [], [], [], []
        for number in range(rounds):
            tell(_STORED + (_OPENED - _STORED) * number / rounds, "opening it in an engine")
            _lock(station)
            costs.append(_seconds(lambda: _refused(station)))
            unlocks.append(_seconds(station.unlock))
            lists.append(1000 * _seconds(lambda: station.ask(ContactList(), Contacts)))
            contacts = random.sample(station.ask(ContactList(), Contacts).contacts, 30)
            screens += [1000 * _seconds(lambda one=one: _show(station, one)) for one in contacts]  # type: ignore[misc]  # bound now
        duress = _under_duress(station, 2 * rounds)
    finally:
        station.end()
        station.wait()
    return [
        at_most("open_s", min(unlocks) - min(costs), "s", 0.5),
        at_most("last_screen_ms", median(screens), "ms", 50),
        fact("last_screen_slowest_ms", max(screens), "ms"),
        fact("list_ms", median(lists), "ms"),
        fact("passphrase_s", min(costs), "s"),
        *duress,
    ]


def _under_duress(station: Station, rounds: int) -> list[Figure]:
    """What opening takes with either passphrase, in turns; the vault that one burns is put back."""
    station.ask(VaultDuress(passphrase=station.passphrase, duress=_DURESS), Done)
    _lock(station)
    sealed, kept = station.folder / "sealed", station.folder.with_suffix(".kept")
    shutil.copytree(sealed, kept)
    taken: dict[str, list[float]] = {station.passphrase: [], _DURESS: []}
    for _ in range(rounds):
        for word, times in taken.items():
            times.append(_seconds(lambda word=word: station.ask(Unlock(passphrase=word), Done)))  # type: ignore[misc]  # bound now
            _lock(station)
            shutil.rmtree(sealed)
            shutil.copytree(kept, sealed)
    shutil.rmtree(kept)
    real, duress = taken.values()
    # of each turn: what the machine does besides changes from one to the next
    ratio = median(one / other for one, other in zip(duress, real, strict=True))
    return [
        at_most("duress_differs", abs(ratio - 1), "", _GOAL_DIFFERS),
        fact("duress_to_real", ratio, ""),
    ]


def _expired(station: Station) -> list[Figure]:
    """What it takes to erase all that has expired, and what is left of it then."""
    lock = VaultLock.acquire(station.folder)
    vault = open_vault(station.folder, station.passphrase, random=os.urandom)
    try:
        begun = time.perf_counter()
        book = _book(vault, Clock(wall=lambda: time.time() + _LATER))
        taken = time.perf_counter() - begun
        # what was written while measuring is not delivered, so its clock has not started
        left = [one for contact in book.contacts.values() for one in contact.talk.timeline if one.clock]
    finally:
        vault.close()
        lock.release()
    return [fact("expired_open_s", taken, "s"), at_most("expired_left", len(left), "", 0)]


def _lock(station: Station) -> None:
    """And wait until what it has to close is closed, so that no opening is held up by it."""
    station.ask(Lock(), Done)
    time.sleep(_LOCKED)


def _show(station: Station, contact: ContactReply) -> None:
    station.ask(Messages(contact=contact.contact, limit=1000), Conversation)


def _refused(station: Station) -> None:
    """The passphrase's own cost, and nothing else, in the same process."""
    try:
        station.ask(Unlock(passphrase=station.passphrase[::-1]), Done)
    except ControlError as error:
        if error.code == "wrong-passphrase":
            return
        raise
    raise StoreError("a wrong passphrase opened the vault")


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _raise(error: StoreError) -> None:
    raise error
