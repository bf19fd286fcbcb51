"""``python -m tests.assess.fuzz.child MODULE TARGET FOLDER ARGUMENT …``: the process that fuzzes one target.

Laws: the only place that needs atheris (in the extra ``fuzz``), which cannot be had everywhere and is
therefore imported by name. What is to be measured is imported while atheris instruments it, so nothing of it
may be imported before. Where a decoder is compiled, its coverage is not seen: what came of an input stands in
for it, each outcome being a counter of its own.
"""

from __future__ import annotations

import importlib
import sys
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from .near import neighbours

if TYPE_CHECKING:
    from .target import Target

_OUTCOMES: Final = 1024
_INSTRUMENTED: Final = ["onionchat", "tests.assess.fuzz.planted"]


def main(arguments: list[str]) -> None:
    """Fuzz a target; does not return.

    Args:
        arguments: its module, its name, the folder for what is found, and libFuzzer's own.
    """
    module, name, folder, *rest = arguments
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=_INSTRUMENTED):
        known = importlib.import_module(module)
    target: Target = next(one for one in known.TARGETS if one.name == name)
    counters = [atheris._reserve_counter() for _ in range(_OUTCOMES)]
    run = target.make()
    traces: dict[str, int] = {}

    def once(data: bytes) -> None:
        outcome = run(data)
        if outcome not in traces:
            traces[outcome] = counters[crc32(outcome.encode("utf-8", "replace")) % _OUTCOMES]
        atheris._trace_branch(traces[outcome])

    def one_input(data: bytes) -> None:
        once(data)
        for near in neighbours(data, target.near):
            try:
                once(near)
            except BaseException:  # libFuzzer keeps the input that it knows, which is not this one
                Path(folder, f"crash-near-{sha256(near).hexdigest()[:16]}").write_bytes(near)
                raise

    atheris.Setup([sys.argv[0], *rest], one_input, **_mutator(target, atheris))
    atheris.Fuzz()


def _mutator(target: Target, atheris: Any) -> dict[str, object]:
    """What atheris is told of the target's own mutator, which makes every second input."""
    bend, random = target.mutate, Random()
    if bend is None:
        return {}

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        if seed % 2:
            random.seed(seed)
            bent = bend(data, random)
            if bent is not None and len(bent) <= most:
                return bent
        changed: bytes = atheris.Mutate(data, most)  # looked up now: setting up puts another in its place
        return changed

    return {"custom_mutator": mutate}


if __name__ == "__main__":
    main(sys.argv[1:])
