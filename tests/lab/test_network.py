"""The private network: what it leaves behind, and how it says that it cannot be had."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from onionchat.errors import TorUnavailable
from onionchat.lab.network import PrivateNetwork

PATIENCE = 90.0


def running(pid: int) -> bool:
    """Whether the process lives; a zombie that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.realtor
def test_nothing_is_left_of_a_network(tmp_path: Path) -> None:
    folder = tmp_path / "with space" / "network"
    told: list[tuple[float, str]] = []
    with PrivateNetwork(folder) as network:
        network.start(lambda part, words: told.append((part, words)))
        assert len(network.pids) == 8
        assert all(running(pid) for pid in network.pids)
        pids = network.pids
        assert network.client_torrc.startswith("TestingTorNetwork 1\n")
        assert network.client_torrc.count("DirAuthority ") == 3
    assert not any(running(pid) for pid in pids)
    assert not folder.exists()
    network.close()
    assert told[0][0] == 0
    assert told[-1] == (1.0, "the private Tor network is up")
    assert all(0 <= part <= 1 and words for part, words in told)


@pytest.mark.realtor
def test_a_network_whose_owner_is_killed_ends(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 4
        owner.kill()
    deadline = time.monotonic() + PATIENCE
    while any(running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


OWNER = """
import sys
from pathlib import Path
from onionchat.lab.network import PrivateNetwork
network = PrivateNetwork(Path(sys.argv[1]), authorities=3, relays=1)
network.start()
print(*network.pids, flush=True)
sys.stdin.read()
"""


def programs(folder: Path, **scripts: str) -> str:
    """A PATH with these programs and nothing else."""
    for name, text in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return str(folder)


def test_without_tor_gencert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, tor="echo 'Tor version 0.4.9.11.'"))
    with pytest.raises(TorUnavailable, match="tor-gencert was not found"):
        PrivateNetwork(tmp_path / "network").start()
    assert not (tmp_path / "network").exists()


def test_keys_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, tor="echo 'Tor version 0.4.9.11.'", tor_gencert="exit 1"))
    with pytest.raises(TorUnavailable, match="failed while the private Tor network was made"):
        PrivateNetwork(tmp_path / "network").start()
    assert not (tmp_path / "network").exists()


def test_a_relay_that_ends_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tor = """
case "$*" in
  *--version*) echo 'Tor version 0.4.9.11.' ;;
  *--list-fingerprint*)
    while [ "$1" != --Nickname ]; do shift; done
    echo "$2 0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567" ;;
  *) echo '[warn] Could not bind to 127.0.0.1:12345: Address already in use' ;;
esac"""
    gencert = """
while [ "$1" != -c ]; do shift; done
echo 'fingerprint 0123456789ABCDEF0123456789ABCDEF01234567' > "$2" """
    monkeypatch.setenv("PATH", programs(tmp_path, tor=tor, tor_gencert=gencert))
    with pytest.raises(TorUnavailable, match=r"ended: another program already uses 127\.0\.0\.1:12345"):
        PrivateNetwork(tmp_path / "network", authorities=1, relays=1).start()
    assert not (tmp_path / "network").exists()
