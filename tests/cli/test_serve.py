"""What ``serve`` hands to the launcher."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onionchat.engine import launcher
from onionchat.engine.plan import Plan

from .actor import run
from .terminal import talk


class Launched:
    """In the launcher's place: keeps what it was given."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.passphrase: bytes | None = None
        self.control_password: bytes | None = None
        self.lifeline_fd: int | None = None
        self.status = 0
        self.look: Callable[[], None] = lambda: None

    def run(self, plan: Plan, **fds: int | None) -> int:
        self.plan = plan
        self.passphrase = drain(fds["passphrase_fd"])
        self.control_password = drain(fds["control_password_fd"])
        self.lifeline_fd = fds["lifeline_fd"]
        self.look()
        return self.status


def drain(number: int | None) -> bytes | None:
    if number is None:
        return None
    with os.fdopen(number, "rb") as file:
        return file.read()


def holding(content: bytes) -> str:
    """The number of a descriptor that holds ``content``."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return str(reading)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Launched]:
    recorder = Launched()
    monkeypatch.setattr(launcher, "run", recorder.run)
    monkeypatch.setenv("ONIONCHAT_VAULT", str(folder / "vault"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    yield recorder
    if recorder.lifeline_fd is not None:
        os.close(recorder.lifeline_fd)


def plan_of(launched: Launched, *words: str) -> Plan:
    result = run("serve", *words)
    assert result.exit_code == 0, result.output
    assert launched.plan is not None
    return launched.plan


def test_a_plain_engine_starts_locked(launched: Launched, folder: Path) -> None:
    assert plan_of(launched) == Plan(vault=str(folder / "vault"))
    assert (launched.passphrase, launched.control_password, launched.lifeline_fd) == (None, None, None)


def test_the_launchers_status_is_ours(launched: Launched) -> None:
    launched.status = 4
    assert run("serve").exit_code == 4


def test_the_vault_of_the_command_line_is_absolute(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.chdir(folder)
    run("--vault", "here", "serve")
    assert launched.plan is not None
    assert launched.plan.vault == str(folder / "here")


def test_a_managed_tor_of_our_choice(launched: Launched, folder: Path) -> None:
    lines = folder / "torrc"
    lines.write_text("UseBridges 1\n")
    plan = plan_of(launched, "--tor", "sh", "--torrc", str(lines), "--tick", "0.25")
    assert (plan.tor, plan.torrc, plan.tick) == ("managed", str(lines), 0.25)
    assert Path(plan.tor_program).is_absolute()
    assert Path(plan.tor_program).name == "sh"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:9051", "127.0.0.1:9051"),
        ("[::1]:9051", "[::1]:9051"),
        ("localhost:9051", "localhost:9051"),
        ("/run/tor/control", "/run/tor/control"),
        ("unix:/run/tor/control", "/run/tor/control"),
    ],
)
def test_a_system_tor(launched: Launched, address: str, expected: str) -> None:
    number = holding(b"secret")
    plan = plan_of(
        launched, "--control", address, "--socks", "127.0.0.1:9050", "--control-password-fd", number
    )
    assert (plan.tor, plan.control, plan.socks) == ("system", expected, "127.0.0.1:9050")
    assert launched.control_password == b"secret"


@pytest.mark.parametrize(
    "words",
    [
        ["--control", "127.0.0.1"],
        ["--control", "127.0.0.1:0"],
        ["--control", "127.0.0.1:65536"],
        ["--control", ":9051"],
        ["--control", "9051"],
        ["--control", "h:9051", "--socks", "nonsense"],
        ["--control", "h:9051", "--tor", "tor"],
        ["--control", "h:9051", "--torrc", "/dev/null"],
        ["--socks", "127.0.0.1:9050"],
        ["--control-password-fd", "0"],
        ["--control-password-fd", "987"],
        ["--tick", "0.2"],
        ["--tick", "31"],
        ["--tick", "nan"],
        ["--torrc", "/nowhere"],
        ["--passphrase-fd", "987"],
        ["--create"],
        ["--amnesic", "--create"],
        ["--amnesic", "--passphrase-fd", "0"],
    ],
    ids=" ".join,
)
def test_what_cannot_be(launched: Launched, words: list[str]) -> None:
    assert run("serve", *words).exit_code == 2
    assert launched.plan is None


def test_a_vault_whose_path_is_too_long(launched: Launched) -> None:
    assert "too long" in run("--vault", "/tmp/" + "x" * 100, "serve").stderr
    assert launched.plan is None


def test_a_passphrase_by_descriptor(launched: Launched) -> None:
    assert plan_of(launched, "--create", "--passphrase-fd", holding(b"hunter2")).create
    assert launched.passphrase == b"hunter2"


def test_a_passphrase_from_systemd(launched: Launched, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    kept = folder / "onionchat.passphrase"
    got = [(plan_of(launched).credential, launched.passphrase)]
    kept.write_text("hunter2")
    got.append((plan_of(launched).credential, launched.passphrase))
    other = plan_of(launched, "--passphrase-fd", holding(b"other"))
    got.append((other.credential, launched.passphrase))
    assert got == [("", None), (str(kept), None), ("", b"other")]


def test_a_credential_that_cannot_be_read(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "file"))
    assert run("serve").exit_code == 2
    assert launched.plan is None


def test_no_option_and_no_variable_takes_a_passphrase(launched: Launched) -> None:
    assert run("serve", "--passphrase", "hunter2").exit_code == 2


def test_an_amnesic_engine_gets_a_folder_that_goes(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))

    def look() -> None:
        assert launched.plan is not None
        folder = Path(launched.plan.vault)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x")

    launched.look = look
    plan = plan_of(launched, "--amnesic")
    assert plan.amnesic
    assert Path(plan.vault).parent == folder
    assert list(folder.iterdir()) == []
    assert launched.lifeline_fd is not None


def test_an_amnesic_engine_with_a_lifeline_of_ours(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    number = holding(b"")
    run("--vault", str(folder / "mine"), "serve", "--amnesic", "--lifeline-fd", number)
    assert launched.lifeline_fd == int(number)
    assert launched.plan is not None
    assert launched.plan.vault == str(folder / "mine")
    assert not (folder / "mine").exists()


PROMPTED = """
import sys
from onionchat.engine import launcher
def run(plan, *, passphrase_fd, **_):
    print("got", None if passphrase_fd is None else open(passphrase_fd, "rb").read(), plan.create)
    return 0
