"""The file of a backup: what it says, and that nothing but the whole of it and its passphrase opens it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from onionchat.crypto.passphrase import MIB, PassphraseCost, unlocking_key
from onionchat.crypto.sealing import seal, unseal
from onionchat.errors import DiskFull, StoreError, VaultCorrupt, VaultTooNew, WrongPassphrase
from onionchat.store import backup, cost_of_backup, open_backup, read_backup, seal_backup, write_backup

CHEAP = PassphraseCost(memory=MIB, passes=1)
CONTENT = b"identities and contacts"


def sealed(content: bytes = CONTENT, passphrase: str = "a passphrase") -> bytes:
    return seal_backup(content, passphrase, random=os.urandom, cost=CHEAP)


def test_it_comes_back_with_its_passphrase_alone() -> None:
    data = sealed()
    assert open_backup(data, "a passphrase") == CONTENT
    assert CONTENT not in data
    with pytest.raises(WrongPassphrase, match="does not open the backup"):
        open_backup(data, "another passphrase")


def test_what_a_guess_costs_is_told() -> None:
    assert cost_of_backup(sealed()) == CHEAP


def test_a_passphrase_that_looks_the_same_opens_it() -> None:
    assert open_backup(sealed(passphrase="caf\u00e9"), "cafe\u0301") == CONTENT


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(StoreError, match="protects nothing"):
        sealed(passphrase="")


def test_its_layout_is_what_the_module_says() -> None:
    data = sealed()
    assert data[:17] == b"onionchat backup\n"
    assert data[17:19] == b"\0\x01"
    assert (int.from_bytes(data[19:27], "big"), int.from_bytes(data[27:31], "big")) == (MIB, 1)
    key = unlocking_key("a passphrase", data[31:47], CHEAP)
    plain = unseal(key, data[47:], ad=data[:47])
    assert plain == (len(CONTENT).to_bytes(4, "big") + CONTENT).ljust(len(plain), b"\0")


@pytest.mark.parametrize(
    ("content", "size"),
    [(0, 16384), (16384 - 91, 16384), (16384 - 90, 32768), (32768 - 91, 32768), (100_000, 131_072)],
)
def test_its_size_is_a_power_of_two(content: int, size: int) -> None:
    data = sealed(bytes(content))
    assert len(data) == size
    assert open_backup(data, "a passphrase") == bytes(content)


def test_two_of_the_same_have_nothing_in_common_but_the_head() -> None:
    one, other = sealed(), sealed()
    assert one[:31] == other[:31]
    assert one[31:47] != other[31:47]
    assert one[47:] != other[47:]


def test_there_is_an_end_to_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "MOST_SIZE", 16384)
    sealed(bytes(16384 - 91))
    with pytest.raises(StoreError, match="more to back up"):
        sealed(bytes(16384 - 90))


@pytest.mark.parametrize("place", [26, 30, 31, 46, 47, 70, 71, 100, 5000, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    data = bytearray(sealed())
    data[place] ^= 2  # of the cost's last bytes, too: it then asks for a little more
    with pytest.raises(WrongPassphrase):
        open_backup(bytes(data), "a passphrase")


@pytest.mark.parametrize("size", [0, 16, 46, 47, 100, 16383, 8192])
def test_a_file_that_was_cut_is_damaged(size: int) -> None:
    with pytest.raises(VaultCorrupt):
        open_backup(sealed()[:size], "a passphrase")


def test_what_is_something_else_is_no_backup() -> None:
    with pytest.raises(VaultCorrupt, match="not a backup"):
        open_backup(b"onionchat vault\n" + bytes(16368), "a passphrase")


def test_a_later_format_is_left_to_a_later_program() -> None:
    data = bytearray(sealed())
    data[18] = 2
    with pytest.raises(VaultTooNew, match="format 2"):
        open_backup(bytes(data), "a passphrase")
    data[18] = 0
    with pytest.raises(VaultCorrupt):
        open_backup(bytes(data), "a passphrase")


@pytest.mark.parametrize(
    ("place", "value"),
    [(19, (1024 * MIB + 1).to_bytes(8, "big")), (27, (17).to_bytes(4, "big")), (27, bytes(4))],
)
def test_a_cost_without_bounds_is_never_paid(
    place: int, value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(sealed())
    data[place : place + len(value)] = value
    monkeypatch.delattr(backup, "unlocking_key")
    with pytest.raises(VaultCorrupt, match="damaged"):
        open_backup(bytes(data), "a passphrase")


# --- the file ----------------------------------------------------------------------------------------


def test_it_is_for_its_owner_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    write_backup(path, b"data")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_backup(path) == b"data"
    with pytest.raises(StoreError, match="exists"):
        write_backup(path, b"other")
    assert path.read_bytes() == b"data"


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        write_backup(tmp_path / "link", b"data")
    assert not (tmp_path / "elsewhere").exists()


def test_half_a_file_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="no room for the backup"):
        write_backup(tmp_path / "backup", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be made: No such file"):
        write_backup(tmp_path / "nowhere" / "backup", b"data")
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        read_backup(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_only_a_file_is_read(tmp_path: Path, kind: str) -> None:
    place = tmp_path / kind
    os.mkfifo(place) if kind == "pipe" else place.mkdir()
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(VaultCorrupt, match="no file"):  # and nobody who writes to the pipe is waited for
        read_backup(place)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_no_more_is_read_than_a_backup_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "MOST_SIZE", 4)
    (tmp_path / "file").write_bytes(b"1234")
    assert read_backup(tmp_path / "file") == b"1234"
    (tmp_path / "file").write_bytes(b"12345")
    with pytest.raises(VaultCorrupt, match="longer than any backup"):
        read_backup(tmp_path / "file")


@pytest.mark.parametrize(
    ("memory", "passes"), [(0, 1), (8191, 1), (1024 * MIB + 1, 1), (2**64 - 1, 1), (MIB, 0), (MIB, 17)]
)
def test_a_file_cannot_ask_for_what_no_passphrase_costs(memory: int, passes: int) -> None:
    data = bytearray(sealed())
    data[19:31] = memory.to_bytes(8, "big") + passes.to_bytes(4, "big")
    with pytest.raises(VaultCorrupt, match="damaged"):
        open_backup(bytes(data), "a passphrase")


def test_a_length_that_is_not_there_is_not_believed() -> None:
    whole = sealed()
    key = unlocking_key("a passphrase", whole[31:47], CHEAP)
    plain = (2**32 - 1).to_bytes(4, "big").ljust(backup.LEAST_SIZE - 47 - 40, b"\0")
    changed = whole[:47] + seal(key, plain, ad=whole[:47], random=os.urandom)
    assert len(changed) == len(whole)
    with pytest.raises(VaultCorrupt, match="damaged"):
        open_backup(changed, "a passphrase")
