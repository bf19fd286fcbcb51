from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.errors import DiskFull, StoreError, VaultCorrupt, VaultInUse
from onionchat.store.rows import Rows, _translated

FULL_SYNC, NORMAL_SYNC = 2, 1


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    rows = Rows.create(tmp_path / "rows")
    yield rows
    rows.close()


def test_put_get_drop(rows: Rows) -> None:
    rows.put([(3, b"three"), (1, b"one")])
    rows.put([(3, b"drei")])
    assert rows.slots() == {1, 3}
    assert rows.get(3) == b"drei"
    rows.drop([3, 4])
    assert rows.slots() == {1}
    with pytest.raises(VaultCorrupt):
        rows.get(3)


def test_all_or_nothing(rows: Rows) -> None:
    def broken() -> Iterator[tuple[int, bytes]]:
        yield 1, b"one"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rows.put(broken())
    assert rows.slots() == set()
    rows.put([(2, b"two")])
    assert rows.slots() == {2}


def test_what_is_put_is_synced_and_what_is_dropped_need_not_be(rows: Rows) -> None:
    def mode() -> int:
        found: int = rows._database.execute("PRAGMA synchronous").fetchone()[0]
        return found

    rows.put([(1, b"one")])
    assert mode() == FULL_SYNC
    rows.drop([1])
    assert mode() == NORMAL_SYNC
    rows.put([(1, b"one")])
    assert mode() == FULL_SYNC


def test_one_holder(rows: Rows, tmp_path: Path) -> None:
    rows.put([(1, b"one")])
    with pytest.raises(VaultInUse):
        Rows.open(tmp_path / "rows")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_IOERR_WRITE, DiskFull),
        (sqlite3.SQLITE_BUSY, VaultInUse),
        (sqlite3.SQLITE_LOCKED, VaultInUse),
        (sqlite3.SQLITE_CORRUPT, VaultCorrupt),
        (sqlite3.SQLITE_NOTADB, VaultCorrupt),
        (sqlite3.SQLITE_IOERR_SHORT_READ, VaultCorrupt),
        (sqlite3.SQLITE_ERROR, VaultCorrupt),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreError),
        (sqlite3.SQLITE_READONLY, StoreError),
        (sqlite3.SQLITE_CANTOPEN, StoreError),
    ],
)
def test_sqlites_errors_in_our_words(code: int, kind: type[StoreError]) -> None:
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code
    told = _translated(error)
    assert type(told) is kind
    assert told.hint
