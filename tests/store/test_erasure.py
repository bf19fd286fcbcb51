"""What an erased value leaves behind, for the strongest reader of our own format.

The reader has the passphrase and every byte of the folder. It follows no pointer and believes no checksum: it
tries every key that it can reach on every place where something sealed could stand.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.crypto.passphrase import unlocking_key
from onionchat.crypto.sealing import OVERHEAD, unseal
from onionchat.errors import DecryptionError
from onionchat.store import DiskVault, FileSlot, Record, create_vault, open_vault
from onionchat.store.header import Header

from .kit import CHEAP, FLOOR, PASSPHRASE, note, put_all, vault_keys

PAGE = 4096
LINE = 36
ENTRY = 72


class RecordingRandom:
    """A random source that remembers every key it gave."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        drawn = os.urandom(size)
        if size == 32:
            self.keys.append(drawn)
        return drawn


def _opened(key: bytes, sealed: bytes, ad: bytes) -> Iterator[bytes]:
    try:
        yield unseal(key, sealed, ad=ad)
    except DecryptionError:
        return


def reachable_keys(folder: Path) -> set[bytes]:
    """All keys that the passphrase leads to, from any copy of anything in the folder."""
    files = {path.name: path.read_bytes() for path in (folder / "sealed").iterdir()}
    header = files["header"]
    stretched = unlocking_key(PASSPHRASE, Header.decode(header).salt, CHEAP)
    vault_keys_found = vault_keys(folder, stretched)
    root_size = OVERHEAD + 37
    roots = {
        plain[:32]
        for at in range(len(files["root"]) - root_size + 1)
        if any(files["root"][at : at + root_size])
        for vault_key in vault_keys_found
        for plain in _opened(
            vault_key, files["root"][at : at + root_size], b"onionchat/1 root of keys" + header
        )
    }
    page_keys = {
        line[1]
        for root in roots
        for table in (files["table.0"], files["table.1"])
        for lines in range((len(table) - OVERHEAD) // LINE + 1)
        for plain in _opened(root, table[: OVERHEAD + lines * LINE], b"onionchat/1 table of pages")
        for line in struct.iter_unpack(">I32s", plain)
    }
    message_keys = {
        plain[at : at + 32]
        for page_key in page_keys
        for offset in range(0, len(files["keys"]), PAGE)
        for plain in _opened(page_key, files["keys"][offset : offset + 4072], b"onionchat/1 page of keys")
        for at in range(0, len(plain), ENTRY)
    }
    return (roots | page_keys | message_keys) - {bytes(32)}


@pytest.fixture
def source() -> RecordingRandom:
    return RecordingRandom()


@pytest.fixture
def vault(tmp_path: Path, source: RecordingRandom) -> Iterator[DiskVault]:
    vault = create_vault(tmp_path / "vault", PASSPHRASE, random=source, cost=CHEAP, floor=FLOOR)
    yield vault
    vault.close()


def _keys_of(vault: DiskVault, numbers: range) -> set[bytes]:
    return {vault._tree.key(slot) for number in numbers for slot in _slots(vault, number)}


def _slots(vault: DiskVault, number: int) -> list[int]:
    return list(vault._slots_of([note(number)]))


def test_the_reader_reaches_what_is_alive_and_nothing_else(
    tmp_path: Path, vault: DiskVault, source: RecordingRandom
) -> None:
    put_all(vault, {note(number): b"%d" % number for number in range(200)})
    chance = random.Random(3)
    for _ in range(20):
        drops = [note(chance.randrange(200)) for _ in range(5)]
        vault.commit([Record(note(chance.randrange(200)), b"new")], drops)
    alive = _keys_of(vault, range(200))
    reached = reachable_keys(tmp_path / "vault")
    pages = vault._tree.page_count
    assert alive <= reached
    assert len(reached) == len(alive) + pages + 1  # and one key for each page, and one root key
    assert reached <= set(source.keys)
    assert len(source.keys) > 2 * len(reached)


def test_what_is_dropped_or_replaced_is_out_of_reach_at_once(tmp_path: Path, vault: DiskVault) -> None:
    put_all(vault, {note(number): b"%d" % number for number in range(150)})
    every = _keys_of(vault, range(150))
    gone = _keys_of(vault, range(40)) | _keys_of(vault, range(100, 110))
    assert every <= reachable_keys(tmp_path / "vault")
    vault.commit([Record(note(number), b"new") for number in range(100, 110)], [note(n) for n in range(40)])
    reached = reachable_keys(tmp_path / "vault")
    assert not gone & reached
    assert every - gone <= reached


def test_what_has_ended_is_out_of_reach_once_the_vault_was_told_the_time(
    tmp_path: Path, vault: DiskVault
) -> None:
    vault.commit([Record(note(n), b"%d" % n, until=10.0 if n % 3 else 20.0) for n in range(150)])
    every = _keys_of(vault, range(150))
    assert vault.expire(9.9) == 0
    assert every <= reachable_keys(tmp_path / "vault")
    assert vault.expire(10.0) == 100
    alive = _keys_of(vault, range(150))
    reached = reachable_keys(tmp_path / "vault")
    assert len(alive) == 50
    assert reached & every == alive
    assert vault._rows.slots() == vault._index.taken()


def test_the_reader_would_find_a_root_that_was_left(
    tmp_path: Path, vault: DiskVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_all(vault, {note(1): b"one", note(2): b"two"})
    gone = _keys_of(vault, range(1, 2))
    monkeypatch.setattr(FileSlot, "_clear_other", lambda self: None)
    vault.commit(drops=[note(1)])
    assert gone <= reachable_keys(tmp_path / "vault")


def test_a_crash_before_the_old_root_was_cleared_is_made_good_at_the_next_opening(
    tmp_path: Path, vault: DiskVault, source: RecordingRandom, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_all(vault, {note(1): b"one", note(2): b"two"})
    gone = _keys_of(vault, range(1, 2))
    with monkeypatch.context() as patch:
        patch.setattr(FileSlot, "_clear_other", lambda self: None)
        vault.commit(drops=[note(1)])
    vault.close()
    assert gone <= reachable_keys(tmp_path / "vault")
    again = open_vault(tmp_path / "vault", PASSPHRASE, random=source, floor=FLOOR)
    assert not gone & reachable_keys(tmp_path / "vault")
    again.close()


def test_no_key_and_no_text_ever_stands_in_a_file(
    tmp_path: Path, vault: DiskVault, source: RecordingRandom
) -> None:
    text = b"the parcel is under the third bench"
    put_all(vault, {note(number): text for number in range(70)})
    vault.commit([Record(note(5), text)], [note(6)])
    root = unlocking_key(PASSPHRASE, Header.decode(_file(tmp_path, "header")).salt, CHEAP)
    secrets = [*source.keys, root, text, b"scope", b"note", PASSPHRASE.encode()]
    for path in (tmp_path / "vault" / "sealed").iterdir():
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content], path.name
    assert Header.decode(_file(tmp_path, "header")).salt in _file(
        tmp_path, "header"
    )  # what is there is found


def _file(tmp_path: Path, name: str) -> bytes:
    return (tmp_path / "vault" / "sealed" / name).read_bytes()


def test_rows_say_nothing_of_whose_they_are(tmp_path: Path, vault: DiskVault) -> None:
    put_all(vault, {note(number): b"same" for number in range(30)})
    rows = {vault._rows.get(slot) for slot in vault._rows.slots()}
    assert len(rows) == 30
    assert {len(row) for row in rows} == {512 + OVERHEAD}


def test_rows_of_what_is_gone_go_too(vault: DiskVault) -> None:
    put_all(vault, {note(number): b"x" for number in range(30)})
    vault.commit([Record(note(0), b"y")], [note(number) for number in range(10, 20)])
    assert vault._rows.slots() == vault._index.taken()
    assert len(vault._rows.slots()) == 20
