"""A full disk: nothing is half-written, erasing still works, and the vault goes on when there is room."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onionchat.errors import DiskFull
from onionchat.protocol.constants import MAX_TEXT_BYTES
from onionchat.store import Record, disk
from onionchat.store.diskvault import ROOM
from onionchat.store.page import SLOTS_PER_PAGE

from .kit import create, everything, note, put_all, reopen

STATE = {note(number): b"value %d" % number for number in range(100)}


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (folder / "vault" / "sealed").iterdir()}


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("above", [0, 1000, 5000, 20_000, 100_000])
def test_a_limit_is_met_at_any_point_of_a_large_commit(tmp_path: Path, above: int) -> None:
    vault = create(tmp_path / "vault")
    put_all(vault, STATE)
    largest = max(path.stat().st_size for path in (tmp_path / "vault" / "sealed").iterdir())
    many = [Record(note(number), bytes(5000)) for number in range(1000, 1000 + 56 * 40)]
    with no_file_larger_than(largest + above), pytest.raises(DiskFull) as caught:
        vault.commit(many, [note(1)])
    assert caught.value.retryable
    assert everything(vault) == STATE
    vault.commit([Record(note(1), b"new")], [note(2)])
    expected = {name: value for name, value in STATE.items() if name != note(2)} | {note(1): b"new"}
    assert everything(vault) == expected
    vault.commit(many)
    vault.close()
    vault = reopen(tmp_path / "vault")
    assert len(everything(vault)) == len(expected) + len(many)
    vault.close()


def test_room_is_asked_for_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = create(tmp_path / "vault")
    put_all(vault, STATE)
    before = sizes(tmp_path)
    for room in (0, ROOM - 1):
        monkeypatch.setattr(disk, "room_at", lambda _, room=room: room)
        with pytest.raises(DiskFull):
            vault.require_room()
    assert sizes(tmp_path) == before
    vault.commit(drops=[note(1)])  # erasing asks for none
    assert len(everything(vault)) == len(STATE) - 1
    monkeypatch.setattr(disk, "room_at", lambda _: ROOM)
    vault.require_room()
    vault.close()


def test_the_room_that_is_asked_for_holds_the_longest_text_where_the_key_tree_grows(tmp_path: Path) -> None:
    vault = create(tmp_path / "vault")
    put_all(vault, {note(number): b"" for number in range(33 * SLOTS_PER_PAGE)})
    vault.close()
    vault = reopen(tmp_path / "vault")
    before = sizes(tmp_path)
    vault.commit([Record(note(9000 + number), bytes(MAX_TEXT_BYTES + 500)) for number in range(3)])
    after = sizes(tmp_path)
    vault.close()
    assert after["keys"] > before["keys"]
    assert ROOM / 4 < sum(after.values()) - sum(before.values()) < ROOM


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=2m,mode=700 none {tmp_path} 2>/dev/null || exit 77\n"
        f"exec {sys.executable} -m tests.store.full_disk {tmp_path}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], check=False, capture_output=True, text=True
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["full", "erased", "reopened", "stored", "burned"]
