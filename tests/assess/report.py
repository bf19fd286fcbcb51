"""Where a routine keeps what it has done, and how it says what it found.

Laws: results are ``docs/assessment/<routine>.json`` (the form of `onionchat.lab.evidence`, with the day and
the commit it was measured at, and the routine's own details) and a short text beside it. Neither names a
host, a user or a folder of the machine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from onionchat.lab.evidence import Evidence

ROOT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = ROOT / "docs" / "assessment"


def state_folder(routine: str) -> Path:
    """The git-ignored folder in which ``routine`` keeps its progress; it exists."""
    folder = ROOT / ".assess" / routine
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(found: Evidence, details: Mapping[str, object], text: str) -> None:
    """Write the results of the routine that ``found.suite`` names.

    Args:
        found: its figures and controls.
        details: what else its JSON holds; plain values only.
        text: Markdown that goes below a heading and a table of the figures.
    """
    stamp = {"date": datetime.now(UTC).date().isoformat(), "commit": _commit()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    whole = {**msgspec.to_builtins(found), **stamp, **details}
    (RESULTS / f"{found.suite}.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    machine = found.machine
    lines = [
        f"# Assessment: {found.suite}",
        "",
        (
            f"{stamp['date']}, commit {stamp['commit'][:12]}, {machine.processor}, {machine.cores} cores, "
            f"{machine.system}, Python {machine.python}. Repeat it with `make assess` or "
            f"`.venv/bin/python -m tests.assess {found.suite}`."
        ),
        "",
        "| figure | value | goal |",
        "| --- | --- | --- |",
        *(
            f"| {one.name} | {one.value:,.10g} {one.unit} | {_goal(one.goal, one.met)} |"
            for one in found.figures
        ),
        *(
            f"| control: {one.name} | {one.seen:,.10g} | {one.expected}: {'seen' if one.ok else 'NOT SEEN'} |"
            for one in found.controls
        ),
        "",
        text.strip(),
        "",
    ]
    (RESULTS / f"{found.suite}.md").write_text("\n".join(lines))


def _goal(goal: str | None, met: bool) -> str:
    return "" if goal is None else f"{goal}: {'met' if met else 'MISSED'}"


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
