from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from onionchat.cli import factor, vault
from onionchat.cli.factor import AtTerminal
from onionchat.client import security_key
from onionchat.client.phrase import new_recovery_words, recovery_words
from onionchat.client.security_key import enrol
from onionchat.control.replies import Failure
from onionchat.control.requests import (
    AnyRequest,
    Unlock,
    VaultDuress,
    VaultKeyFile,
    VaultPassphrase,
    VaultRecover,
    VaultRecovery,
    VaultSecurityKey,
    VaultShow,
)

from ..client.authenticator import Authenticator
from .actor import WAYS, Actor, Answer, answer

PIN = "1234"


@pytest.fixture
def engine() -> Iterator[Actor]:
    with Actor() as engine:
        yield engine


def holding(text: str) -> str:
    """A descriptor that holds ``text``."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return str(reading)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Authenticator:
    """The security key that is plugged in, with somebody who knows its PIN."""
    key = Authenticator(PIN)
    monkeypatch.setattr(security_key, "find", lambda: key)
    monkeypatch.setattr(factor, "hidden", lambda prompt: PIN)
    return key


def test_what_unlocks_is_shown(engine: Actor) -> None:
    shown = engine.run("vault", "show").stdout
    assert "512 MiB" in shown
    assert shown.count("not needed") == 2
    assert shown.count("not shown while the vault is locked") == 1
    assert engine.json("vault", "show")["type"] == "vault-ways"


def test_all_of_it_is_shown_while_open() -> None:
    ways = replace(WAYS, key_file=True, credential=b"c", recovery=True, wait=7.6)
    with Actor(answer=lambda request: ways) as engine:
        shown = engine.run("vault", "show").stdout
    assert shown.count("needed, too") == 2
    lines = {line.split("  ")[0]: line for line in shown.splitlines()}
    assert lines["recovery words"].endswith("set")
    assert "8 s" in lines["wait"]


def test_the_passphrase_is_changed(engine: Actor) -> None:
    words = ["vault", "passphrase", "--passphrase-fd", holding("old"), "--new-fd", holding("hunter2\n")]
    result = engine.run(*words)
    assert (result.exit_code, result.stdout) == (0, "The passphrase was changed.\n")
    assert "very weak" in result.stderr
    assert engine.asked_for(VaultPassphrase) == VaultPassphrase(passphrase="old", new="hunter2")


def test_a_key_file_is_made_once_and_then_used(engine: Actor, tmp_path: Path) -> None:
    path = tmp_path / "key"
    for times in (1, 2):
        assert (
            engine.run("vault", "key-file", "add", str(path), "--passphrase-fd", holding("p")).exit_code == 0
        )
        secret = hashlib.blake2b(path.read_bytes(), digest_size=32, person=b"onionchat/1 file").digest()
        made = [each for each in engine.asked if isinstance(each, VaultKeyFile)]
        assert [each.key_file for each in made] == [secret] * times
    assert engine.run("vault", "key-file", "remove", "--passphrase-fd", holding("p")).exit_code == 0
    assert engine.asked[-1] == VaultKeyFile(id=engine.asked[-1].id, passphrase="p")


def test_a_security_key_is_added_and_taken_back(engine: Actor, key: Authenticator) -> None:
    result = engine.run("vault", "security-key", "add", "--passphrase-fd", holding("p"))
    assert result.exit_code == 0
    assert "Touch the security key." in result.stderr
    request = engine.asked_for(VaultSecurityKey)
    assert request.security_key == security_key.secret_of(key, request.credential, AtTerminal())
    again = engine.json("vault", "security-key", "add", "--passphrase-fd", holding("p"))
    assert again == {"type": "done"}
    assert engine.run("vault", "security-key", "remove", "--passphrase-fd", holding("p")).exit_code == 0
    assert engine.asked[-1] == VaultSecurityKey(id=engine.asked[-1].id, passphrase="p")


def test_unlocking_presents_what_is_asked_for(key: Authenticator, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(64))
    credential, secret = enrol(key, AtTerminal())
    ways = replace(WAYS, key_file=True, credential=credential)

    def asking(request: AnyRequest) -> Answer:
        return ways if isinstance(request, VaultShow) else answer(request)

    with Actor(answer=asking) as engine:
        words = ["unlock", "--passphrase-fd", holding("p"), "--key-file", str(path)]
        assert engine.run(*words).stdout == "The vault is open.\n"
        assert engine.asked_for(Unlock) == Unlock(
            passphrase="p",
            key_file=hashlib.blake2b(bytes(64), digest_size=32, person=b"onionchat/1 file").digest(),
            security_key=secret,
        )


def test_a_vault_that_asks_for_nothing_gets_nothing(engine: Actor) -> None:
    assert engine.run("unlock", "--passphrase-fd", holding("p")).exit_code == 0
    assert engine.asked_for(Unlock) == Unlock(passphrase="p")


def test_a_low_cost_is_said_where_it_is_made() -> None:
    low = replace(WAYS, memory=256)
    with Actor(answer=lambda request: low if isinstance(request, VaultShow) else answer(request)) as engine:
        said = engine.run("unlock", "--create", "--passphrase-fd", holding("p")).stdout
    assert "256 MiB" in said
    assert "less than the usual 512 MiB" in said


def test_recovery_words_are_shown_once_they_are_taken(engine: Actor) -> None:
    result = engine.run("vault", "recovery", "new", "--passphrase-fd", holding("p"))
    words = engine.asked_for(VaultRecovery).words
    assert words in result.stdout
    assert recovery_words(words) == words
    told = engine.json("vault", "recovery", "new", "--passphrase-fd", holding("p"))
    assert told == {"words": [each for each in engine.asked if isinstance(each, VaultRecovery)][-1].words}
    assert engine.run("vault", "recovery", "remove", "--passphrase-fd", holding("p")).exit_code == 0
    assert engine.asked[-1] == VaultRecovery(id=engine.asked[-1].id, passphrase="p")


def test_words_that_were_refused_are_not_shown() -> None:
    failure = Failure(code="wrong-passphrase", message="no", hint="try again", exit_code=5)
    with Actor(answer=lambda request: failure) as engine:
        result = engine.run("vault", "recovery", "new", "--passphrase-fd", holding("p"))
        assert (result.exit_code, result.stdout) == (5, "")
        assert engine.asked_for(VaultRecovery).words not in result.stderr


def test_recovering(engine: Actor) -> None:
    words = new_recovery_words(os.urandom)
    typed = "  ".join(word[:4].upper() for word in words.split())
    result = engine.run("vault", "recover", "--words-fd", holding(typed), "--new-fd", holding("new"))
    assert result.exit_code == 0
    assert "used up" in result.stdout
    assert engine.asked_for(VaultRecover) == VaultRecover(words=words, new="new")


def test_words_that_are_none_are_not_sent(engine: Actor) -> None:
    result = engine.run("vault", "recover", "--words-fd", holding("a b c"), "--new-fd", holding("new"))
    assert result.exit_code == 2
    assert "recovery words are 12" in result.stderr
    assert engine.asked == []


def test_duress_is_set_and_taken_back(engine: Actor) -> None:
    words = ["vault", "duress", "set", "--passphrase-fd", holding("p"), "--new-fd", holding("burn it")]
    assert engine.run(*words).exit_code == 0
    assert engine.asked_for(VaultDuress) == VaultDuress(passphrase="p", duress="burn it")
    assert engine.run("vault", "duress", "remove", "--passphrase-fd", holding("p")).exit_code == 0
    assert engine.asked[-1] == VaultDuress(id=engine.asked[-1].id, passphrase="p")


def test_without_a_terminal_nothing_is_asked(engine: Actor) -> None:
    for words in (["passphrase"], ["recovery", "new"], ["recover"], ["duress", "set"]):
        result = engine.run("vault", *words)
        assert result.exit_code == 2
        assert "no terminal" in result.stderr
    assert engine.asked == []
    assert vault.vault.commands
