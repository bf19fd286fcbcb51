from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onionchat.errors import DiskFull, LocalProtocolError, StoreError, VaultCorrupt
from onionchat.store import FileSlot, disk
from onionchat.store.slot import MAX_VALUE, SIDE_SIZE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def slot(path: Path) -> Iterator[FileSlot]:
    slot = FileSlot(path)
    slot.create(b"first")
    yield slot
    slot.close()


def _read(path: Path) -> bytes:
    slot = FileSlot(path)
    try:
        return slot.read()
    finally:
        slot.close()


def test_it_holds_the_last_value(slot: FileSlot, path: Path) -> None:
    assert _read(path) == slot.read() == b"first"
    for number in range(9):
        slot.write(b"value %d" % number)
        assert _read(path) == slot.read() == b"value %d" % number
    assert path.stat().st_size == 2 * SIDE_SIZE
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_erases_the_value_before(slot: FileSlot, path: Path) -> None:
    before = b"first"
    for number in range(5):
        assert before in path.read_bytes()  # the search does find what is there
        after = b"value %d" % number
        slot.write(after)
        assert before not in path.read_bytes()
        before = after


def test_it_overwrites_in_place(slot: FileSlot, path: Path) -> None:
    file = path.stat().st_ino
    slot.write(b"second")
    assert path.stat().st_ino == file


def test_a_value_as_large_as_a_side_allows(slot: FileSlot, path: Path) -> None:
    slot.write(b"x" * MAX_VALUE)
    assert _read(path) == b"x" * MAX_VALUE
    with pytest.raises(LocalProtocolError):
        slot.write(b"x" * (MAX_VALUE + 1))
    assert _read(path) == b"x" * MAX_VALUE


@pytest.mark.parametrize("writes", [0, 1])
def test_an_earlier_value_left_by_a_crash_goes_at_the_next_reading(
    slot: FileSlot, path: Path, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(writes):
        slot.write(b"other %d" % number)
    earlier = slot.read()
    with monkeypatch.context() as patch:
        patch.setattr(FileSlot, "_clear_other", lambda self: None)
        slot.write(b"later")
    assert earlier in path.read_bytes()
    assert b"later" in path.read_bytes()
    assert _read(path) == b"later"
    assert earlier not in path.read_bytes()


def test_what_a_torn_clearing_left_goes_too(slot: FileSlot, path: Path) -> None:
    slot.write(b"later")
    whole = bytearray(path.read_bytes())
    whole[10:20] = b"first part"  # in the cleared side, without a checksum that holds
    path.write_bytes(whole)
    assert _read(path) == b"later"
    assert b"first part" not in path.read_bytes()


def test_a_torn_write_leaves_the_value_before(slot: FileSlot, path: Path) -> None:
    before = path.read_bytes()
    slot.write(b"second" * 300)
    after = path.read_bytes()
    for cut in (1, 512, 1024, SIDE_SIZE - 1):
        path.write_bytes(before[:SIDE_SIZE] + after[SIDE_SIZE : SIDE_SIZE + cut] + bytes(SIDE_SIZE - cut))
        assert _read(path) == b"first"
        assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", bytes(SIDE_SIZE), bytes(2 * SIDE_SIZE), bytes(3 * SIDE_SIZE)])
def test_what_is_no_slot_is_damage(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(VaultCorrupt):
        _read(path)


def test_a_missing_file_is_damage(path: Path) -> None:
    with pytest.raises(VaultCorrupt, match="missing"):
        _read(path)


def test_it_never_makes_itself_twice(slot: FileSlot, path: Path) -> None:
    with pytest.raises(StoreError):
        FileSlot(path).create(b"again")
    assert slot.read() == b"first"


def test_destroyed_is_gone(slot: FileSlot, path: Path) -> None:
    twin = path.with_name("twin")
    twin.hardlink_to(path)  # shows what the blocks hold once the name is gone
    slot.destroy()
    assert not path.exists()
    assert twin.read_bytes() == bytes(2 * SIDE_SIZE)


def test_what_another_process_destroyed_is_never_written_again(slot: FileSlot, path: Path) -> None:
    slot.write(b"second")
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(StoreError, match="burned"):
        slot.write(b"three")
    assert not any(path.read_bytes())


def test_the_count_begins_where_it_is_told_to(path: Path) -> None:
    slot = FileSlot(path, first=2**40)
    slot.create(b"one")
    slot.write(b"two")
    slot.close()
    again = FileSlot(path)
    assert again.read() == b"two"
    again.close()
    assert path.read_bytes()[SIDE_SIZE:][:8] == (2**40 + 1).to_bytes(8, "big")


def test_one_must_know_the_value_before_writing(path: Path) -> None:
    with pytest.raises(LocalProtocolError):
        FileSlot(path).write(b"blind")


def test_nothing_is_cleared_before_what_replaces_it_is_on_the_disk(
    slot: FileSlot, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(name: str) -> Callable[..., None]:
        def step(*arguments: object) -> None:
            steps.append(name)
            real[name](*arguments)

        return step

    steps: list[str] = []
    real: dict[str, Callable[..., None]] = {"write_at": disk.write_at, "sync": disk.sync}
    for name in real:
        monkeypatch.setattr(disk, name, noted(name))
    slot.write(b"second")
    assert steps == ["write_at", "sync", "write_at", "sync"]
    with monkeypatch.context() as patch:
        patch.setattr(FileSlot, "_clear_other", lambda self: None)
        slot.write(b"third")
    steps.clear()
    assert _read(path) == b"third"
    assert steps == ["sync", "write_at", "sync"]


def test_no_room_for_the_write_means_nothing_happened(
    slot: FileSlot, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(descriptor: int, data: bytes, offset: int) -> None:
        write_at(descriptor, data[:2000], offset)
        raise DiskFull("full")

    write_at = disk.write_at
    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_at", half)
        with pytest.raises(DiskFull):
            slot.write(b"second")
    assert _read(path) == b"first"
    slot.write(b"third")
    assert _read(path) == b"third"


def test_no_room_past_the_write_is_not_called_nothing(
    slot: FileSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise DiskFull("full")

    monkeypatch.setattr(disk, "sync", full)
    with pytest.raises(StoreError) as caught:
        slot.write(b"second")
    assert not isinstance(caught.value, DiskFull)
