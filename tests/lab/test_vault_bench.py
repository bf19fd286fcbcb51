"""The suite ``store``: that it measures, and that what it measures on is a vault as the engine knows it."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from onionchat.engine.book import Book
from onionchat.engine.clock import Clock
from onionchat.errors import StoreError
from onionchat.lab import vault_bench
from onionchat.lab.ending import lifeline
from onionchat.lab.vault_bench import _raise, measure
from onionchat.lab.vault_fill import _fill
from onionchat.protocol.contact import Surroundings
from onionchat.protocol.pace import Pace
from tests.store.kit import create, reopen


def test_a_filled_vault_is_one_that_the_engine_reads(tmp_path: Path) -> None:
    vault = create(tmp_path / "vault")
    _fill(vault, 3, 10, lambda _part, _words: None)
    vault.close()
    vault = reopen(tmp_path / "vault")
    around = Surroundings(random=os.urandom, numbers=itertools.count(1))
    book = Book(vault, around, Pace(tick_ms=2000), _raise, Clock())
    assert len(book.contacts) == 3
    for contact in book.contacts.values():
        talk = contact.talk
        told = (talk.timeline.unread, talk.timeline.next_deadline, talk.inbox.next_deadline)
        assert len(list(talk.timeline)) == 10
        assert len(talk.inbox.have_list()) == 5 * 16
        assert told == (talk.timeline.unread, talk.timeline.next_deadline, talk.inbox.next_deadline)
    vault.close()


def test_a_disk_that_fails_ends_it() -> None:
    with pytest.raises(StoreError, match="broken"):
        _raise(StoreError("broken"))


def test_every_figure_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_bench, "CONTACTS", 40)
    monkeypatch.setattr(vault_bench, "MESSAGES", 2000)
    monkeypatch.setattr(vault_bench, "AT_ONCE", 500)
    told: list[float] = []
    with lifeline() as line:
        found = measure(lifeline=line, tell=lambda part, _words: told.append(part), quick=True)
    values = {figure.name: figure.value for figure in found.figures}
    assert {figure.name for figure in found.figures if figure.goal} == {
        "erase_one_ms",
        "store_one_ms",
        "erase_1000_ms",
        "open_s",
        "last_screen_ms",
        "expired_left",
        "duress_differs",
        "panic_signal_ms",
        "panic_request_ms",
        "panic_command_ms",
        "panic_busy_ms",
    }
    assert values["expired_open_s"] > 0
    assert values["duress_to_real"] > 0
    assert values["on_disk"] in {0, 1}
    assert values["expired_left"] == 0
    assert 0 < values["erase_unsynced_ms"] < values["erase_one_ms"]
    assert 0 < values["fsync_ms"] < values["erase_one_ms"]
    assert values["passphrase_s"] > 0
    assert [control.ok for control in found.controls] == [True, True]
    assert told == sorted(told)
    assert told[-1] == 1.0
