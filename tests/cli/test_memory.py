from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.cli import memory
from onionchat.cli.memory import SHARED_MEMORY, memory_folder
from onionchat.errors import ConfigError


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stands for a user's folder in memory."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_a_fresh_folder_is_private_and_goes_with_all_in_it(root: Path) -> None:
    with memory_folder() as folder:
        assert folder.parent == root
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "run").mkdir()
        (folder / "run" / "file").write_bytes(b"x")
    assert not folder.exists()


def test_it_goes_when_something_failed(root: Path) -> None:
    with pytest.raises(RuntimeError), memory_folder() as folder:
        raise RuntimeError
    assert not folder.exists()


@pytest.mark.parametrize("named", [None, "", "/nowhere"])
def test_shared_memory_serves_where_there_is_no_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    if named is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", named)
    with memory_folder() as folder:
        assert folder.parent == SHARED_MEMORY
    assert not folder.exists()


def test_no_memory_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(memory, "SHARED_MEMORY", Path("/nowhere"))
    with pytest.raises(ConfigError, match="no folder in memory"), memory_folder():
        pass


def test_an_empty_folder_in_memory_may_be_named(root: Path) -> None:
    for wanted in (root / "new", root / "there"):
        (root / "there").mkdir(exist_ok=True)
        with memory_folder(wanted) as folder:
            assert folder == wanted
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not wanted.exists()


def test_what_is_not_empty_is_neither_taken_nor_removed(root: Path) -> None:
    (root / "papers").mkdir()
    (root / "papers" / "thesis").write_text("years")
    with pytest.raises(ConfigError, match="not empty"), memory_folder(root / "papers"):
        pass
    assert (root / "papers" / "thesis").read_text() == "years"


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_folder_elsewhere_is_neither_taken_nor_removed(root: Path, elsewhere: Path) -> None:
    (root / "way-out").symlink_to(elsewhere)
    for wanted in (elsewhere, elsewhere / "new", root / "way-out" / "new", root / ".." / "up", root):
        with pytest.raises(ConfigError, match="not in memory"), memory_folder(wanted):
            pass
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_cannot_be_made(root: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used"), memory_folder(root / "no" / "way"):
        pass
