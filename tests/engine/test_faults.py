"""Whatever is wrong outside: each with its own line, and a hint that says what to do."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.control import replies, requests
from onionchat.crypto.passphrase import LOW_MEMORY_COST
from onionchat.errors import ControlError
from onionchat.store import Name, Record, create_vault
from onionchat.store.header import FORMAT_VERSION
from tests.engine.core import foreign_invite
from tests.engine.world import PASSPHRASE, Running, eventually
from tests.tor.conftest import StartTor, start_tor

pytestmark = pytest.mark.realtor
__all__ = ["start_tor"]  # a fixture


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amnesic engines may live in the test's folder."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def problem(folder: Path, *options: str, control_password: str | None = None) -> str:
    """What an engine says of its tor."""
    with Running(folder, "--amnesic", *options, passphrase=None, control_password=control_password) as engine:
        said = eventually(lambda: engine.status().tor.problem)
        assert not engine.status().tor.ready
        assert engine.ask(requests.IdentityList()) == replies.Identities(identities=[])
        return said


def script(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


# --- tor ------------------------------------------------------------------------------------------


def test_no_tor(tmp_path: Path) -> None:
    said = problem(tmp_path, "--tor", "/nowhere/tor")
    assert "was not found" in said
    assert "apt install tor" in said


def test_a_tor_that_is_too_old(tmp_path: Path) -> None:
    said = problem(tmp_path, "--tor", script(tmp_path, "echo 'Tor version 0.4.7.16.'"))
    assert "0.4.8 or newer is needed: update tor" in said


def test_a_program_that_is_no_tor(tmp_path: Path) -> None:
    assert "is not a tor program" in problem(tmp_path, "--tor", script(tmp_path, "echo hello"))


def test_a_tor_that_cannot_be_started_after_all(tmp_path: Path) -> None:
    said = problem(tmp_path, "--tor", script(tmp_path, "[ $# = 1 ] && echo 'Tor version 0.4.9.1.' || exit 1"))
    assert said.startswith("tor did not start")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        extra = tmp_path / "extra"
        extra.write_text(f"DisableNetwork 1\nControlPort 127.0.0.1:{taken.getsockname()[1]}\n")
        said = problem(tmp_path, "--torrc", str(extra))
    assert "another program already uses 127.0.0.1" in said


def test_a_closed_control_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    said = problem(tmp_path, "--control", address)
    assert f"no tor controller listens at {address}: start tor" in said


def test_the_socks_port_given_for_the_control_port(tmp_path: Path, start_tor: StartTor) -> None:
    tor = start_tor("SocksPort auto\n")
    said = problem(tmp_path, "--control", tor.listener("Socks"))
    assert "is tor's SOCKS port, not its control port: the control port is usually 9051" in said


def test_a_wrong_control_password_and_none(tmp_path: Path, start_tor: StartTor) -> None:
    hashed = subprocess.run(
        ["tor", "--quiet", "--hash-password", "right"], check=True, capture_output=True, text=True
    )
    tor = start_tor(f"ControlPort auto\nSocksPort 0\nHashedControlPassword {hashed.stdout.split()[-1]}\n")
    address = tor.listener("Control")
    said = problem(tmp_path, "--control", address, control_password="wrong")
    assert "does not accept the password" in said
    assert "wrong" not in said
    assert "--control-password-fd" in problem(tmp_path, "--control", address)
    with Running(
        tmp_path, "--amnesic", "--control", address, passphrase=None, control_password="right"
    ) as engine:
        assert eventually(lambda: engine.status().tor.version).startswith("0.")


def test_a_wrong_cookie(tmp_path: Path, start_tor: StartTor) -> None:
    tor = start_tor("ControlPort auto\nSocksPort 0\nCookieAuthentication 1\n")
    address = tor.listener("Control")
    eventually(tor.cookie.exists)
    tor.cookie.write_bytes(os.urandom(32))
    assert "does not accept the cookie" in problem(tmp_path, "--control", address)


# --- the vault ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole vault, to be copied."""
    folder = tmp_path_factory.mktemp("made") / "v"
    vault = create_vault(folder, PASSPHRASE, random=os.urandom, cost=LOW_MEMORY_COST)
    vault.commit([Record(Name("something", b"", b""), b"kept")])
    vault.close()
    return folder


