from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from onionchat.crypto.passphrase import DEFAULT_COST, LOW_MEMORY_COST, MIB, PassphraseCost
from onionchat.errors import (
    DiskFull,
    StoreError,
    VaultCorrupt,
    VaultInUse,
    VaultTooNew,
    WrongPassphrase,
)
from onionchat.store import FLOOR as REAL_FLOOR
from onionchat.store import DiskVault, Name, Record, create_vault, disk, open_vault, opening, vault_exists

from .kit import CHEAP, FLOOR, PASSPHRASE, create, everything, note, put_all, records, reopen

STATE = {note(number): b"value %d" % number for number in range(80)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed vault that holds `STATE`."""
    folder = tmp_path / "vault"
    vault = create(folder)
    put_all(vault, STATE)
    vault.close()
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "sealed").iterdir())}


def test_there_is_one_or_there_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    assert not vault_exists(folder)
    with pytest.raises(StoreError, match="no vault"):
        reopen(folder)
    assert not folder.exists()
    create(folder).close()
    assert vault_exists(folder)
    with pytest.raises(StoreError, match="already"):
        create(folder)


def test_files_are_the_owners_alone(folder: Path) -> None:
    vault = reopen(folder)
    put_all(vault, {note(1): b"one"})
    for path in (folder, folder / "sealed"):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in (folder / "sealed").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    names = {path.name for path in (folder / "sealed").iterdir()}
    assert names == {"header", "rows", "rows-wal", "keys", "table.0", "table.1", "root"}
    vault.close()


def test_a_wrong_passphrase_opens_nothing_and_changes_nothing(folder: Path) -> None:
    before = _files(folder)
    for wrong in ("", "A passphrase", PASSPHRASE + " ", "x" * 10_000):
        with pytest.raises(WrongPassphrase) as caught:
            open_vault(folder, wrong, random=os.urandom, floor=FLOOR)
        assert caught.value.hint
    assert _files(folder) == before
    vault = reopen(folder)
    assert everything(vault) == STATE
    vault.close()


def test_a_passphrase_may_be_typed_on_another_keyboard(tmp_path: Path) -> None:
    composed = unicodedata.normalize("NFC", "clé ouverte")
    create_vault(tmp_path / "v", composed, random=os.urandom, cost=CHEAP, floor=FLOOR).close()
    decomposed = unicodedata.normalize("NFD", composed)
    open_vault(tmp_path / "v", decomposed, random=os.urandom, floor=FLOOR).close()


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="empty"):
        create_vault(tmp_path / "v", "", random=os.urandom, cost=CHEAP, floor=FLOOR)
    assert not vault_exists(tmp_path / "v")


def test_real_vaults_refuse_a_cheap_passphrase(folder: Path, tmp_path: Path) -> None:
    assert REAL_FLOOR == 256 * MIB
    with pytest.raises(StoreError, match="less than is safe"):
        open_vault(folder, PASSPHRASE, random=os.urandom)
    cheap = PassphraseCost(memory=REAL_FLOOR - 1, passes=3)
    with pytest.raises(StoreError, match="less than is safe"):
        create_vault(tmp_path / "other", PASSPHRASE, random=os.urandom, cost=cheap)
    assert not vault_exists(tmp_path / "other")


@pytest.mark.parametrize(("available", "cost"), [(4096 * MIB, DEFAULT_COST), (400 * MIB, LOW_MEMORY_COST)])
def test_the_cost_follows_the_machine_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: int, cost: PassphraseCost
) -> None:
    asked: list[PassphraseCost] = []

    def cheap(passphrase: str, salt: bytes, cost: PassphraseCost) -> bytes:
        asked.append(cost)
        return bytes(32)

    monkeypatch.setattr(opening, "available_memory", lambda: available)
    monkeypatch.setattr(opening, "unlocking_key", cheap)
    made = create_vault(tmp_path / "v", PASSPHRASE, random=os.urandom)
    made.close()
    again = open_vault(tmp_path / "v", PASSPHRASE, random=os.urandom)
    again.close()
    assert [made.cost, again.cost, *asked] == [cost] * 4


def test_the_memory_at_hand_is_known() -> None:
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 16 * MIB < opening.available_memory() <= installed


def test_a_later_format_is_left_alone(folder: Path) -> None:
    header = folder / "sealed" / "header"
    data = bytearray(header.read_bytes())
    data[17] += 1
    header.write_bytes(data)
    before = _files(folder)
    with pytest.raises(VaultTooNew) as caught:
        reopen(folder)
    assert "update" in caught.value.hint
    assert _files(folder) == before


@pytest.mark.parametrize("name", ["header", "rows", "keys", "table.0", "table.1", "root"])
def test_a_missing_file_is_damage(folder: Path, name: str) -> None:
    (folder / "sealed" / name).unlink()
    with pytest.raises(VaultCorrupt):
        reopen(folder)
    assert vault_exists(folder)  # so that nobody makes another in its place


def test_another_process_has_it(folder: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from onionchat.store import open_vault\n"
        f"vault = open_vault(Path(sys.argv[1]), {PASSPHRASE!r}, random=os.urandom, floor={FLOOR})\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"open\n"
            with pytest.raises(VaultInUse):  # even by one that forgot to take the lock
                reopen(folder)
        finally:
            other.kill()
    vault = reopen(folder)
    assert everything(vault) == STATE
    vault.close()


def test_a_vault_is_made_with_what_is_to_be_in_it_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, filled = tmp_path / "vault", []

    def made() -> DiskVault:
        return create_vault(
            folder, PASSPHRASE, random=os.urandom, records=records(STATE), cost=CHEAP, floor=FLOOR
        )

    def commit(vault: DiskVault, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        filled.append(vault_exists(folder))
        if len(filled) == 1:
            raise DiskFull("full")
        real(vault, puts, drops)

    real = DiskVault.commit
    monkeypatch.setattr(DiskVault, "commit", commit)
    with pytest.raises(DiskFull):
        made()
    assert list(folder.iterdir()) == []
    vault = made()
    assert filled == [False, False]
    assert everything(vault) == STATE
    vault.close()
    vault = reopen(folder)
    assert everything(vault) == STATE
    vault.close()
    assert sorted(path.name for path in folder.iterdir()) == ["sealed"]


def test_a_making_that_was_cut_short_leaves_no_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "vault"
    steps = 0
    real = {name: getattr(disk, name) for name in ("write_at", "sync", "reserve", "sync_folder")}

    def counted(name: str, fail_at: int | None) -> object:
        def step(*arguments: object) -> object:
            nonlocal steps
            steps += 1
            if steps == fail_at:
                raise DiskFull("full")
            return real[name](*arguments)

        return step

    fail_at = 0
    while not vault_exists(folder):
        steps, fail_at = 0, fail_at + 1
        for name in real:
            monkeypatch.setattr(disk, name, counted(name, fail_at))
        try:
            create(folder).close()
        except DiskFull:
            # Only the very last step, which makes the finished vault's name last, leaves one behind.
            assert not vault_exists(folder) or not (folder / "sealed.new").exists()
    assert fail_at > 8
    monkeypatch.undo()
    vault = reopen(folder)
    put_all(vault, STATE)
    assert everything(vault) == STATE
    vault.close()
    assert sorted(path.name for path in folder.iterdir()) == ["sealed"]


def test_no_descriptor_is_left_open(folder: Path) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    reopen(folder).close()
    with pytest.raises(WrongPassphrase):
        open_vault(folder, "wrong", random=os.urandom, floor=FLOOR)
    (folder / "sealed" / "table.1").unlink()
    with pytest.raises(VaultCorrupt):
        reopen(folder)
    assert count() == before


def test_a_copy_of_the_folder_opens(folder: Path, tmp_path: Path) -> None:
    vault = reopen(folder)
    vault.commit([Record(note(500), b"while open")])
    shutil.copytree(folder, tmp_path / "copy")
    vault.close()
    copy = reopen(tmp_path / "copy")
    assert everything(copy) == STATE | {note(500): b"while open"}
    copy.close()
