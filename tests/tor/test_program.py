from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from onionchat.errors import TorTooOld, TorUnavailable
from onionchat.tor import find_tor, tor_command
from onionchat.tor.program import require_version


def script(folder: Path, text: str) -> Path:
    path = folder / "tor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.realtor
def test_finds_the_real_one() -> None:
    found = find_tor()
    assert found.path.is_absolute()
    assert found.version.startswith("0.4.")


@pytest.mark.parametrize("version", ["0.4.7.16", "0.3.5.18-dev", "0.2.9.17"])
def test_refuses_an_old_one(tmp_path: Path, version: str) -> None:
    path = script(tmp_path, f"echo 'Tor version {version}.'")
    with pytest.raises(TorTooOld, match=r"0\.4\.8 or newer") as caught:
        find_tor(str(path))
    assert version in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("version", ["0.4.8.1", "0.4.9.11", "0.5.0.1-alpha", "1.0.0"])
def test_takes_a_new_one(tmp_path: Path, version: str) -> None:
    path = script(tmp_path, f"echo 'Tor version {version}.'; echo 'This build of Tor is covered by the GPL'")
    assert find_tor(str(path)).version == version


def test_looks_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TorUnavailable, match="not found") as caught:
        find_tor()
    assert "apt install tor" in caught.value.hint
    path = script(tmp_path, "echo 'Tor version 0.4.9.11.'")
    assert find_tor().path == path


@pytest.mark.parametrize("text", ["echo hello", "exit 1", "echo 'Tor the messenger'"])
def test_refuses_what_is_no_tor(tmp_path: Path, text: str) -> None:
    with pytest.raises(TorUnavailable):
        find_tor(str(script(tmp_path, text)))


def test_refuses_what_cannot_be_run(tmp_path: Path) -> None:
    broken = tmp_path / "tor"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    with pytest.raises(TorUnavailable, match="could not be run"):
        find_tor(str(broken))


@pytest.mark.parametrize("text", ["unknown", f"0.{'9' * 5000}.1", "٠.٤.٩"])
def test_a_version_without_numbers_is_refused(text: str) -> None:
    with pytest.raises(TorUnavailable, match="does not tell"):
        require_version(text, whose="the tor at 127.0.0.1:9051")


@pytest.mark.realtor
def test_the_command_reads_no_system_settings(tmp_path: Path) -> None:
    torrc = tmp_path / "torrc"
    torrc.write_text(f"DataDirectory {tmp_path}/data\n")
    command = tor_command(find_tor(), torrc)
    done = subprocess.run([*command, "--verify-config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "/usr/share/tor" not in done.stdout
    assert command[0] != sys.executable
