"""Evidence: figures with their goals, and the controls that show that a measurement can see anything at all.

Laws: one form for every suite. A figure that has a goal says itself whether it met it; `Evidence.ok` is true
only where all figures did and every control came out as expected.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Something measured."""

    name: str
    value: float
    unit: str
    goal: str | None = None
    """Such as ``<= 10``; None for what only explains another figure."""
    met: bool = True


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """A case whose outcome is known beforehand: a measurement that does not show it shows nothing."""

    name: str
    expected: str
    seen: float
    ok: bool


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    system: str
    processor: str
    cores: int
    memory_mb: int
    python: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a suite ends with."""

    suite: str
    ok: bool
    machine: Machine
    figures: Sequence[Figure]
    controls: Sequence[Control]


def at_most(name: str, value: float, unit: str, goal: float) -> Figure:
    """A figure that must not be above ``goal``; rounded for people, judged as it was measured."""
    return Figure(name=name, value=_rounded(value), unit=unit, goal=f"<= {goal:g}", met=value <= goal)


def at_least(name: str, value: float, unit: str, goal: float) -> Figure:
    """A figure that must not be below ``goal``."""
    return Figure(name=name, value=_rounded(value), unit=unit, goal=f">= {goal:g}", met=value >= goal)


def fact(name: str, value: float, unit: str) -> Figure:
    """A figure without a goal."""
    return Figure(name=name, value=_rounded(value), unit=unit)


def between(name: str, value: float, least: float, most: float) -> Control:
    """A control whose outcome must lie from ``least`` to ``most``."""
    expected = f"{least:g} to {most:g}"
    return Control(name=name, expected=expected, seen=_rounded(value), ok=least <= value <= most)


def evidence(suite: str, figures: Sequence[Figure], controls: Sequence[Control] = ()) -> Evidence:
    """Put together what ``suite`` found on this machine."""
    return Evidence(
        suite=suite,
        ok=bool(figures) and all(one.met for one in figures) and all(one.ok for one in controls),
        machine=_machine(),
        figures=figures,
        controls=controls,
    )


def print_evidence(found: Evidence, *, as_json: bool) -> int:
    """Print it on stdout, as one object or as a table; returns the exit status that stands for it."""
    text = msgspec.json.encode(found).decode() if as_json else _table(found)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return 0 if found.ok else 1


def _table(found: Evidence) -> str:
    machine = found.machine
    size = f"{machine.cores} cores, {machine.memory_mb} MB"
    lines = [
        f"{found.suite}, on {machine.processor} ({size}), {machine.system}, Python {machine.python}",
        "",
    ]
    for figure in found.figures:
        goal = "" if figure.goal is None else f"goal {figure.goal}: {'met' if figure.met else 'MISSED'}"
        lines.append(f"  {figure.name:28}{figure.value:>12g} {figure.unit:10} {goal}".rstrip())
    if found.controls:
        lines += ["", "controls, which must be detected:"]
    for control in found.controls:
        verdict = "as expected" if control.ok else "NOT AS EXPECTED"
        lines.append(f"  {control.name:28}{control.seen:>12g} expected {control.expected}: {verdict}")
    return "\n".join([*lines, "", "all of it holds" if found.ok else "not all of it holds"])


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _machine() -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6,
        python=platform.python_version(),
    )


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()
