"""What short pieces of work take, beside each other.

Laws: everything that is to be compared is timed in turns of a few hundred microseconds, so that whatever else
the machine does meets all alike, and the best turn of each counts: what disturbs only ever makes it slower.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

Work = Callable[[], object]

TURNS: Final = 400
QUICK_TURNS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Something to be timed.

    Attributes:
        prepare: gives the work; what it does itself is not timed.
        calls: how often the work is done in one turn.
    """

    prepare: Callable[[], Work]
    calls: int = 1


def repeated(work: Work, calls: int = 20) -> Contestant:
    """Work that needs no preparation and is too short to be timed alone."""
    return Contestant(prepare=lambda: work, calls=calls)


def fastest(contestants: Mapping[str, Contestant], turns: int) -> dict[str, float]:
    """Seconds that one call of each takes in the best of ``turns`` turns."""
    best = dict.fromkeys(contestants, float("inf"))
    with _no_collection():
        for _ in range(turns):
            for name, contestant in contestants.items():
                best[name] = min(best[name], _time(contestant))
    return best


def _time(contestant: Contestant) -> float:
    work = contestant.prepare()
    repeats = range(contestant.calls)
    begun = perf_counter()
    for _ in repeats:
        work()
    return (perf_counter() - begun) / contestant.calls


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector out of it, as it would hit whoever has the bad luck."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
