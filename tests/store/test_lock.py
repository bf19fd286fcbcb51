from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onionchat.errors import StoreError, VaultInUse
from onionchat.store import VaultLock

HOLDER = """
import sys
from pathlib import Path
from onionchat.store import VaultLock
lock = VaultLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_it_makes_a_private_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "vault"
    VaultLock.acquire(folder).release()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "lock").stat().st_mode & 0o777 == 0o600


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    lock = VaultLock.acquire(folder)
    with pytest.raises(VaultInUse):
        VaultLock.acquire(folder)
    lock.release()
    lock.release()
    VaultLock.acquire(folder).release()


def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(VaultInUse) as caught:
                VaultLock.acquire(folder)
            assert caught.value.hint
        finally:
            holder.kill()
    VaultLock.acquire(folder).release()


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770, 0o704])
def test_a_folder_that_others_can_look_into_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "vault"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StoreError, match="others") as caught:
        VaultLock.acquire(folder)
    assert "chmod 700" in caught.value.hint
    assert not (folder / "lock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, -1)
    with pytest.raises(StoreError, match="somebody else"):
        VaultLock.acquire(folder)


def test_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(target)
    file = tmp_path / "file"
    file.write_bytes(b"")
    for place in (link, file):
        with pytest.raises(StoreError):
            VaultLock.acquire(place)
    assert not list(target.iterdir())
