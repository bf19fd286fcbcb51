"""One trial: some tests against one mutant, in a process that is forked for it.

Laws: no file is ever changed. Where a function is bent, the process that forks has imported and collected
everything (`Host`), and the bent code is put into the function: a trial costs little more than its tests.
What runs at import enters by an import hook: then the process that forks has imported what tests need of
others (`preload`) and nothing of the mutated packages. Processor time and memory are bounded; a trial that
needs more ends, which counts as noticed.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import resource
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import CodeType, FunctionType, ModuleType
from typing import Final

import pytest

from ..report import ROOT
from .ledger import Outcome
from .trace import ARGUMENTS

Code = dict[str, tuple[str, CodeType]]
"""By module: its file and what runs when it is imported."""

Trial = tuple[int, int]
"""A process, and a pipe from which the name of the test that failed can be read."""

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


class _Witness:
    """Says by a pipe which test failed."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = True
            os.write(self.pipe, report.nodeid.encode())


class _Chosen:
    """Has pytest run the chosen tests, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Where a mutant changed what the tests are called, all in their files run."""
        found = {item.nodeid: item for item in items}
        if all(test in found for test in self.tests):
            items[:] = [found[test] for test in self.tests]


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


class Host:
    """A plugin of pytest that has everything collected, and then does the work instead of running the tests.

    Args:
        files: of the modules that are bent.
        work: what is done; it gets this host.
    """

    def __init__(self, files: Collection[str], work: Callable[[Host], None]) -> None:
        self._files = {str(ROOT / file) for file in files}
        self._work = work
        self._items: dict[str, pytest.Item] = {}
        self._functions: dict[tuple[str, str, int], list[FunctionType]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """The work, once all is collected."""
        self._items = {item.nodeid: item for item in session.items}
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename in self._files:
                self._functions.setdefault(_place(one.__code__), []).append(one)
        gc.collect()
        gc.freeze()
        self._work(self)
        return True

    def begin(self, code: CodeType, lines: tuple[int, int], tests: Sequence[str], seconds: float) -> Trial:
        """Start a trial with the functions that have these lines as they are in a module's ``code``."""
        bent = [one for one in _outermost(code) if one.co_firstlineno <= lines[0] <= _last_line(one)]
        pairs = [(one, function) for one in bent for function in self._functions.get(_place(one), ())]

        def body(pipe: int) -> int:
            if not pairs:
                return 3
            for one, function in pairs:
                function.__code__ = one
            witness, items = _Witness(pipe), [self._items[test] for test in tests]
            items[0].config.pluginmanager.register(witness)
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                if witness.failed:
                    return 1
            return 0

        return _fork(body, seconds)


def host(files: Collection[str], folders: Sequence[str], work: Callable[[Host], None]) -> int:
    """Collect the tests in ``folders`` in a process of its own and do ``work`` there; its status."""
    process = os.fork()
    if not process:
        status = 3
        try:
            _be_silent()
            _quick_hypothesis()
            status = int(
                pytest.main([*ARGUMENTS, "-W", PRELOADED_WARNING, *folders], plugins=[Host(files, work)])
            )
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def begin(code: Code, tests: Sequence[str], seconds: float) -> Trial:
    """Start a trial of what runs at import.

    Args:
        code: the mutant.
        tests: pytest's names of the tests to run, in this order, until one fails.
        seconds: of processor time that may be used.
    """

    def body(pipe: int) -> int:
        _quick_hypothesis()
        sys.meta_path.insert(0, _Hook(code))
        files = sorted({test.partition("::")[0] for test in tests})
        arguments = [*ARGUMENTS, "-x", "-W", PRELOADED_WARNING, *files]
        return int(pytest.main(arguments, plugins=[_Witness(pipe), _Chosen(tests)]))

    return _fork(body, seconds)


def outcome(trial: Trial) -> tuple[Outcome, str]:
    """Wait for a trial: what came of it, and which test failed.

    Raises:
        RuntimeError: the trial itself went wrong.
    """
    process, pipe = trial
    with os.fdopen(pipe, "rb") as reader:
        by = reader.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if -status in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL):
        return "timeout", by
    match status:
        case 0:
            return "survived", ""
        case 1 | 2:
            return "killed", by or "import"
        case _ if status < 0:
            return "killed", by or f"signal {-status}"
    raise RuntimeError(f"a trial ended with status {status}")


def _fork(body: Callable[[int], int], seconds: float) -> Trial:
    read, write = os.pipe()
    process = os.fork()
    if not process:
        status = 3
        try:
            os.close(read)
            _limit(seconds)
            _be_silent()
            status = body(write)
        finally:
            os._exit(status)
    os.close(write)
    return process, read


def _limit(seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 3))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)


def _be_silent() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _outermost(code: CodeType) -> Iterator[CodeType]:
    """The functions of a module and of its classes; not those inside of functions."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if one.co_flags & inspect.CO_NEWLOCALS and one.co_flags & inspect.CO_OPTIMIZED:
                yield one
            else:
                yield from _outermost(one)


def _last_line(code: CodeType) -> int:
    inner = [_last_line(one) for one in code.co_consts if isinstance(one, CodeType)]
    return max([line for *_, line in code.co_lines() if line is not None] + inner)


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
