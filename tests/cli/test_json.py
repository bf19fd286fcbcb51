"""With ``--json`` what erases, locks, and changes what unlocks says one object, too, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from onionchat.client.phrase import new_recovery_words
from onionchat.control.replies import Backup
from onionchat.control.requests import AnyRequest, BackupRestore

from .actor import Actor, Answer, answer, run
from .test_vault import holding

PASSPHRASE = ["--passphrase-fd", "<p>"]
NEW = ["--new-fd", "<new>"]


def played(request: AnyRequest) -> Answer:
    if isinstance(request, BackupRestore):
        return Backup(identities=1, contacts=3, left_out=[], memory=512)
    return answer(request)


@pytest.fixture
def engine() -> Iterator[Actor]:
    with Actor(answer=played) as engine:
        yield engine


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["lifetime", "Bob", "2h"], "contact"),
        (["lifetime", "Bob", "once"], "contact"),
        (["lifetime", "--allow-off"], "done"),
        (["lifetime", "--forbid-off"], "done"),
        (["keep", "Bob", "memory"], "contact"),
        (["delete", "Bob", "ffff0002", "--yes"], "done"),
        (["delete", "Bob", "ffff0002", "--both", "--yes"], "done"),
        (["contact", "remove", "Bob", "--yes"], "done"),
        (["burn", "conversation", "Bob", "--yes"], "done"),
        (["burn", "identity", "Ada", "--yes"], "done"),
        (["burn", "vault", "--yes"], "done"),
        (["panic"], "done"),
        (["unlock", *PASSPHRASE], "done"),
        (["unlock", "--create", *PASSPHRASE], "done"),
        (["lock", "--receive"], "done"),
        (["lock", "--no-receive"], "done"),
        (["lock", "--after", "10"], "done"),
        (["lock", "--default", "receive", "--after", "0"], "done"),
        (["vault", "passphrase", *PASSPHRASE, *NEW], "done"),
        (["vault", "key-file", "add", "<path>", *PASSPHRASE], "done"),
        (["vault", "key-file", "remove", *PASSPHRASE], "done"),
        (["vault", "security-key", "remove", *PASSPHRASE], "done"),
        (["vault", "recovery", "remove", *PASSPHRASE], "done"),
        (["vault", "duress", "set", *PASSPHRASE, *NEW], "done"),
        (["vault", "duress", "remove", *PASSPHRASE], "done"),
        (["vault", "recover", "--words-fd", "<words>", *NEW], "done"),
        (["backup", "restore", "/file", "--backup-fd", "<p>", *NEW], "backup"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_object_and_nothing_else(engine: Actor, tmp_path: Path, words: list[str], kind: str) -> None:
    result = engine.run(*(given(word, tmp_path) for word in words), "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["type"] == kind


def given(word: str, folder: Path) -> str:
    """What stands for ``<…>``: a path, or a descriptor that holds what is secret."""
    match word:
        case "<path>":
            return str(folder / "key")
        case "<words>":
            return holding(new_recovery_words(os.urandom))
        case "<p>" | "<new>":
            return holding(f"a passphrase of many words {word}")
    return word


def test_what_would_have_to_be_asked_is_an_object_too(engine: Actor) -> None:
    result = engine.run("burn", "vault", "--json")
    assert result.exit_code == 2
    (line,) = result.stdout.splitlines()
    assert "--yes" in json.loads(line)["error"]["hint"]
    assert engine.asked == []


def test_the_search_for_what_is_left_gets_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    module = ModuleType("onionchat.lab.erasure")

    def run_erasure(**options: Any) -> int:
        seen.append(options)
        return 1

    vars(module)["run_erasure"] = run_erasure
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert run("lab", "erasure", "--json").exit_code == 1
    assert run("lab", "erasure", "--messages", "40", "--quick").exit_code == 1
    assert seen == [
        {"messages": None, "quick": False, "json": True},
        {"messages": 40, "quick": True, "json": False},
    ]
