"""The routine ``fuzz``: runs every target until it has had enough, and counts.

Laws: each stretch is a process of its own, so that a crash or a leak ends that alone; it can be stopped at
any moment and goes on where it was. What it found stays in ``.assess/fuzz/<target>/found`` and is tried
again whenever results are written, until it is mended.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Final

from onionchat.lab.evidence import at_least, at_most, between, evidence, fact

from ..report import ROOT, state_folder
from ..report import write as write_report
from . import corpus, progress
from .planted import PLANTED_WITHIN
from .progress import Done, Progress
from .target import HANDSHAKE_GOAL, PARSER_GOAL, Run, Target
from .targets import PLANTED, TARGETS

STRETCH: Final = 3_000_000

_EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_RAISED: Final = "Uncaught Python exception"
_STATUS: Final = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/")


def main(arguments: Sequence[str]) -> int:
    """Run what is still to be run; see ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m tests.assess fuzz")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="this one only")
    parser.add_argument("--runs", type=int, help="executions of each target, in place of its goal")
    parser.add_argument("--keep", action="store_true", help="write the corpora to tests/vectors/fuzz")
    given = parser.parse_args(arguments)
    if find_spec("atheris") is None:
        print("fuzzing needs atheris: .venv/bin/pip install -e '.[fuzz]'", file=sys.stderr)
        return 2
    chosen = [TARGETS[name] for name in given.target or TARGETS]
    folder = state_folder("fuzz")
    done = progress.read(folder / "progress.json")
    _find_planted(folder, done)
    for target in chosen:
        _fuzz(folder, target, given.runs or target.goal, done)
        if given.keep:
            known = [path.read_bytes() for path in (folder / target.name / "corpus").glob("*")]
            count = corpus.keep(target, known)
            print(f"{target.name}: {count} inputs kept")
    return _report(folder, done)


def _fuzz(folder: Path, target: Target, goal: int, done: Progress) -> None:
    state = done.targets.setdefault(target.name, Done())
    status = 0
    while state.executions < goal and status == 0:  # the same bug would only be found again
        begun = time.monotonic()
        wanted = min(STRETCH, goal - state.executions)
        status, said = _stretch(folder, target, ceil(wanted / (1 + target.near)))
        executed = _EXECUTED.findall(said)
        if not executed or (status and not _found(folder, target)):
            raise SystemExit(f"{target.name} did not run:\n{said[-2000:]}")
        state.executions += int(executed[-1]) * (1 + target.near)
        state.seconds += time.monotonic() - begun
        if reached := _STATUS.findall(said):
            state.edges, state.features, state.corpus = map(int, reached[-1])
        progress.write(folder / "progress.json", done)
        found = len(_found(folder, target))
        print(
            f"{target.name}: {state.executions:,} executions, {state.features} features, {found} found",
            flush=True,
        )


def _stretch(folder: Path, target: Target, runs: int) -> tuple[int, str]:
    """Executions in a process of its own; its exit status and what it said."""
    place = folder / target.name
    for part in ("corpus", "found"):
        (place / part).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (place / "corpus" / f"seed-{number}").write_bytes(seed)
    known = [str(corpus.KEPT / target.name)] if corpus.kept(target.name) else []
    options = [
        f"-runs={runs}",
        f"-max_len={target.longest}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-report_slow_units=1000",
        "-print_final_stats=1",
    ]
    found = place / "found"
    return _child(target, found, [*options, f"-artifact_prefix={found}/", str(place / "corpus"), *known])


def _child(target: Target, found: Path, arguments: list[str]) -> tuple[int, str]:
    command = [
        sys.executable,
        "-m",
        "tests.assess.fuzz.child",
        target.make.__module__,
        target.name,
        str(found),
        *arguments,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout + done.stderr


def _found(folder: Path, target: Target) -> list[Path]:
    """Inputs that the target must not have met with what it did, and still does."""
    run = target.make()
    return [path for path in (folder / target.name / "found").glob("*") if _is_open(run, path)]


def _is_open(run: Run, path: Path) -> bool:
    if not path.name.startswith("crash-"):  # too slow or too large: judged by hand
        return True
    try:
        run(path.read_bytes())
    except Exception:
        return True
    return False


def _find_planted(folder: Path, done: Progress) -> None:
    """The control: in how many executions the same routine finds bugs that were put there."""
    for target in PLANTED.values():
        if target.name in done.planted:
            continue
        status, said = _stretch(folder, target, PLANTED_WITHIN)
        executed = _EXECUTED.findall(said)
        if _RAISED not in said and status:
            raise SystemExit(f"{target.name} did not run:\n{said[-2000:]}")
        done.planted[target.name] = int(executed[-1]) if status and executed else PLANTED_WITHIN + 1
        progress.write(folder / "progress.json", done)


def _report(folder: Path, done: Progress) -> int:
    parsers = [name for name, target in TARGETS.items() if target.goal == PARSER_GOAL]
    messages = [name for name, target in TARGETS.items() if target.goal == HANDSHAKE_GOAL]
    found = {name: len(_found(folder, target)) for name, target in TARGETS.items()}
    states = {name: done.targets.get(name, Done()) for name in TARGETS}
    total = sum(state.executions for state in states.values())
    figures = [
        at_least("least_of_a_parser", min(states[name].executions for name in parsers), "runs", PARSER_GOAL),
        at_least("handshakes", sum(states[name].executions for name in messages), "runs", 3 * HANDSHAKE_GOAL),
        at_most("open_findings", sum(found.values()), "", 0),
        fact("parsers", len(parsers), ""),
        fact("executions", total, "runs"),
        fact("hours", sum(state.seconds for state in states.values()) / 3600, "h"),
    ]
    controls = [between(name, count, 1, PLANTED_WITHIN) for name, count in sorted(done.planted.items())]
    result = evidence("fuzz", figures, controls)
    details = {name: _details(state, found[name], len(corpus.kept(name))) for name, state in states.items()}
    write_report(result, {"targets": details}, _table(details))
    return 0 if result.ok else 1


def _details(state: Done, found: int, kept: int) -> dict[str, float]:
    return {
        "executions": state.executions,
        "per_second": round(state.executions / state.seconds) if state.seconds else 0,
        "features": state.features,
        "edges": state.edges,
        "corpus": state.corpus,
        "kept": kept,
        "open_findings": found,
    }


def _table(details: dict[str, dict[str, float]]) -> str:
    lines = [
        _INTRODUCTION,
        "",
        "| target | executions | per second | features | edges | corpus | kept | open findings |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in details.items():
        lines.append(f"| {name} | " + " | ".join(f"{value:,}" for value in one.values()) + " |")
    return "\n".join(lines)


_INTRODUCTION: Final = """\
Each target is a decoder of what comes from outside, under inputs that coverage guides (atheris, which is
libFuzzer for Python); where a seal hides what is behind it, the target seals the input. Anything that leaves
a decoder but the errors that it names is a finding, and so is what was taken and does not come back as it
was, or has another form than the one that it is written in. A control is a bug that was put there, and the
executions after which the same routine found it.

Executions are of all stretches together, those of the inputs near each that libFuzzer made among them (one
byte or the length changed: decoders take less time than making an input does); features and edges are those
of our Python code and of the outcomes told apart; «kept» inputs are in `tests/vectors/fuzz` and are replayed
by the tests of every checkout."""
