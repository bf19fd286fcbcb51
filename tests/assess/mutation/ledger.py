"""What is known of each mutant, so that a run goes on where the last one was.

Laws: one line of JSON for each verdict, appended at once; the last one counts. A mutant that was noticed is
done as long as the function around it, or else the statement of the module, is the same. One that survived is
tried again with the tests whose files have changed since.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Literal

import msgspec

from .target import digests

Outcome = Literal["killed", "timeout", "survived", "uncovered"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One mutant's.

    Attributes:
        module: dotted name.
        source: hash of the function, or else of the statement, that was bent.
        mutant: its name.
        outcome: ``uncovered`` is a survivor that no test ran.
        by: the test that failed.
        tests: hash of the state of the tests.
        seconds: by the clock.
    """

    module: str
    source: str
    mutant: str
    outcome: Outcome
    by: str
    tests: str
    seconds: float

    @property
    def noticed(self) -> bool:
        """Whether a test failed, or never came to its end."""
        return self.outcome in ("killed", "timeout")


class Ledger:
    """All verdicts, and the states of the tests that they speak of."""

    def __init__(self, folder: Path) -> None:
        self._file: Final = folder / "verdicts.jsonl"
        self._states: Final = folder / "tests"
        self._states.mkdir(exist_ok=True)
        self._verdicts: dict[tuple[str, str, str], Verdict] = {}
        if self._file.exists():
            for line in self._file.read_bytes().splitlines():
                self._hold(msgspec.json.decode(line, type=Verdict))

    def get(self, module: str, source: str, mutant: str) -> Verdict | None:
        """The last verdict on a mutant of this text."""
        return self._verdicts.get((module, source, mutant))

    def add(self, verdict: Verdict) -> None:
        """Write a verdict down."""
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(verdict) + b"\n")
        self._hold(verdict)

    def state(self, folders: tuple[str, ...]) -> str:
        """A name for the present state of the tests in some folders."""
        files = msgspec.json.encode(digests(*folders))
        name = text_hash(files)
        (self._states / name).write_bytes(files)
        return name

    def changed(self, before: str, now: str) -> set[str]:
        """The files that are new or other in the state ``now`` than they were ``before``."""
        old, new = (
            msgspec.json.decode((self._states / name).read_bytes(), type=dict[str, str])
            for name in (before, now)
        )
        return {file for file, digest in new.items() if old.get(file) != digest}

    def _hold(self, verdict: Verdict) -> None:
        self._verdicts[verdict.module, verdict.source, verdict.mutant] = verdict


def text_hash(text: bytes) -> str:
    """A short name for a text."""
    return hashlib.blake2b(text, digest_size=8).hexdigest()
