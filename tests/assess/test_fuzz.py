"""What fuzzing has taught, on every checkout: kept inputs are replayed, and the routine's own parts hold."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from onionchat.errors import ConfigError

from .fuzz import corpus, progress
from .fuzz.near import neighbours
from .fuzz.structure import bend_json, bend_packed
from .fuzz.target import Finding, Refused, attempt, guarded, require
from .fuzz.targets import PLANTED, TARGETS

BENT = 40


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_do_what_is_documented(name: str) -> None:
    run = TARGETS[name].make()
    paths = corpus.kept(name)
    assert paths
    for path in paths:
        assert run(path.read_bytes()), path.name


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_is_near_them_do_what_is_documented(name: str) -> None:
    target, random = TARGETS[name], Random(name)
    run = target.make()
    run(b"")
    for seed in target.seeds():
        assert run(seed)
        for _ in range(BENT if target.mutate else 0):
            bent = target.mutate(seed, random) if target.mutate else None
            if bent is not None:
                run(bent)


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_are_few(name: str) -> None:
    paths = corpus.kept(name)
    assert len(paths) <= corpus.MOST_FILES + 20
    assert sum(path.stat().st_size for path in paths) <= 2 * corpus.MOST_BYTES


def test_every_kept_folder_has_its_target() -> None:
    assert {path.name for path in corpus.KEPT.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("planted-trusted-length", b"\1\2\xff\xff"),
        ("planted-forgotten-padding", b"\1\0\0\0\1"),
        ("planted-narrow-epoch", b"\1\x91\x93\7\xce\0\1\0\0\xc5\4\x40" + bytes(1088)),
    ],
)
def test_a_planted_bug_is_one(name: str, data: bytes) -> None:
    with pytest.raises((Finding, IndexError, OverflowError)):
        PLANTED[name].make()(data)


def test_only_what_is_documented_is_a_refusal() -> None:
    def undocumented() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        guarded(lambda _: str(attempt(undocumented, ConfigError)))(b"")
    with pytest.raises(Finding, match="a law"):
        require(holds=False, law="a law")


def test_an_outcome_repeats_nothing_of_its_input() -> None:
    def refuse(what: str) -> None:
        raise ConfigError(f"«{what}» is 'none' of 123.4-alpha")

    outcomes = set()
    for what in ("a", "b\nc"):
        with pytest.raises(Refused) as caught:
            attempt(lambda what=what: refuse(what), ConfigError)  # type: ignore[misc]  # bound now
        outcomes.add(str(caught.value))
    assert outcomes == {"ConfigError: … is … of …"}


def test_bent_values_are_mostly_well_formed_and_rarely_the_same() -> None:
    random = Random(1)
    packed = [bend_packed(b"\x93\1\xc4\2ab\x91\xc3", random) for _ in range(200)]
    assert len(set(packed)) > 40
    lines = [bend_json(b'{"a":[1,"x",true],"b":1.5}', random) for _ in range(200)]
    assert len(set(lines)) > 40
    assert bend_packed(b"\xc1", random) is None
    assert bend_json(b"{", random) is None


def test_neighbours_are_always_the_same_and_near() -> None:
    for data in (b"", b"a", bytes(range(40))):
        found = list(neighbours(data, 15))
        assert found == list(neighbours(data, 15))
        assert len(found) == 15
        assert all(len(data) - 8 <= len(one) <= len(data) + 1 for one in found)
    assert len(set(neighbours(bytes(range(40)), 200))) > 150


def test_what_is_kept_is_the_smallest_of_each_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "KEPT", tmp_path)
    target = TARGETS["lifetime"]
    folder = tmp_path / target.name
    folder.mkdir()
    (folder / "digits-of-another-script").write_bytes("٣m".encode())
    (folder / "input-old").write_bytes(b"old")
    assert corpus.keep(target, [b"10m", b"5m", b"x", b"2h", *(b"%dd" % day for day in range(100))]) == 50
    kept = {path.read_bytes() for path in corpus.kept(target.name)}
    assert {"٣m".encode(), b"5m", b"x", b"2h"} <= kept
    assert len(kept) == 51
    assert b"old" not in kept


def test_progress_survives(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    assert progress.read(path) == progress.Progress()
    some = progress.Progress(targets={"cell": progress.Done(executions=5)}, planted={"x": 3})
    progress.write(path, some)
    assert progress.read(path) == some
