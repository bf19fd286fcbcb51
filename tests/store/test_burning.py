"""A burned vault: its root gone first, its files then, and what was cut short is finished."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onionchat.errors import StoreError, WrongPassphrase
from onionchat.store import burn_vault, destroy_keys, disk, finish_burn, vault_exists

from .kit import State, create, everything, note, put_all, reopen

KEPT: State = {note(number): b"kept %d" % number for number in range(300)}


class Killed(Exception):
    """The process is gone."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed vault with something in it."""
    vault = create(tmp_path / "v")
    put_all(vault, KEPT)
    vault.close()
    return tmp_path / "v"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_burning_leaves_nothing(folder: Path) -> None:
    burn_vault(folder)
    assert files(folder) == []
    assert not vault_exists(folder)
    burn_vault(folder)
    assert not finish_burn(folder)


def test_the_root_is_overwritten_in_place(folder: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    twin.hardlink_to(folder / "sealed" / "root")  # shows what the blocks hold
    before = twin.read_bytes()
    assert destroy_keys(folder)
    assert twin.read_bytes() == bytes(len(before))
    burn_vault(folder)
    assert twin.read_bytes() == bytes(len(before))


def test_the_root_of_a_vault_that_was_being_made_is_overwritten_too(folder: Path, tmp_path: Path) -> None:
    (folder / "sealed").rename(folder / "sealed.new")
    twin = tmp_path / "twin"
    twin.hardlink_to(folder / "sealed.new" / "root")
    assert not destroy_keys(folder)  # it is no vault yet
    assert not any(twin.read_bytes())
    burn_vault(folder)
    assert files(folder) == []


def test_an_open_vault_loses_its_keys_too(folder: Path) -> None:
    vault = reopen(folder)
    assert destroy_keys(folder)
    vault.close()
    assert finish_burn(folder)
    assert files(folder) == []


def test_where_there_is_no_vault_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("not ours")
    assert not destroy_keys(tmp_path)
    assert not finish_burn(tmp_path)
    burn_vault(tmp_path)
    assert files(tmp_path) == ["letter"]


def test_a_vault_that_is_not_burned_is_left_alone(folder: Path) -> None:
    assert not finish_burn(folder)
    (folder / "sealed" / "root").write_bytes(b"")
    assert not finish_burn(folder)  # damaged, which is something else
    assert vault_exists(folder)


def cut(patch: pytest.MonkeyPatch, step: int) -> None:
    """Kill before the step with that number; a removal has one for each file."""
    count = iter(range(1000))

    def mortal(work: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any, **named: Any) -> Any:
            if next(count) == step:
                raise Killed
            return work(*arguments, **named)

        return done

    def removal(place: Path, **_: Any) -> None:
        for path in sorted(Path(place).glob("*")):
            if next(count) == step:
                raise Killed
            path.unlink()
        if Path(place).exists():
            Path(place).rmdir()

    patch.setattr(disk, "write_at", mortal(disk.write_at))
    patch.setattr(disk, "sync", mortal(disk.sync))
    patch.setattr(disk, "sync_folder", mortal(disk.sync_folder))
    patch.setattr(Path, "rename", mortal(Path.rename))
    patch.setattr(shutil, "rmtree", removal)


def test_cut_short_at_any_step_it_is_whole_or_finished_at_the_next_start(
    folder: Path, tmp_path: Path
) -> None:
    whole = finished = 0
    for step in range(100):
        copy = tmp_path / f"copy{step}"
        shutil.copytree(folder, copy)
        with pytest.MonkeyPatch.context() as patch:
            cut(patch, step)
            try:
                burn_vault(copy)
            except Killed:
                pass
            else:
                break
        if not finish_burn(copy):
            vault = reopen(copy)
            assert everything(vault) == KEPT
            vault.close()
            whole += 1
        else:
            finished += 1
            assert files(copy) == []
            with pytest.raises(StoreError):
                reopen(copy)
    assert whole == 1  # killed before the first write
    assert finished >= 8


def test_without_its_root_a_vault_opens_for_nobody(folder: Path) -> None:
    destroy_keys(folder)
    with pytest.raises(StoreError) as refused:
        reopen(folder)
    assert not isinstance(refused.value, WrongPassphrase)
