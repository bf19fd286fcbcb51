"""Which tests ran which line of the mutated packages, and how long each took.

Laws: run in a process of its own (``python -m tests.assess.mutation.trace OUT FOLDER …``), so that nothing is
imported before the tracer is there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import coverage
import msgspec
import pytest

from ..report import ROOT
from .target import PACKAGES


class Trace(msgspec.Struct, frozen=True):
    """What was seen.

    Attributes:
        tests: their names, in the order in which they ran.
        seconds: of processor time that each took, while it was traced.
        failed: those that fail without any mutant, and so can judge none.
        ran: by file (as seen from the root) and line, which tests ran it; not what merely imported it.
    """

    tests: list[str]
    seconds: list[float]
    failed: list[int]
    ran: dict[str, dict[int, list[int]]]

    def of(self, file: str, lines: tuple[int, int]) -> set[int]:
        """The tests that ran one of these lines."""
        ran = self.ran.get(file, {})
        return {test for line in range(lines[0], lines[1] + 1) for test in ran.get(line, ())}

    def touched(self, file: str) -> set[int]:
        """The tests that ran any line of it."""
        return {test for tests in self.ran.get(file, {}).values() for test in tests}

    def file(self, test: int) -> str:
        """Where a test stands."""
        return self.tests[test].partition("::")[0]


class _Watch:
    """Names the tracer's context after the test that runs."""

    def __init__(self, tracer: coverage.Coverage) -> None:
        self.tracer = tracer
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.tracer.switch_context(item.nodeid)
        began = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - began
        self.tracer.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)


ARGUMENTS: Final = ("--tb=native", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist", "-q")


def main(arguments: Sequence[str]) -> int:
    """Trace the tests in some folders; returns pytest's status."""
    out, *folders = arguments
    tracer = coverage.Coverage(data_file=None, branch=False, source=list(PACKAGES))
    watch = _Watch(tracer)
    tracer.start()
    status = pytest.main([*ARGUMENTS, *folders], plugins=[watch])
    tracer.stop()
    tests = list(watch.seconds)
    numbers = {test: number for number, test in enumerate(tests)}
    ran: dict[str, dict[int, list[int]]] = {}
    data = tracer.get_data()
    for file in data.measured_files():
        lines = data.contexts_by_lineno(file).items()
        name = Path(file).relative_to(ROOT).as_posix()
        ran[name] = {line: sorted(numbers[test] for test in names if test) for line, names in lines}
    failed = sorted(numbers[test] for test in watch.failed)
    Path(out).write_bytes(msgspec.json.encode(Trace(tests, list(watch.seconds.values()), failed, ran)))
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
