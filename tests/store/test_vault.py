"""What every vault does alike, whether it keeps things on the disk or in memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.crypto.sealing import unseal
from onionchat.errors import LocalProtocolError, VaultCorrupt
from onionchat.store import MemoryVault, Name, Record, Vault, diskvault
from onionchat.store.record import Tags

from .kit import State, create, everything, note, put_all, records, reopen


@pytest.fixture(params=["disk", "memory"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    vault: Vault = create(tmp_path / "vault") if request.param == "disk" else MemoryVault()
    yield vault
    vault.close()


def test_each_says_what_it_is(tmp_path: Path) -> None:
    disk_vault = create(tmp_path / "vault")
    assert not disk_vault.amnesic
    disk_vault.close()
    assert MemoryVault().amnesic


def test_put_get_drop(vault: Vault) -> None:
    assert vault.get(note(1)) is None
    vault.commit([Record(note(1), b"one"), Record(note(2), b"")])
    assert vault.get(note(1)) == b"one"
    assert vault.get(note(2)) == b""
    vault.commit([Record(note(1), b"uno")], [note(2)])
    assert vault.get(note(1)) == b"uno"
    assert vault.get(note(2)) is None
    vault.commit(drops=[note(1), note(7)])
    assert everything(vault) == {}
    vault.commit()


def test_the_last_put_of_a_name_holds_and_against_a_drop(vault: Vault) -> None:
    vault.commit([Record(note(1), b"before"), Record(note(2), b"stays")])
    vault.commit([Record(note(1), b"first"), Record(note(1), b"last")], [note(1), note(3), note(3)])
    assert everything(vault) == {note(1): b"last", note(2): b"stays"}


def test_a_scan_gives_one_kind_and_scope(vault: Vault) -> None:
    names = [Name(kind, scope, b"key") for kind in ("contact", "message") for scope in (b"", b"a", b"ab")]
    put_all(vault, {name: name.kind.encode() + name.scope for name in names})
    for name in names:
        assert vault.scan(name.kind, name.scope) == [Record(name, name.kind.encode() + name.scope)]
    assert vault.scan("contact") == [Record(names[0], b"contact")]
    assert vault.scan("nothing") == []


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 160_000, 3_000_000])
def test_values_of_every_size(vault: Vault, size: int) -> None:
    value = random.Random(size).randbytes(size)
    vault.commit([Record(note(1), value)])
    assert vault.get(note(1)) == value


def test_it_does_what_a_dictionary_does(vault: Vault) -> None:
    chance = random.Random(7)
    model: State = {}
    for _ in range(60):
        puts = {
            note(chance.randrange(300)): chance.randbytes(chance.choice([0, 40, 700]))
            for _ in range(chance.randrange(40))
        }
        drops = [note(chance.randrange(300)) for _ in range(chance.randrange(40))]
        vault.commit(records(puts), drops)
        model = {name: value for name, value in model.items() if name not in drops} | puts
        assert everything(vault) == model


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    chance = random.Random(8)
    vault = create(tmp_path / "vault")
    model: State = {}
    for _ in range(25):
        puts = {note(chance.randrange(400)): chance.randbytes(100) for _ in range(chance.randrange(120))}
        drops = [note(chance.randrange(400)) for _ in range(chance.randrange(90))]
        vault.commit(records(puts), drops)
        model = {name: value for name, value in model.items() if name not in drops} | puts
        vault.close()
        vault = reopen(tmp_path / "vault")
        assert everything(vault) == model
    vault.close()


def test_a_thousand_go_at_once(vault: Vault) -> None:
    put_all(vault, {note(number): b"%d" % number for number in range(1200)})
    vault.commit(drops=[note(number) for number in range(1000)])
    assert everything(vault) == {note(number): b"%d" % number for number in range(1000, 1200)}


def test_what_has_ended_goes_and_nothing_else(vault: Vault) -> None:
    vault.commit([Record(note(number), b"%d" % number, until=float(number)) for number in range(1, 150)])
    vault.commit([Record(note(0), b"stays"), Record(Name("other", b"", b""), b"goes", until=99.5)])
    assert vault.expire(0.9) == 0
    assert vault.expire(100.0) == 101
    left = {note(number): b"%d" % number for number in range(101, 150)}
    assert everything(vault) == left | {note(0): b"stays"}
    assert vault.scan("other") == []
    assert vault.expire(100.0) == 0
    assert vault.first_end("note", b"scope") == 101.0
    assert vault.expire(1e12) == 49
    assert everything(vault) == {note(0): b"stays"}
    vault.commit([Record(note(1), b"new", until=2e12)])
    assert vault.expire(1e12) == 0


def test_when_a_value_ends_follows_each_put(vault: Vault) -> None:
    assert vault.first_end("note", b"scope") is None
    vault.commit([Record(note(1), b"one", until=50.0), Record(note(2), b"two", until=60.5)])
    assert {record.name: record.until for record in vault.scan("note", b"scope")} == {
        note(1): 50.0,
        note(2): 60.5,
    }
    assert vault.first_end("note", b"scope") == 50.0
    vault.commit([Record(note(1), b"one", until=70.0)])
    assert vault.first_end("note", b"scope") == 60.5
    vault.commit([Record(note(2), b"two")])
    assert vault.first_end("note", b"scope") == 70.0
    assert vault.first_end("note", b"another") is None
    vault.commit(drops=[note(1)])
    assert vault.first_end("note", b"scope") is None
    assert vault.expire(1e12) == 0


def test_what_ended_while_the_vault_was_closed_goes_without_being_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsealed: list[bytes] = []

    def counted(key: bytes, sealed: bytes, *, ad: bytes) -> bytes:
        unsealed.append(key)
        return unseal(key, sealed, ad=ad)

    vault = create(tmp_path / "vault")
    vault.commit([Record(note(number), b"goes", until=5.0) for number in range(200)])
    vault.commit([Record(note(number), b"stays", until=6.0) for number in range(200, 250)])
    vault.close()
    vault = reopen(tmp_path / "vault")
    monkeypatch.setattr(diskvault, "unseal", counted)
    assert vault.expire(5.0) == 200
    assert vault.first_end("note", b"scope") == 6.0
    assert unsealed == []
    assert set(everything(vault)) == {note(number) for number in range(200, 250)}
    assert len(unsealed) == 100  # each listed, and again by name
    vault.close()
    vault = reopen(tmp_path / "vault")
    assert vault.expire(5.0) == 0
    assert set(everything(vault)) == {note(number) for number in range(200, 250)}
    vault.close()


def test_the_files_do_not_grow_with_every_replacement(tmp_path: Path) -> None:
    vault = create(tmp_path / "vault")
    put_all(vault, {note(number): bytes(300) for number in range(100)})
    keys = tmp_path / "vault" / "sealed" / "keys"
    before, pages = keys.stat().st_size, vault._tree.page_count
    for round_ in range(150):
        vault.commit([Record(note(round_ % 100), bytes(300))])
    assert vault._tree.page_count == pages
    vault.close()
    assert keys.stat().st_size == before
    assert (tmp_path / "vault" / "sealed" / "rows").stat().st_size < 300_000


def test_one_name_is_never_given_anothers_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = create(tmp_path / "vault")
    monkeypatch.setattr(Tags, "of", lambda name: Tags(b"n" * 16, b"s" * 16))  # as if two names had one tag
    vault.commit([Record(note(1), b"one")])
    assert vault.get(note(1)) == b"one"
    with pytest.raises(VaultCorrupt):
        vault.get(note(2))
    vault.close()


def test_a_closed_vault_is_not_used(tmp_path: Path) -> None:
    vault = create(tmp_path / "vault")
    vault.commit([Record(note(1), b"one")])
    vault.close()
    vault.close()
    with pytest.raises(LocalProtocolError):
        vault.get(note(1))
    with pytest.raises(LocalProtocolError):
        vault.scan("note")
    with pytest.raises(LocalProtocolError):
        vault.commit([Record(note(1), b"two")])
    with pytest.raises(LocalProtocolError):
        vault.expire(1.0)
    with pytest.raises(LocalProtocolError):
        vault.first_end("note")


def test_memory_is_wiped_when_a_value_goes() -> None:
    vault = MemoryVault()
    vault.commit([Record(note(number), b"secret") for number in range(3)])
    vault.commit([Record(note(3), b"secret", until=5.0)])
    buffers = list(vault._values.values())
    assert all(buffer == b"secret" for buffer in buffers)
    vault.commit([Record(note(0), b"other")], [note(1)])
    vault.expire(5.0)
    assert buffers[3] == bytes(6)
    vault.close()
    assert all(buffer == bytes(6) for buffer in buffers)


def test_keys_are_wiped_at_closing(tmp_path: Path) -> None:
    vault = create(tmp_path / "vault")
    put_all(vault, {note(number): b"x" for number in range(100)})
    tree = vault._tree
    secrets = [*tree._pages, tree._table, tree._unlocking_key]
    assert all(any(secret) for secret in secrets)
    vault.close()
    assert not any(any(secret) for secret in secrets)
