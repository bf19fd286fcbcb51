"""The routine: bend each module in every way, run the tests that ran the bent line, and count.

Laws: can be ended at any moment and goes on from the ledger; the tree is only read. Tests run in the order in
which they are likely to notice: those that noticed the last bends of this module, its own, then the quickest.
"""

from __future__ import annotations

import argparse
import ast
import functools
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import msgspec

from ..report import ROOT, state_folder
from . import trial
from .ledger import Ledger, Outcome, Verdict, text_hash
from .operators import Mutant, mutants, surroundings
from .summary import equivalents, summarise
from .target import PACKAGES, Module, modules, selection, test_folders
from .trace import Trace

FIRST_SECONDS: Final = 2.0
LAST_SECONDS: Final = 3.0
"""Traced: first the tests that noticed other bends of the module, and its own; then the quickest others."""
CONTROL_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A mutant that has to be tried."""

    module: Module
    source: str
    tree: ast.Module
    mutant: Mutant
    before: Verdict | None


class Bench:
    """What is needed to try the mutants of one package."""

    def __init__(self, package: str, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.state = ledger.state(test_folders(package))
        self.file, self.trace = _trace(package, folder, self.state)
        self.every = set(range(len(self.trace.tests))) - set(self.trace.failed)
        self.kills: dict[str, Counter[str]] = defaultdict(Counter)

    def stages(self, job: Job) -> Iterator[list[int]]:
        """The tests for a mutant, likeliest first, in two parts, each with its trial."""
        file, name = job.module.file, job.module.name
        ran = self.trace.of(file, job.mutant.lines) if job.mutant.deferred else self.every
        if job.before is not None:
            changed = self.ledger.changed(job.before.tests, self.state)
            if all(Path(one).name.startswith("test_") for one in changed):
                ran = {test for test in ran if self.trace.file(test) in changed}
        kills, touched = self.kills[name], self.trace.touched(file)
        likely = {
            test
            for test in ran
            if kills[self.trace.tests[test]] or self.trace.file(test) in job.module.own_tests
        }

        def rank(test: int) -> tuple[int, bool, float]:
            return -kills[self.trace.tests[test]], test not in touched, self.trace.seconds[test]

        first = self.within(FIRST_SECONDS, sorted(likely, key=rank))
        rest = self.within(LAST_SECONDS, sorted(ran - set(first), key=rank))
        yield from (tests for tests in (first, rest) if tests)

    def within(self, seconds: float, tests: Iterable[int]) -> list[int]:
        """The first tests, of so many traced seconds together."""
        chosen = []
        for test in tests:
            seconds -= self.trace.seconds[test]
            if seconds >= 0 and test in self.every:
                chosen.append(test)
        return chosen


def _trace(package: str, folder: Path, state: str) -> tuple[Path, Trace]:
    """The trace for this state of code and tests; made anew where it is another one."""
    sources = "".join(module.source for module in modules(package))
    file = folder / f"trace-{text_hash((state + sources).encode())}.json"
    if not file.exists():
        print(f"{package}: looking which tests run what", flush=True)
        command = [sys.executable, "-m", "tests.assess.mutation.trace", str(file), *selection(package)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not file.exists():
            raise SystemExit(f"the tests cannot be run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return file, msgspec.json.decode(file.read_bytes(), type=Trace)


def _jobs(module: Module, bench: Bench) -> list[Job]:
    """What has to be tried of a module; what is known counts for the order of the tests.

    What is listed as equivalent is tried once.
    """
    text = module.source
    tree = ast.parse(text)
    found = []
    same = equivalents()
    for mutant in mutants(tree):
        source = text_hash(surroundings(tree, mutant).encode())
        before = bench.ledger.get(module.name, source, mutant.name)
        if before is not None and before.noticed:
            bench.kills[module.name][before.by] += 1
        elif before is None or (before.tests != bench.state and (module.name, mutant.name) not in same):
            found.append(Job(module=module, source=source, tree=tree, mutant=mutant, before=before))
    return found


def _try(job: Job, bench: Bench, host: trial.Host | None) -> Verdict:
    """A mutant's verdict."""
    began = time.monotonic()
    file = job.module.file
    code = compile(job.mutant.apply(job.tree), str(ROOT / file), "exec")
    result: Outcome = "uncovered" if job.before is None else job.before.outcome
    by = ""
    for stage in bench.stages(job):
        names = [bench.trace.tests[test] for test in stage]
        seconds = 3 + sum(bench.trace.seconds[test] for test in stage)
        if host is None:
            begun = trial.begin({job.module.name: (file, code)}, names, seconds)
        else:
            begun = host.begin(code, job.mutant.lines, names, seconds)
        result, by = trial.outcome(begun)
        if result != "survived":
            break
    return Verdict(
        module=job.module.name,
        source=job.source,
        mutant=job.mutant.name,
        outcome=result,
        by=by,
        tests=bench.state,
        seconds=round(time.monotonic() - began, 2),
    )


def _work(chosen: Sequence[Module], bench: Bench, progress: TextIO, host: trial.Host | None) -> None:
    """Try what has to be tried: with a host what is inside of functions, without one the rest."""
    for module in chosen:
        jobs = [job for job in _jobs(module, bench) if job.mutant.deferred is (host is not None)]
        for place, job in enumerate(jobs, 1):
            verdict = _try(job, bench, host)
            bench.ledger.add(verdict)
            bench.kills[module.name][verdict.by] += verdict.noticed
            line = (
                f"{module.name} {place}/{len(jobs)} {verdict.outcome} {verdict.seconds:g}s {verdict.mutant}"
            )
            print(line, file=progress, flush=True)


def _identity(package: str, bench: Bench) -> bool:
    """Whether the tests pass where all modules come by the hook, unchanged: the control of every verdict."""
    passed = bench.file.with_suffix(".passed")
    if passed.exists():
        return True
    code: trial.Code = {}
    for module in modules(package):
        tree = ast.parse(ast.unparse(ast.parse(module.source)))
        code[module.name] = (module.file, compile(tree, str(ROOT / module.file), "exec"))
    chosen = bench.within(CONTROL_SECONDS, sorted(bench.every, key=bench.trace.seconds.__getitem__))
    names = [bench.trace.tests[test] for test in chosen]
    result, by = trial.outcome(trial.begin(code, names, 2 * CONTROL_SECONDS))
    if result != "survived":
        print(f"{package}: without any mutant, {by} fails", file=sys.stderr)
        return False
    passed.touch()
    return True


def main(arguments: Sequence[str]) -> int:
    """Run it; returns 0 where the goals are met."""
    parser = argparse.ArgumentParser(prog="tests.assess mutation")
    parser.add_argument("module", nargs="*", help="only these, such as onionchat.crypto.chain")
    wanted = parser.parse_args(arguments).module
    folder = state_folder("mutation")
    ledger = Ledger(folder)
    progress = os.fdopen(os.dup(1), "w")
    trial.preload()
    controls = {}
    for package in PACKAGES:
        chosen = [one for one in modules(package) if not wanted or one.name in wanted]
        if not chosen:
            continue
        bench = Bench(package, ledger, folder)
        controls[package] = _identity(package, bench) and not bench.trace.failed
        for test in bench.trace.failed:
            print(f"fails without any mutant, and is left out: {bench.trace.tests[test]}", flush=True)
        work = functools.partial(_work, chosen, bench, progress)
        if trial.host([module.file for module in chosen], selection(package), work):
            return 1
        work(None)
    ledger = Ledger(folder)  # with what the hosts wrote down
    return summarise(ledger, controls)
