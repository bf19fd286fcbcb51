"""The folder to work in: private, gone at the end, and gone at the next start where its maker was killed."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from onionchat.errors import ConfigError
from onionchat.lab import workplace as module
from onionchat.lab.workplace import is_on_disk, workplace

KILLED = """
import os, signal
from pathlib import Path
from onionchat.lab import workplace as module
module.SHARED_MEMORY = Path({root!r})
with module.workplace() as folder:
    (folder / "vault").write_text("left behind")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for each test, so that tests see no folders but theirs."""
    root = tmp_path / "memory"
    root.mkdir()
    monkeypatch.setattr(module, "SHARED_MEMORY", root)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(module, "LASTING", tmp_path / "lasting")
    (tmp_path / "temporary").mkdir()
    return root


def test_private_in_memory_and_gone_at_the_end(memory: Path) -> None:
    with workplace() as folder:
        assert folder.parent == memory
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
    assert not any(memory.iterdir())


def test_gone_after_an_error(memory: Path) -> None:
    with pytest.raises(ZeroDivisionError), workplace():
        raise ZeroDivisionError
    assert not any(memory.iterdir())


def test_what_a_killed_one_left_is_removed_by_the_next(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = KILLED.format(root=str(memory))
    killed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert (left / "vault").exists()
    with workplace():
        assert left.exists(), "a folder this young may belong to somebody who is just making it"
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    with workplace() as folder:
        assert [*memory.iterdir()] == [folder]


def test_a_living_one_is_left_alone(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    with workplace() as first, workplace() as second:
        assert first.exists()
        assert first != second


def test_nothing_else_is_removed(memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    precious = tmp_path / "precious"
    precious.mkdir()
    (memory / f"{module.PREFIX}link").symlink_to(precious)
    (memory / f"{module.PREFIX}file").write_text("x")
    (memory / "other").mkdir()
    with workplace():
        pass
    assert precious.exists()
    assert len(list(memory.iterdir())) == 3


def test_without_memory_it_is_in_the_temporary_folder(memory: Path, tmp_path: Path) -> None:
    shutil.rmtree(memory)
    with workplace() as folder:
        assert folder.parent == tmp_path / "temporary"


def test_what_is_to_wait_for_a_disk_is_on_one_where_there_is_one(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workplace(on_disk=True) as folder:
        assert folder.parent == tmp_path / "temporary"
    (tmp_path / "lasting").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(module, "is_on_disk", lambda root: root.name == "lasting")
        with workplace(on_disk=True) as folder:
            assert folder.parent == tmp_path / "lasting"


def test_memory_is_no_disk(tmp_path: Path) -> None:
    assert not is_on_disk(Path("/dev/shm"))
    assert is_on_disk(Path("/sys")) or is_on_disk(Path("/"))


def test_without_room_anywhere_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 2**63)
    with pytest.raises(ConfigError, match="no room"), workplace():
        pass


def test_who_needs_more_room_says_so_before() -> None:
    with pytest.raises(ConfigError, match="no room"), workplace(more=2**63):
        pass


def test_no_descriptor_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with workplace():
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
