"""The sealed values in SQLite: a slot number and opaque bytes, nothing else.

Laws: no key, no name and no tag ever stands in the database; a row means nothing without its key in the tree.
SQLite is used for what it is good at (atomic, durable, many sizes) and trusted with nothing: a row that does
not open is damage, and deleting one erases nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from ..errors import DiskFull, StoreError, VaultCorrupt, VaultInUse
from . import disk

_LIMIT_LOG: Final = 8 * 1024 * 1024
"""Bytes that SQLite's log keeps after a large commit."""

_SETTINGS: Final = (
    # What is deleted is ciphertext whose key is gone: overwriting it would erase nothing, and cost writes.
    "PRAGMA secure_delete=OFF",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    # With no other process there is no shared-memory file, whose growth could kill us on a full disk.
    "PRAGMA locking_mode=EXCLUSIVE",
    f"PRAGMA journal_size_limit={_LIMIT_LOG}",
)
_SCHEMA: Final = (
    "CREATE TABLE row (slot INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
    # A list of the slots without reading a single value: opening a full vault needs it.
    "CREATE INDEX row_slot ON row (slot)",
)
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})
_IN_USE: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OUTSIDE: Final = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
)
"""Primary codes that speak of the disk or of permissions; the rest speaks of the file's content."""


class Rows:
    """The database, open for one engine alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connect()

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the database; the file must not exist."""
        os.close(disk.create_file(path))
        rows = cls(path)
        rows._lay_out()
        return rows

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the database.

        Raises:
            VaultInUse: another process has it.
            VaultCorrupt: it is missing or not what `create` made.
        """
        if not path.is_file():
            raise VaultCorrupt("the vault's rows are missing")
        rows = cls(path)
        try:
            with _own_words():
                rows._set_up()
        except StoreError:
            rows.close()
            raise
        return rows

    def slots(self) -> set[int]:
        """The slots that have a row."""
        with _own_words():
            return {slot for (slot,) in self._database.execute("SELECT slot FROM row INDEXED BY row_slot")}

    def get(self, slot: int) -> bytes:
        """The sealed value of a slot.

        Raises:
            VaultCorrupt: there is none, or it is not one.
        """
        with _own_words():
            found = self._database.execute("SELECT sealed FROM row WHERE slot = ?", (slot,)).fetchone()
        if found is None or not isinstance(found[0], bytes):
            raise VaultCorrupt("a row of the vault is missing")
        return found[0]

    def put(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Keep sealed values; all of them are on the disk on return, or none is kept."""
        with _own_words():
            self._database.execute("PRAGMA synchronous=FULL")
            self._in_one_go("INSERT OR REPLACE INTO row VALUES (?, ?)", rows)

    def drop(self, slots: Iterable[int]) -> None:
        """Delete rows whose keys are gone. Not synced: a row that comes back after a power cut has no key."""
        with _own_words():
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._in_one_go("DELETE FROM row WHERE slot = ?", ((slot,) for slot in slots))

    def clear(self) -> None:
        """Forget all rows and give their room back to the disk, so that nothing shows how many there were.

        Quick, and on a full disk, too: the file is emptied and made anew, and nothing is overwritten, for
        without their keys rows mean nothing. Cut short it is an empty file, which is cleared again; SQLite
        passes over a log that it finds beside one.
        """
        self.close()
        descriptor = disk.open_file(self._path)
        try:
            disk.truncate(descriptor, 0)
        finally:
            os.close(descriptor)
        self._connect()
        self._lay_out()
        with _own_words():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the database; SQLite folds its log into the file."""
        with _own_words():
            self._database.close()

    def _connect(self) -> None:
        with _own_words():
            self._database = sqlite3.connect(
                self._path, timeout=0, isolation_level=None, check_same_thread=False
            )
            self._database.text_factory = bytes

    def _lay_out(self) -> None:
        with _own_words():
            self._set_up()
            with self._one_go():
                for statement in _SCHEMA:
                    self._database.execute(statement)

    def _set_up(self) -> None:
        for statement in _SETTINGS:
            self._database.execute(statement)
        mode = self._database.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != b"wal":
            raise VaultCorrupt("the vault's rows are damaged")
        self._database.execute(
            "BEGIN IMMEDIATE"
        )  # takes the file for this process, or finds that it is taken
        self._database.execute("COMMIT")

    def _in_one_go(self, statement: str, parameters: Iterable[tuple[int | bytes, ...]]) -> None:
        with self._one_go():
            self._database.executemany(statement, parameters)

    @contextmanager
    def _one_go(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # what went wrong first is what is told
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
            raise


@contextmanager
def _own_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(error) from error


def _translated(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    primary = code & 0xFF
    if code in _FULL:
        return DiskFull("the disk took no more of what the vault must keep")
    if primary in _IN_USE:
        return VaultInUse("another engine has this vault open")
    if code == sqlite3.SQLITE_IOERR_SHORT_READ or primary not in _OUTSIDE:
        return VaultCorrupt("the vault's rows are damaged")
    return StoreError("the disk failed the vault's rows", hint="check the disk and the vault's folder")
