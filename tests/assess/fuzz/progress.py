"""What the routine has done so far, target by target; it survives the routine.

Laws: written after each stretch of executions; a stretch that was cut short is not counted.
"""

from __future__ import annotations

from pathlib import Path

import msgspec


class Done(msgspec.Struct, kw_only=True):
    """One target's progress.

    Attributes:
        executions: inputs that were run, in all stretches.
        seconds: that it took.
        features: that the fuzzer tells apart by now; edges and outcomes, by how often they came.
        edges: places in our code, and outcomes, that were reached.
        corpus: inputs that the fuzzer holds worth keeping.
    """

    executions: int = 0
    seconds: float = 0.0
    features: int = 0
    edges: int = 0
    corpus: int = 0


class Progress(msgspec.Struct, kw_only=True):
    """All targets' progress, and in how many executions each planted bug was found."""

    targets: dict[str, Done] = {}
    planted: dict[str, int] = {}


def read(path: Path) -> Progress:
    """The progress that was written, or none."""
    return msgspec.json.decode(path.read_bytes(), type=Progress) if path.exists() else Progress()


def write(path: Path, progress: Progress) -> None:
    """Keep the progress, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(progress))
    draft.replace(path)
