"""The time that unlocking takes beyond the passphrase's own cost: the same for a full vault and an empty one.

Laws: an empty vault that was left by the passphrase for duress opens quicker than a full one does; who stands
beside must not see by that which it was. Waiting is all that is done here, and only up to a fixed time: a
vault that takes longer takes longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

EVEN_SECONDS: Final = 0.4
"""What opening may take beyond the passphrase: some 100,000 messages here."""


class OpeningTime:
    """One opening. ``clock`` gives seconds, ``sleep`` lets so many pass."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._until = 0.0

    def begin(self) -> None:
        """The passphrase's cost was paid just now."""
        self._until = self._clock() + EVEN_SECONDS

    def wait(self) -> None:
        """It is open: return when it may be said."""
        self._sleep(max(0.0, self._until - self._clock()))
