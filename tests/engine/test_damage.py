"""A damaged vault in the engine's hands: a clean error, or conversations as they were."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from onionchat.engine.book import Book
from onionchat.engine.clock import Clock
from onionchat.errors import StoreError
from onionchat.lab.vault_fill import _fill
from onionchat.protocol.contact import Surroundings
from onionchat.protocol.pace import Pace
from tests.store.kit import create, reopen

POSITIONS = 200

Shown = dict[bytes, list[str]]


def fail(error: StoreError) -> None:
    raise error


def shown(folder: Path) -> Shown:
    """The texts of every conversation, as the engine would show them.

    Raises:
        StoreError: something is damaged.
    """
    vault = reopen(folder)
    try:
        around = Surroundings(random=os.urandom, numbers=itertools.count(1))
        book = Book(vault, around, Pace(tick_ms=2000), fail, Clock())
        return {key: [one.text for one in contact.talk.timeline] for key, contact in book.contacts.items()}
    finally:
        vault.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "vault"
    vault = create(folder)
    _fill(vault, 3, 10, lambda _part, _words: None)
    vault.close()
    return folder


def test_a_byte_anywhere_in_a_vault_gives_an_error_or_what_was_said(sound: Path, tmp_path: Path) -> None:
    expected = shown(sound)
    assert [len(texts) for texts in expected.values()] == [10, 10, 10]
    chance = random.Random(5)
    folder, outcomes = tmp_path / "vault", Counter[str]()
    files = sorted((sound / "sealed").iterdir())
    size = sum(path.stat().st_size for path in files)
    for number in range(POSITIONS):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        at = number * size // POSITIONS
        for path in files:
            content = bytearray(path.read_bytes())
            if 0 <= at < len(content):
                content[at] ^= chance.randrange(1, 256)
                (folder / "sealed" / path.name).write_bytes(content)
            at -= len(content)
        try:
            assert shown(folder) == expected
            outcomes["right"] += 1
        except StoreError:
            outcomes["error"] += 1
    assert outcomes.keys() == {"right", "error"}
