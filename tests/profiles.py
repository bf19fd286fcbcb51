"""How long stateful and exhaustive tests go on: quick as a rule, longer where ``ONIONCHAT_WALKS`` says so.

Laws: every run of one length does the same; nothing is left on the disk.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

WALKS: Final = int(os.environ.get("ONIONCHAT_WALKS", "0"))
"""Lives of each machine that are asked for; 0 for the usual number."""


def lives(usual: int, *, steps: int, control: bool = False) -> settings:
    """The settings of a state machine: ``usual`` lives of ``steps`` steps, or as many as were asked for.

    A ``control``, which must fail, is not made smaller once it did.
    """
    return settings(
        max_examples=usual if control else max(usual, WALKS),
        phases=(Phase.generate,) if control else tuple(Phase),
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
