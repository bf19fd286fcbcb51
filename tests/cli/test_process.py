"""The command line as a process: statuses, streams, signals, a real terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from onionchat.cli.start import _POLL_SECONDS
from onionchat.control.notices import VaultChanged
from onionchat.control.requests import InviteAccept, Unlock

from ..client.scripted import ScriptedEngine, reply
from .actor import CODE, DONE, Actor
from .terminal import talk

ONIONCHAT = [sys.executable, "-m", "onionchat"]


def process(words: Sequence[str], **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ONIONCHAT, *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | settings,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["status"], 6),
        (["nonsense"], 2),
        (["identity"], 2),
        (["--tick", "1", "status"], 2),
        (["send"], 2),
        ([], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_statuses(folder: Path, words: list[str], status: int) -> None:
    ended = process(words, ONIONCHAT_VAULT=str(folder))
    assert ended.returncode == status
    assert "Traceback" not in ended.stderr
    if status:
        assert ended.stdout == ""
        error, hint = ended.stderr.splitlines()
        assert error.startswith("error: ")
        assert hint.startswith("hint: ")


@pytest.mark.parametrize("words", [["status", "--json"], ["send", "--json"], ["nonsense", "--json"]])
def test_with_json_errors_are_objects(folder: Path, words: list[str]) -> None:
    ended = process(words, ONIONCHAT_VAULT=str(folder))
    assert ended.returncode in {2, 6}
    assert ended.stdout.startswith('{"error": {"code": "')
    assert ended.stderr == ""


@pytest.mark.parametrize("redirection", [">&-", "<&-", "2>&-"])
def test_a_closed_stream_is_no_bug(folder: Path, redirection: str) -> None:
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *ONIONCHAT, "--vault", str(folder)]
    for words in (["messages", "Bob"], ["send", "Bob"], []):
        ended = subprocess.run([*shell, *words], capture_output=True, text=True, check=False)
        assert ended.returncode in {2, 6}
        assert "bug" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["", "x" * 65])
@pytest.mark.parametrize(
    "words",
    [["identity", "new"], ["contact", "rename", "Bob"], ["invite", "accept", "Ada", "code", "--name"]],
)
def test_a_name_that_cannot_be_is_refused_in_plain_words(folder: Path, words: list[str], name: str) -> None:
    ended = process([*words, name], ONIONCHAT_VAULT=str(folder))
    assert ended.returncode == 2
    assert "a name has 1 to 64 characters" in ended.stderr


def test_debug_shows_where(folder: Path) -> None:
    ended = process(["--debug", "status"], ONIONCHAT_VAULT=str(folder))
    assert "Traceback" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("hint: ")


def test_what_is_imported_before_a_command_runs() -> None:
    names = (
        "msgspec trio textual stem nacl cryptography asyncio socket sqlite3 platformdirs importlib.metadata"
    )
    code = f"import sys, onionchat.cli; print([n for n in {names.split()} if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_broken_pipe_is_quiet() -> None:
    notices = [VaultChanged(vault="open")] * 9_000
    with Actor(notices=[*notices]) as engine:
        watching = subprocess.Popen(
            [*ONIONCHAT, "--vault", str(engine.vault), "watch"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            watching.stdout.readline()
            watching.stdout.close()
            assert watching.stderr.read() == b""
        assert watching.returncode == 1


def test_an_interrupt_is_quiet() -> None:
    with ScriptedEngine(lambda request: [reply(request, DONE)]) as engine:
        watching = subprocess.Popen(
            [*ONIONCHAT, "--vault", str(engine.vault), "watch"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not engine.asked:
            assert watching.poll() is None
            signal.sigtimedwait([], _POLL_SECONDS)
        watching.send_signal(signal.SIGINT)
        out, error = watching.communicate()
    assert (watching.returncode, out, error.strip()) == (130, b"", b"")


def typed(engine: Actor, words: Sequence[str], lines: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """``onionchat WORDS`` at a terminal."""
    return talk([*ONIONCHAT, "--vault", str(engine.vault), *words], lines)


def test_a_passphrase_is_asked_for_and_never_shown() -> None:
    with Actor() as engine:
        shown, status = typed(engine, ["unlock"], [("Passphrase: ", ""), ("Passphrase: ", "hunter2")])
        assert status == 0
        assert "hunter2" not in shown
        assert engine.asked_for(Unlock) == Unlock(passphrase="hunter2")


def test_a_new_passphrase_is_asked_for_twice_and_judged() -> None:
    with Actor() as engine:
        lines = [("Passphrase: ", "hunter2"), ("The same again: ", "hunter3")]
        shown, status = typed(engine, ["unlock", "--create"], lines)
        assert "the two passphrases differ" in shown
        assert "hunter" not in shown
        assert status == 2
        assert not [each for each in engine.asked if isinstance(each, Unlock)]
        shown, status = typed(engine, ["unlock", "--create"], [lines[0], ("The same again: ", "hunter2")])
        assert status == 0
        assert "Strength: very weak: " in shown
        assert "can guess it" in shown
        assert engine.asked_for(Unlock) == Unlock(passphrase="hunter2", create=True)


def test_a_strong_passphrase_is_said_to_be_one() -> None:
    with Actor() as engine:
        strong = "wq8fk2-zz0ovn-pl4xma-77tqe"
        lines = [("Passphrase: ", strong), ("The same again: ", strong)]
        shown, status = typed(engine, ["unlock", "--create"], lines)
        assert status == 0
        assert "Strength: strong: " in shown
        assert "can guess it" not in shown


def test_six_words_are_offered_and_typed_back() -> None:
    with Actor() as engine:
        shown, status = typed(
            engine, ["unlock", "--create"], [("Passphrase: ", ""), ("The same again: ", "x")]
        )
        assert status == 2
        words = shown.partition("not shown again:")[2].split()[:6]
        assert len({*words}) > 1
        assert all(word.isalpha() for word in words)
        assert not [each for each in engine.asked if isinstance(each, Unlock)]


def test_an_invite_is_asked_for_and_not_shown() -> None:
    with Actor() as engine:
        words = ["invite", "accept", "Ada", "--name", "Zoe"]
        shown, status = typed(engine, words, [("Invite (not shown): ", f" {CODE} ")])
        assert status == 0
        assert CODE not in shown
        assert engine.asked_for(InviteAccept).code == CODE


def test_a_long_text_from_a_peer_cannot_begin_a_line_of_its_own() -> None:
    with Actor() as engine:
        shown, _ = talk([*ONIONCHAT, "--vault", str(engine.vault), "messages", "Bob"], columns=60)
    lines = shown.splitlines()
    assert all(line.startswith(("ffff", "    ")) for line in lines)
    assert max(map(len, lines)) <= 60
    assert len(lines) > 4
