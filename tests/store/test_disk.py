from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.errors import DiskFull, StoreError
from onionchat.store import disk


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    descriptor = disk.create_file(tmp_path / "file")
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EFBIG, DiskFull),
        (errno.EIO, StoreError),
        (errno.EACCES, StoreError),
        (errno.EROFS, StoreError),
    ],
)
def test_the_systems_errors_in_our_words(code: int, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError) as caught, disk.own_words("write its files"):
        raise OSError(code, "as the system says")
    assert type(caught.value) is kind
    assert caught.value.hint


def test_a_write_that_the_system_cuts_short_goes_on(
    descriptor: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: pwrite(file, data[:7], offset))
    disk.write_at(descriptor, b"a text of more than seven bytes", 3)
    assert (tmp_path / "file").read_bytes() == b"\0\0\0a text of more than seven bytes"


def test_reading_stops_at_the_end(descriptor: int) -> None:
    disk.write_at(descriptor, b"0123456789", 0)
    assert disk.read_at(descriptor, 4, 8) == b"89"
    assert disk.size_of(descriptor) == 10


def test_reserved_room_is_there(descriptor: int) -> None:
    disk.reserve(descriptor, 100_000)
    assert disk.size_of(descriptor) == 100_000
    assert os.fstat(descriptor).st_blocks * 512 >= 100_000


@pytest.mark.parametrize(("blocks", "room"), [(1000, 3 * 4096), (0, sys.maxsize)])
def test_the_room_is_what_is_left_for_somebody_without_privileges(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, blocks: int, room: int
) -> None:
    assert disk.room_at(descriptor) > 0
    said = os.statvfs_result((1024, 4096, blocks, 50, 3, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "fstatvfs", lambda _: said)
    assert disk.room_at(descriptor) == room


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(StoreError):
        disk.open_file(tmp_path / "link")
    with pytest.raises(StoreError):
        disk.create_file(tmp_path / "link")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        disk.prepare_folder(tmp_path / "file" / "vault")
    with pytest.raises(StoreError):
        disk.sync_folder(tmp_path / "nowhere")
