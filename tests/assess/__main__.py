"""``python -m tests.assess [ROUTINE [ARGUMENT …]]``: one routine, or all of them one after the other.

Laws: a routine can be stopped at any moment and goes on where it was; what it needs for that lies in the
git-ignored folder ``.assess``; what it found is written by `report`. Its imports are its own: one routine
must not need what another needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

Routine = Callable[[Sequence[str]], int]
"""Takes its arguments; returns 0 where its goals are met, 1 where not, 2 where it cannot run here."""


def _mutation(arguments: Sequence[str]) -> int:
    from .mutation.run import main

    return main(arguments)


def _fuzz(arguments: Sequence[str]) -> int:
    from .fuzz.routine import main

    return main(arguments)


def _erasure(_arguments: Sequence[str]) -> int:
    from .measured import run_erasure

    return run_erasure()


def _store(_arguments: Sequence[str]) -> int:
    from .measured import run_store

    return run_store()


def _timer(_arguments: Sequence[str]) -> int:
    from .measured import run_timer

    return run_timer()


ROUTINES: Final[dict[str, Routine]] = {
    "erasure": _erasure,
    "store": _store,
    "timer": _timer,
    "mutation": _mutation,
    "fuzz": _fuzz,
}
"""A line for each; the callable imports what it needs when it is called."""


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; returns the worst status."""
    if not arguments:
        return max((routine(()) for routine in ROUTINES.values()), default=0)
    name, *rest = arguments
    if name not in ROUTINES:
        print(f"there is no routine «{name}»; there are: {', '.join(ROUTINES)}", file=sys.stderr)
        return 2
    return ROUTINES[name](rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
