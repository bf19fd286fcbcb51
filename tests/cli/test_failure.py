from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from onionchat.cli.failure import report
from onionchat.cli.session import Session
from onionchat.errors import DiskFull, TorTooOld, VaultInUse

CODE = "onionchat:" + "ab2" * 48


def test_an_unexpected_error_is_named_and_never_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(ValueError("hunter2"), Session()) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "this is a bug in onionchat (ValueError)" in shown.err
    assert "--debug" in shown.err
    assert "hunter2" not in shown.err


def test_debug_redacts_what_is_secret(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        try:
            raise ValueError(f"hunter2 and {CODE} and x25519:{'A' * 43}=")
        except ValueError as error:
            raise RuntimeError("later") from error

    session = Session(debug=True, secrets=["hunter2"])
    with pytest.raises(RuntimeError) as caught:
        fail()
    report(caught.value, session)
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "«redacted» and «redacted» and «redacted»" in shown
    assert "hunter2" not in repr(session)


def test_errors_keep_their_status_code_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(TorTooOld("tor 0.4.5 is too old"), Session()) == 3
    assert capsys.readouterr().err == ("error: tor 0.4.5 is too old\nhint: update tor to 0.4.8 or newer\n")
    assert report(DiskFull("no room"), Session(json=True)) == 4
    said = json.loads(capsys.readouterr().out)
    assert said["error"]["code"] == "disk-full"


def test_a_usage_error_points_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(click.UsageError("no such thing."), Session()) == 2
    assert capsys.readouterr().err == "error: no such thing\nhint: see: onionchat --help\n"


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = DiskFull("x")
    error.hint = ""
    report(error, Session())
    assert capsys.readouterr().err == "error: x\n"


def test_a_hint_that_names_a_command_keeps_the_vault_that_was_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = Session(chosen_vault=Path("/a b"), vault_named=True, commands=frozenset(["stop", "unlock"]))
    report(VaultInUse("x"), session)
    assert capsys.readouterr().err.endswith("or stop it with: onionchat --vault '/a b' stop\n")
    for text in ("start onionchat again", "onionchat stopped", "no.onionchat: unlock", "onionchat --help"):
        assert session.naming(text) == text
    session.vault_named = False
    assert session.naming("onionchat stop") == "onionchat stop"
