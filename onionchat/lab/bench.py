"""``onionchat bench``: speed and size, measured where the reader is.

Laws: a suite returns evidence and prints nothing itself; what it starts ends with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..errors import ConfigError
from .ending import ended_by_signals, lifeline
from .evidence import Evidence, print_evidence
from .network import Progress as Tell
from .progress import Progress
from .workplace import workplace

Suite = Callable[[Path, int, Tell, bool], Evidence]
"""Takes a folder to work in, a lifeline, whom to tell of the progress, and whether to be quick."""


def _start(folder: Path, line: int, tell: Tell, quick: bool) -> Evidence:
    from .startup import measure

    return measure(folder, lifeline=line, tell=tell, quick=quick)


def _link(folder: Path, line: int, tell: Tell, quick: bool) -> Evidence:
    from .latency import measure

    return measure(folder, lifeline=line, tell=tell, quick=quick)


def _protocol(folder: Path, line: int, tell: Tell, quick: bool) -> Evidence:
    from .protocol_bench import measure

    return measure(folder, lifeline=line, tell=tell, quick=quick)


def _timer(folder: Path, line: int, tell: Tell, quick: bool) -> Evidence:
    from .timer import measure

    return measure(lifeline=line, tell=tell, quick=quick)


def _store(folder: Path, line: int, tell: Tell, quick: bool) -> Evidence:
    from .vault_bench import measure

    return measure(lifeline=line, tell=tell, quick=quick)


SUITES: Final[dict[str, Suite]] = {
    "start": _start,
    "link": _link,
    "protocol": _protocol,
    "timer": _timer,
    "store": _store,
}


def run_bench(suite: str, *, quick: bool, json: bool) -> int:
    """Run a suite and print what it found.

    Args:
        suite: one of `SUITES`.
        quick: fewer repetitions.
        json: one JSON object instead of a table, and progress as JSON lines on stderr.

    Returns:
        0 where every goal was met and every control was detected, otherwise 1.

    Raises:
        ConfigError: there is no such suite.
        OnionchatError: what it needs could not be started.
    """
    if suite not in SUITES:
        raise ConfigError(f"there is no suite «{suite}»", hint=f"there are: {', '.join(SUITES)}")
    progress = Progress(as_json=json)
    with ended_by_signals(), workplace() as folder, lifeline() as line:
        try:
            found = SUITES[suite](folder, line, progress.tell, quick)
        finally:
            progress.done()
        return print_evidence(found, as_json=json)
