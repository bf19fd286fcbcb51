"""Inputs that are kept: what a fuzzer learnt, few enough to be replayed on every checkout.

Laws: ``tests/vectors/fuzz/<target>`` holds one input a file: those that the fuzzer found worth keeping,
named by their hash, and those that once showed a bug, named by what it was. The former are written anew by
hand; the latter stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from .target import Target

KEPT: Final = Path(__file__).resolve().parents[2] / "vectors" / "fuzz"
MOST_FILES: Final = 50
MOST_BYTES: Final = 64 * 1024
_PREFIX: Final = "input-"


def kept(name: str) -> list[Path]:
    """The files of a target."""
    return sorted(path for path in (KEPT / name).glob("*") if path.is_file())


def keep(target: Target, candidates: Iterable[bytes]) -> int:
    """Replace a target's kept inputs, but not those that showed a bug, by the best of ``candidates``.

    The smallest input of each kind of outcome comes first, then of each outcome, then the smallest of all,
    up to `MOST_FILES` and `MOST_BYTES`.

    Returns:
        how many there are now.
    """
    folder = KEPT / target.name
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"{_PREFIX}*"):
        path.unlink()
    chosen = _chosen(target, sorted(set(candidates), key=lambda data: (len(data), data)))
    for data in chosen:
        (folder / f"{_PREFIX}{sha256(data).hexdigest()[:16]}").write_bytes(data)
    return len(chosen)


def _chosen(target: Target, inputs: list[bytes]) -> list[bytes]:
    run = target.make()
    outcomes = [(run(data), data) for data in inputs]
    taken_first = sorted(outcomes, key=lambda one: one[0].startswith("refused"))
    first: dict[str, bytes] = {}
    for outcome, data in taken_first:  # apart from where in the input it came to it
        first.setdefault(outcome.partition(" - at ")[0], data)
    each: dict[str, bytes] = {}
    for outcome, data in outcomes:
        each.setdefault(outcome, data)
    chosen: list[bytes] = []
    size = 0
    for data in dict.fromkeys([*first.values(), *each.values(), *inputs]):
        if len(chosen) < MOST_FILES and size + len(data) <= MOST_BYTES:
            chosen.append(data)
            size += len(data)
    return chosen
