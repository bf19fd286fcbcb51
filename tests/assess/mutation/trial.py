"""One trial: some tests against one mutant, in a process that is forked for it.

Laws: whoever forks has imported what the tests need of others (`preload`), and nothing of the mutated
packages, so that a trial costs no more than their own import. The mutant enters by an import hook: no file is
ever changed. Processor time and memory are bounded; a trial that needs more ends, which counts as noticed.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import CodeType, ModuleType
from typing import Final, NoReturn

import pytest

from ..report import ROOT
from .ledger import Outcome
from .trace import ARGUMENTS

Code = dict[str, tuple[str, CodeType]]
"""By module: its file and what runs when it is imported."""

PRELOADED: Final = (
    "hypothesis.stateful",
    "trio.testing",
    "msgspec",
    "nacl.bindings",
    "nacl.pwhash",
    "cryptography.hazmat.primitives.asymmetric.mlkem",
    "doubleratchet",
    "noise.connection",
    "unicodedata",
)
PRELOADED_WARNING: Final = "ignore::pytest.PytestAssertRewriteWarning"
MEMORY: Final = 6 * 2**30
"""Bytes of address space."""
PATIENCE: Final = 900
"""Seconds by the clock, for a trial that waits for ever."""


@dataclass(slots=True)
class _Chosen:
    """Has pytest run the chosen tests, in their order; says by a pipe which one failed."""

    tests: Sequence[str]
    pipe: int
    missing: bool = field(default=False)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Where a mutant changed what the tests are called, all in their files run."""
        found = {item.nodeid: item for item in items}
        if all(test in found for test in self.tests):
            items[:] = [found[test] for test in self.tests]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self.pipe, report.nodeid.encode())


class _Hook(MetaPathFinder, InspectLoader):
    """Gives the mutated modules instead of those on disk."""

    def __init__(self, code: Code) -> None:
        self.code = code

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self.code:
            return None
        file = self.code[fullname][0]
        spec = spec_from_loader(fullname, self, is_package=file.endswith("__init__.py"))
        if spec is not None and spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str((ROOT / file).parent))
        return spec

    def get_source(self, fullname: str) -> str | None:
        return None

    def get_code(self, fullname: str) -> CodeType:
        return self.code[fullname][1]


def preload() -> None:
    """Import what all trials need and no mutant can change."""
    for name in PRELOADED:
        importlib.import_module(name)


def begin(code: Code, tests: Sequence[str], seconds: float) -> tuple[int, int]:
    """Start a trial.

    Args:
        code: the mutant.
        tests: pytest's names of the tests to run, in this order, until one fails.
        seconds: of processor time that may be used.

    Returns:
        The process, and a pipe from which the name of the test that failed can be read.
    """
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        _run(code, tests, seconds, write)
    os.close(write)
    return process, read


def outcome(status: int, pipe: int) -> tuple[Outcome, str]:
    """What came of a trial that has ended: ``survived``, ``killed`` or ``timeout``, and by which test.

    Raises:
        RuntimeError: the trial itself went wrong.
    """
    with os.fdopen(pipe, "rb") as reader:
        by = reader.read().decode()
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL):
            return "timeout", by
        return "killed", by or f"signal {os.WTERMSIG(status)}"
    match os.WEXITSTATUS(status):
        case 0:
            return "survived", ""
        case 1 | 2:
            return "killed", by or "import"
        case other:
            raise RuntimeError(f"a trial ended with status {other}")


def _run(code: Code, tests: Sequence[str], seconds: float, pipe: int) -> NoReturn:
    status = 3
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 3))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        _quick_hypothesis()
        sys.meta_path.insert(0, _Hook(code))
        files = sorted({test.partition("::")[0] for test in tests})
        chosen = _Chosen(tests, pipe)
        with contextlib.suppress(SystemExit):
            status = int(pytest.main([*ARGUMENTS, "-x", "-W", PRELOADED_WARNING, *files], plugins=[chosen]))
    finally:
        os._exit(status)


def _quick_hypothesis() -> None:
    """A failure is enough: nothing is made smaller, kept or timed, and the same examples come each time."""
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "trial",
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=tuple(HealthCheck),
    )
    settings.load_profile("trial")
