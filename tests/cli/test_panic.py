"""Panic, where no engine runs, in folders that are not as they should be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from onionchat.cli import panic
from onionchat.engine.patience import TRIES_FILE
from onionchat.errors import StoreError
from onionchat.store import LOCK_FILE
from tests.store.kit import create

from .actor import run


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "vault"
    create(folder).close()
    return folder


def test_a_folder_that_others_can_look_into_is_burned_all_the_same(vault: Path) -> None:
    (vault / LOCK_FILE).touch()
    vault.chmod(0o755)
    result = run("--vault", str(vault), "panic")
    assert (result.exit_code, result.stdout) == (0, "Everything was burned.\n")
    assert not vault.exists()


def test_a_vault_whose_lock_file_is_missing_is_burned_all_the_same(vault: Path) -> None:
    assert not (vault / LOCK_FILE).exists()
    result = run("--vault", str(vault), "panic")
    assert (result.exit_code, result.stdout) == (0, "Everything was burned.\n")
    assert not vault.exists()


def test_where_files_cannot_be_removed_it_says_that_the_keys_are_gone(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise StoreError("the vault's folder belongs to somebody else")

    monkeypatch.setattr(panic, "_taken", refuse)
    result = run("--vault", str(vault), "panic")
    assert result.exit_code == 4
    assert "the keys are destroyed and nothing opens the vault any more" in result.stderr
    assert f"rm -r {vault}" in result.stderr
    assert not any((vault / "sealed" / "root").read_bytes())


def test_where_there_is_nothing_nothing_is_made(tmp_path: Path) -> None:
    result = run("--vault", str(tmp_path / "vault"), "panic")
    assert result.exit_code == 4
    assert "there is no vault" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", ["tor/guards", TRIES_FILE])
def test_what_a_burn_left_once_the_vault_was_gone_is_removed(vault: Path, left: str) -> None:
    shutil.rmtree(vault / "sealed")
    (vault / LOCK_FILE).touch()
    (vault / left).parent.mkdir(exist_ok=True)
    (vault / left).touch()
    result = run("--vault", str(vault), "panic")
    assert (result.exit_code, result.stdout) == (0, "Everything was burned.\n")
    assert not vault.exists()
    assert run("--vault", str(vault), "panic").exit_code == 4
