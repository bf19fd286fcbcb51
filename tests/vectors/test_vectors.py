"""Version 1 as files: whatever changes a byte of the format breaks one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from onionchat.crypto import labels
from onionchat.errors import OnionchatError

from .replay import REPLAYS, failure
from .transcript import replay_handshake, replay_session
from .vector import HERE, Vector, files, read

pytestmark = pytest.mark.vectors

ALL: dict[str, Callable[[Vector], None]] = {
    **REPLAYS,
    "handshake": replay_handshake,
    "session": replay_session,
}
FAILURES = {
    "damaged",
    "other-version",
    "wrong-kind",
    "expired",
    "unusable-key",
    "decryption",
    "remote-protocol",
    "local-protocol",
}
FILES = files()


def verdict(vector: Vector) -> str:
    """What comes of it: ``ok``, or the name of the failure."""
    try:
        ALL[vector.kind](vector)
    except OnionchatError as error:
        return failure(error)
    return "ok"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HERE)))
def test_it_is_what_it_was(file: Path) -> None:
    vector = read(file)
    assert vector.write() == file.read_text(encoding="ascii")
    assert verdict(vector) == vector.expect


def test_every_kind_and_every_failure_has_its_vectors() -> None:
    vectors = [read(file) for file in FILES]
    assert all(vector.name.startswith(f"{vector.kind}/") for vector in vectors)
    good = Counter(vector.kind for vector in vectors if vector.expect == "ok")
    assert good.keys() == ALL.keys()
    assert {vector.expect for vector in vectors} == FAILURES | {"ok"}


LABELS = [name for name, value in vars(labels).items() if isinstance(value, bytes)]


@pytest.mark.parametrize("name", LABELS)
def test_another_label_breaks_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, name, getattr(labels, name)[:-1] + b"?")
    assert broken() > 0


def broken() -> int:
    """How many vectors no longer come out as they must."""
    count = 0
    for file in FILES:
        vector = read(file)
        try:
            count += verdict(vector) != vector.expect
        except AssertionError:
            count += 1
    return count
