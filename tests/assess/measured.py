"""The routines ``erasure``, ``store`` and ``timer``: the program's own measurements, run whole, and kept.

They are `onionchat lab erasure`, `onionchat bench store` and `onionchat bench timer`; a run takes minutes and
cannot be resumed. What the figures mean is said by the modules that measure them, and goes into the text
beside the results.
"""

from __future__ import annotations

from collections.abc import Callable

from onionchat.lab import erasure, timer, vault_bench
from onionchat.lab.ending import ended_by_signals, lifeline
from onionchat.lab.evidence import Evidence
from onionchat.lab.progress import Progress
from onionchat.lab.workplace import workplace

from .report import write


def run_erasure() -> int:
    """Search for what is left of 10,000 messages; returns 0 where nothing is."""

    def measure(line: int, progress: Progress) -> Evidence:
        with workplace(more=erasure.EACH * erasure.MESSAGES) as folder:
            return erasure.measure(folder, lifeline=line, tell=progress, messages=erasure.MESSAGES)

    return _kept(measure, erasure.__doc__ or "")


def run_store() -> int:
    """Measure a full vault on this machine's disk; returns 0 where the goals are met."""

    def measure(line: int, progress: Progress) -> Evidence:
        return vault_bench.measure(lifeline=line, tell=progress.tell, quick=False)

    return _kept(measure, vault_bench.__doc__ or "")


def run_timer() -> int:
    """Measure how well the metronome keeps its deadlines; returns 0 where the goals are met."""

    def measure(line: int, progress: Progress) -> Evidence:
        return timer.measure(lifeline=line, tell=progress.tell, quick=False)

    return _kept(measure, timer.__doc__ or "")


def _kept(measure: Callable[[int, Progress], Evidence], about: str) -> int:
    progress = Progress(as_json=False)
    with ended_by_signals(), lifeline() as line:
        try:
            found = measure(line, progress)
        finally:
            progress.done()
    write(found, {}, _text(about))
    return 0 if found.ok else 1


def _text(about: str) -> str:
    """What a module says of itself, without what it says to who changes it."""
    return "\n".join(line for line in about.partition("\nLaws:")[0].splitlines()[1:])
