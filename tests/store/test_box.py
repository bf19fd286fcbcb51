"""The box's file: one size from the first moment, and gone when it is removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onionchat.errors import DiskFull, LocalProtocolError, StoreError
from onionchat.store import BoxFile, disk, remove_box
from onionchat.store.box import PLACE_SIZE

PLACES = 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sealed").mkdir()
    return tmp_path


def test_it_shows_neither_what_is_in_it_nor_how_much(folder: Path) -> None:
    drawn: list[bytes] = []

    def random(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    box = BoxFile.make(folder, PLACES, random=random)
    path = folder / "sealed" / "box"
    blank = path.read_bytes()
    assert blank == b"".join(drawn)
    assert len(blank) == PLACES * PLACE_SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    box.put(7, b"sealed")
    assert box.read(7, 6) == b"sealed"
    box.close()
    box.close()
    after = path.read_bytes()
    assert len(after) == len(blank)
    assert after == blank[: 7 * PLACE_SIZE] + b"sealed" + blank[7 * PLACE_SIZE + 6 :]


def test_what_was_put_is_there_when_it_is_opened_and_not_when_it_is_made_anew(folder: Path) -> None:
    assert BoxFile.open(folder) is None
    made = BoxFile.make(folder, PLACES, random=os.urandom)
    made.put(0, b"first")
    made.put(PLACES - 1, b"last")
    made.close()
    opened = BoxFile.open(folder)
    assert opened is not None
    assert (opened.read(0, 5), opened.read(PLACES - 1, 4)) == (b"first", b"last")
    assert opened.read(PLACES, 5) == b""
    opened.close()
    again = BoxFile.make(folder, PLACES, random=os.urandom)
    assert again.read(0, 5) != b"first"
    again.close()
    remove_box(folder)
    remove_box(folder)
    assert BoxFile.open(folder) is None


def test_no_place_holds_more_than_its_size(folder: Path) -> None:
    box = BoxFile.make(folder, PLACES, random=os.urandom)
    box.put(1, bytes(PLACE_SIZE))
    with pytest.raises(LocalProtocolError):
        box.put(1, bytes(PLACE_SIZE + 1))
    box.close()


def test_where_there_is_no_room_there_is_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, data: bytes, offset: int) -> None:
        if offset:
            raise DiskFull("no room")

    monkeypatch.setattr(disk, "write_at", refuse)
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(DiskFull):
        BoxFile.make(folder, PLACES, random=os.urandom)
    assert list((folder / "sealed").iterdir()) == []
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_without_a_vault_there_is_none(tmp_path: Path) -> None:
    remove_box(tmp_path)
    assert BoxFile.open(tmp_path) is None
    with pytest.raises(StoreError):
        BoxFile.make(tmp_path, PLACES, random=os.urandom)
