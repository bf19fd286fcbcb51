"""A damaged vault gives a clean error or the right values, never a wrong one."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from onionchat.errors import StoreError, VaultCorrupt, VaultTooNew, WrongPassphrase
from onionchat.store import DiskVault, Record, tree

from .kit import State, create, note, put_all, reopen

SAMPLES = 100
POSITIONS = 10_240
SHARDS = 8
MEMORY = next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)
FILES = ["header", "rows", "rows-wal", "keys", "table.0", "table.1", "root"]
STATE: State = {note(number): random.Random(number).randbytes(number * 20) for number in range(70)}
FEW: State = {note(number): random.Random(number).randbytes(number * 60) for number in range(9)}
CLEAN = (VaultCorrupt, VaultTooNew, WrongPassphrase)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault as a kill leaves it: its last changes stand in SQLite's log only."""
    live = tmp_path_factory.mktemp("live") / "vault"
    vault = create(live)
    put_all(vault, STATE)
    vault.commit(drops=[note(0), note(1)])
    vault.commit([Record(note(0), STATE[note(0)]), Record(note(1), STATE[note(1)])])
    vault.close()
    vault = reopen(live)
    vault.commit([Record(note(2), b"another")])
    vault.commit([Record(note(2), STATE[note(2)])])
    copy = tmp_path_factory.mktemp("sound") / "vault"
    shutil.copytree(live, copy)
    vault.close()
    return copy


def outcome(folder: Path, state: State = STATE) -> str:
    """Read all there is; anything but a clean error and right values fails."""
    try:
        vault = reopen(folder)
    except CLEAN as error:
        return type(error).__name__
    try:
        return _read_all(vault, state)
    finally:
        vault.close()


def _read_all(vault: DiskVault, state: State) -> str:
    damaged = 0
    for name, value in state.items():
        try:
            assert vault.get(name) == value
        except VaultCorrupt:
            damaged += 1
    try:
        assert {record.name: record.value for record in vault.scan("note", b"scope")} == state
    except VaultCorrupt:
        assert damaged
    with suppress(StoreError):
        vault.commit([Record(note(999), b"new")], [note(3)])
    return "values damaged" if damaged else "right"


@pytest.mark.parametrize("file", FILES)
def test_flipped_bits(sound: Path, tmp_path: Path, file: str) -> None:
    folder = tmp_path / "vault"
    shutil.copytree(sound, folder)
    path = folder / "sealed" / file
    data = path.read_bytes()
    chance = random.Random(file)
    outcomes: Counter[str] = Counter()
    # Evenly over the file, and every byte of its start, where the structure is.
    positions = {at * len(data) // SAMPLES for at in range(SAMPLES)} | set(range(min(len(data), 64)))
    for at in sorted(positions):
        shutil.rmtree(folder)
        shutil.copytree(sound, folder)
        damaged = bytearray(data)
        damaged[at] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        outcomes[outcome(folder)] += 1
    # The idle table is the one file of which nothing is needed.
    assert (outcomes.keys() == {"right"}) == (file == _idle_table(sound))


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small vault as a kill leaves it: so few bytes that many of them can be tried."""
    folder = tmp_path_factory.mktemp("compact") / "vault"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "_STEP", 1)
        vault = create(folder)
        put_all(vault, FEW)
        vault.commit([Record(note(2), b"another")], [note(0)])
        vault.commit([Record(note(0), FEW[note(0)]), Record(note(2), FEW[note(2)])])
        files = {path.name: path.read_bytes() for path in (folder / "sealed").iterdir()}
        vault.close()
    return files


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_byte_anywhere_in_a_vault(compact: dict[str, bytes], shard: int) -> None:
    chance = random.Random(shard)
    size = sum(map(len, compact.values()))
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:  # nobody waits for a disk here
        sealed = Path(place) / "sealed"
        sealed.mkdir()
        for number in range(shard, POSITIONS, SHARDS):
            for path in sealed.iterdir():
                if path.name not in compact:
                    path.unlink()
            at = number * size // POSITIONS
            for name, content in compact.items():
                damaged = bytearray(content)
                if 0 <= at < len(content):
                    damaged[at] ^= chance.randrange(1, 256)
                (sealed / name).write_bytes(damaged)
                at -= len(content)
            outcomes[outcome(Path(place), FEW)] += 1
    assert {"right", "values damaged", "VaultCorrupt"} <= outcomes.keys()


def _idle_table(sound: Path) -> str:
    folder = sound.parent / "idle"
    for name in ("table.0", "table.1"):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        table = folder / "sealed" / name
        table.write_bytes(bytes(table.stat().st_size))
        if outcome(folder) == "right":
            return name
    raise AssertionError("one of the tables is idle")


@pytest.mark.parametrize("file", FILES)
def test_cut_short(sound: Path, tmp_path: Path, file: str) -> None:
    folder = tmp_path / "vault"
    size = (sound / "sealed" / file).stat().st_size
    for cut in sorted({0, 1, 16, 40, 512, 4095, 4096, *(size * part // 20 for part in range(20)), size - 1}):
        if cut >= size:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        with (folder / "sealed" / file).open("r+b") as opened:
            opened.truncate(cut)
        outcome(folder)


def test_rows_in_each_others_place(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    shutil.copytree(sound, folder)
    database = sqlite3.connect(folder / "sealed" / "rows")
    with database:
        first, second = database.execute("SELECT slot, sealed FROM row ORDER BY slot LIMIT 2").fetchall()
        database.execute("UPDATE row SET sealed = ? WHERE slot = ?", (second[1], first[0]))
        database.execute("UPDATE row SET sealed = ? WHERE slot = ?", (first[1], second[0]))
    database.close()
    assert outcome(folder) == "values damaged"


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM row WHERE slot = 7", "DROP TABLE row", "DROP INDEX row_slot", "DELETE FROM row"],
)
def test_rows_that_are_not_there(sound: Path, tmp_path: Path, statement: str) -> None:
    folder = tmp_path / "vault"
    shutil.copytree(sound, folder)
    database = sqlite3.connect(folder / "sealed" / "rows")
    with database:
        database.execute(statement)
    database.close()
    with pytest.raises(VaultCorrupt):
        reopen(folder)


def test_rows_of_another_type(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    shutil.copytree(sound, folder)
    database = sqlite3.connect(folder / "sealed" / "rows")
    with database:
        database.execute("UPDATE row SET sealed = 5 WHERE slot % 3 = 0")
        database.execute("UPDATE row SET sealed = 'text' WHERE slot % 3 = 1")
    database.close()
    assert outcome(folder) == "values damaged"


def test_files_of_an_earlier_day_do_not_mix_with_todays(tmp_path: Path) -> None:
    folder, earlier = tmp_path / "vault", tmp_path / "earlier"
    vault = create(folder)
    put_all(vault, {note(1): b"one", note(2): b"two"})
    vault.close()
    shutil.copytree(folder, earlier)
    vault = reopen(folder)
    vault.commit([Record(note(1), b"uno")], [note(2)])
    vault.close()
    for name in ("rows", "keys", "root"):
        mixed = tmp_path / name
        shutil.copytree(folder, mixed)
        shutil.copy(earlier / "sealed" / name, mixed / "sealed" / name)
        try:
            vault = reopen(mixed)
        except VaultCorrupt:
            continue
        found = set()
        for number in (1, 2):
            with suppress(VaultCorrupt):
                found.add((number, vault.get(note(number))))
        vault.close()
        assert found <= {(1, b"uno"), (2, None)} or found <= {(1, b"one"), (2, b"two")}