@pytest.fixture
def sealed(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "v")
    return tmp_path / "v" / "sealed"


def refused(folder: Path) -> tuple[int, str]:
    with Running(folder) as engine:
        status, said = engine.refused()
    error, hint = said.splitlines()
    assert (error.startswith("error: "), hint.startswith("hint: ")) == (True, True)
    return status, said


@pytest.mark.parametrize("name", ["header", "rows", "keys", "root"])
def test_a_truncated_vault(tmp_path: Path, sealed: Path, name: str) -> None:
    file = sealed / name
    os.truncate(file, min(file.stat().st_size // 2, 100))
    before = file.read_bytes()
    status, said = refused(tmp_path)
    assert status in (4, 5)
    assert "vault" in said
    assert file.read_bytes() == before


def test_a_vault_of_the_future(tmp_path: Path, sealed: Path) -> None:
    header = bytearray((sealed / "header").read_bytes())
    header[17] += 1
    (sealed / "header").write_bytes(header)
    status, said = refused(tmp_path)
    assert status == 4
    assert f"format {FORMAT_VERSION + 1}" in said
    assert "update onionchat" in said


def test_a_vault_that_others_can_look_into(tmp_path: Path, sealed: Path) -> None:
    sealed.parent.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP)
    status, said = refused(tmp_path)
    assert status == 4
    assert "chmod 700" in said


def test_a_path_that_tor_cannot_be_given(tmp_path: Path) -> None:
    with Running(tmp_path, passphrase=None, name="with a space") as engine:
        status, said = engine.refused()
    assert status == 2
    assert "has a space in it" in said
    assert not engine.vault.exists()


def test_something_in_the_place_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir(mode=0o700)
    (tmp_path / "v" / "run").write_text("mine")
    with Running(tmp_path, passphrase=None) as engine:
        status, said = engine.refused()
    assert status == 2
    assert "cannot be made" in said
    assert (tmp_path / "v" / "run").read_text() == "mine"


def test_a_passphrase_that_is_no_text(tmp_path: Path) -> None:
    with Running(tmp_path, passphrase="\udcff\udcfe") as engine:
        status, said = engine.refused()
    assert status == 2
    assert "UTF-8" in said
    assert "Traceback" not in said


# --- invites --------------------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path, "--amnesic", "--tor", "/nowhere/tor", passphrase=None) as running:
        yield running


def test_each_wrong_invite_has_a_line_of_its_own(engine: Running) -> None:
    identity = engine.ask(requests.IdentityCreate(name="ada"))
    assert isinstance(identity, replies.Identity)
    own = engine.ask(requests.InviteCreate(identity=identity.identity))
    assert isinstance(own, replies.Invite)
    code = foreign_invite()

    def accept(given: str) -> replies.AnyResult:
        return engine.ask(requests.InviteAccept(identity=identity.identity, code=given, name="bob"))

    accept(code)
    typo = code[:50] + ("b" if code[50] == "a" else "a") + code[51:]
    for given, line in {
        own.code: "your own invite",
        code: "used this invite already: it is your contact «bob»",
        typo: "damaged",
        foreign_invite(expires_hour=1): "past its time",
        "something else": "not an invite",
    }.items():
        with pytest.raises(ControlError, match=line) as caught:
            accept(given)
        assert (caught.value.code, caught.value.exit_code, bool(caught.value.hint)) == (
            "config-error",
            2,
            True,
        )
    engine.ask(requests.InviteRevoke(invite=own.invite))
    with pytest.raises(ControlError) as gone:
        engine.ask(requests.InviteRevoke(invite=own.invite))
    assert gone.value.code == "no-such-invite"
    contacts = engine.ask(requests.ContactList())
    assert isinstance(contacts, replies.Contacts)
    assert len(contacts.contacts) == 1


# --- the disk -------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    command = (
        f"mount -t tmpfs -o size=4m,mode=700 none {tmp_path} 2>/dev/null || exit 77\n"
        f"exec {sys.executable} -m tests.engine.full_disk {tmp_path}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command], check=False, capture_output=True, text=True
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["disk-full", "whole", "sent", "kept"]
