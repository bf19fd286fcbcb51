from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.cli import backup as command
from onionchat.control.replies import Backup
from onionchat.control.requests import AnyRequest, BackupMake, BackupRestore

from .actor import Actor, Answer, answer
from .test_vault import holding


def played(request: AnyRequest) -> Answer:
    match request:
        case BackupMake(file=file):
            Path(file).write_bytes(b"sealed")
            return Backup(identities=2, contacts=1, left_out=["Bob\x1b[31m", "Eve"], memory=512)
        case BackupRestore():
            return Backup(identities=1, contacts=3, left_out=[], memory=256)
    return answer(request)


@pytest.fixture
def engine() -> Iterator[Actor]:
    with Actor(answer=played) as engine:
        yield engine


def test_a_backup_is_made_and_who_is_not_in_it_is_named(
    engine: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["backup", "make", "file", "--passphrase-fd", holding("the vault's"), "--backup-fd"]
    result = engine.run(*words, holding("the backup's"))
    assert result.exit_code == 0
    assert "with 2 identities and 1 contact. Each guess at its passphrase takes 512 MiB" in result.stdout
    assert "less than the usual" not in result.stdout
    assert result.stdout.splitlines()[-1] == "  Eve"
    assert "\x1b" not in result.stdout
    assert engine.asked_for(BackupMake) == BackupMake(
        file=str(tmp_path / "file"), passphrase="the vault's", new="the backup's"
    )


def test_a_vault_is_made_from_one(engine: Actor, tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    words = ["backup", "restore", file, "--backup-fd", holding("the backup's")]
    result = engine.run(*words, "--new-fd", holding("the vault's"))
    assert result.stdout.startswith("The vault is open, with 1 identity and 3 contacts. Each guess at its ")
    assert "256 MiB of memory, less than the usual 512 MiB" in result.stdout
    request = engine.asked_for(BackupRestore)
    assert request == BackupRestore(file=file, passphrase="the backup's", new="the vault's")
    assert repr(request) == "BackupRestore(…)"


def test_the_backups_passphrase_is_asked_for(engine: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "hidden", lambda prompt: "typed")
    result = engine.run("backup", "restore", "/file", "--new-fd", holding("the vault's"))
    assert result.exit_code == 0
    assert engine.asked_for(BackupRestore).passphrase == "typed"


def test_it_is_said_in_json(engine: Actor, tmp_path: Path) -> None:
    words = ["--passphrase-fd", holding("v"), "--backup-fd", holding("b")]
    made = engine.json("backup", "make", str(tmp_path / "file"), *words)
    assert made == {
        "type": "backup",
        "identities": 2,
        "contacts": 1,
        "left_out": ["Bob\x1b[31m", "Eve"],
        "memory": 512,
    }


@pytest.mark.parametrize("before", [False, True])
def test_a_backup_that_went_to_a_folder_of_the_services_own_is_no_backup(
    tmp_path: Path, before: bool
) -> None:
    def elsewhere(request: AnyRequest) -> Answer:
        if isinstance(request, BackupMake):
            return Backup(identities=2, contacts=1, left_out=[], memory=512)
        return answer(request)

    file = tmp_path / "file"
    if before:
        file.write_bytes(b"something else")  # an engine that saw it would have refused
    with Actor(answer=elsewhere) as engine:
        words = ["--passphrase-fd", holding("v"), "--backup-fd", holding("b")]
        result = engine.run("backup", "make", str(file), *words)
    assert result.exit_code == 4
    assert "not seen from here" in result.stderr
    assert "Written" not in result.output
