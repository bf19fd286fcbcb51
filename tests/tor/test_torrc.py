from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from onionchat.errors import ConfigError
from onionchat.tor import find_tor, managed_torrc, tor_command


def settings(folder: Path, extra: str = "") -> str:
    return managed_torrc(data=folder / "data", control_socket=folder / "control", owner_pid=4711, extra=extra)


def test_keeps_guards_and_listens_where_nobody_else_looks(tmp_path: Path) -> None:
    lines = settings(tmp_path).splitlines()
    assert f'DataDirectory "{tmp_path}/data"' in lines
    assert f'ControlPort "unix:\\"{tmp_path}/control\\""' in lines
    assert "__OwningControllerProcess 4711" in lines
    assert "SocksPort auto OnionTrafficOnly ExtendedErrors IsolateSOCKSAuth" in lines
    assert "CookieAuthentication 1" in lines
    assert "SafeLogging 1" in lines
    assert sum(line.startswith("ControlPort") for line in lines) == 1


def test_extra_lines_come_last(tmp_path: Path) -> None:
    assert settings(tmp_path, "UseBridges 1\nBridge x").endswith("UseBridges 1\nBridge x\n")
    assert settings(tmp_path, "\n") == settings(tmp_path)


@pytest.mark.parametrize("name", ["a\nControlPort 9051", "tab\there", "\x1b[31m"])
def test_refuses_a_path_that_could_smuggle_a_line_in(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        settings(tmp_path / name)


@pytest.mark.realtor
@pytest.mark.parametrize(
    "name", ["plain", "with space", 'with "quotes"', "with \\backslash", "with # hash", "ünï"]
)
def test_tor_accepts_it_for_any_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir(mode=0o700)
    torrc = tmp_path / "torrc"
    torrc.write_text(settings(folder))
    command = [*tor_command(find_tor(), torrc), "--verify-config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "[warn]" not in done.stdout.replace("[warn] You are running Tor as root", "")