launcher.run = run
from onionchat.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "lines", "got"),
    [
        ([], [("start locked): ", "hunter2")], "got b'hunter2' False"),
        ([], [("start locked): ", "")], "got None False"),
        (["--create"], [("Passphrase: ", "hunter2"), ("again: ", "hunter2")], "got b'hunter2' True"),
    ],
    ids=["given", "nothing", "new"],
)
def test_at_a_terminal_it_asks(
    folder: Path, words: list[str], lines: list[tuple[str, str]], got: str
) -> None:
    command = [sys.executable, "-c", PROMPTED, "--vault", str(folder), "serve", *words]
    shown, status = talk(command, lines)
    assert got in shown
    assert status == 0


@pytest.mark.parametrize(
    ("passphrase", "there", "judged"),
    [("hunter2", False, True), ("hunter2", True, False), ("garlic tuba wagon ivory melt zoo", False, False)],
    ids=["weak", "there is a vault", "strong"],
)
@pytest.mark.parametrize("kept", [False, True], ids=["descriptor", "systemd"])
def test_a_weak_passphrase_is_told_when_a_vault_is_made_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str, there: bool, judged: bool, kept: bool
) -> None:
    if there:
        (folder / "sealed").mkdir()
    command = [sys.executable, "-c", PROMPTED, "--vault", str(folder), "serve", "--create"]
    numbers = []
    if kept:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        (folder / "onionchat.passphrase").write_text(passphrase)
    else:
        numbers = [int(holding(passphrase.encode()))]
        command += ["--passphrase-fd", str(numbers[0])]
    shown, status = talk(command, pass_fds=numbers)
    for number in numbers:
        os.close(number)
    assert status == 0, shown
    assert ("got None True" if kept else f"got b'{passphrase}' True") in shown
    assert ("Strength: very weak" in shown) == judged
    assert passphrase not in shown.replace(f"got b'{passphrase}'", "")


def test_at_a_terminal_an_existing_vault_is_asked_for_its_own(folder: Path) -> None:
    (folder / "sealed").mkdir()
    command = [sys.executable, "-c", PROMPTED, "--vault", str(folder), "serve", "--create"]
    shown, status = talk(command, [("Passphrase: ", "hunter2")])
    assert "got b'hunter2' True" in shown
    assert "Choose" not in shown
    assert status == 0


@pytest.mark.parametrize("held", [b"", b"\xff", b"x" * 5000])
def test_what_can_be_no_passphrase_makes_no_vault(launched: Launched, held: bytes) -> None:
    assert run("serve", "--create", "--passphrase-fd", holding(held)).exit_code == 2
    assert launched.plan is None


def test_at_a_terminal_it_does_not_ask_for_what_it_was_given(folder: Path) -> None:
    number = holding(b"hunter2")
    command = [sys.executable, "-c", PROMPTED, "--vault", str(folder), "serve", "--passphrase-fd", number]
    shown, _ = talk(command, pass_fds=[int(number)])
    os.close(int(number))
    assert "got b'hunter2' False" in shown
    assert "Passphrase" not in shown
