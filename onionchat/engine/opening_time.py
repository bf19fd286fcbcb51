"""The time that unlocking takes beyond the passphrase's own cost: the same for a full vault and an empty one.

Laws: an empty vault that was left by the passphrase for duress opens quicker than a full one does; who stands
beside must not see by that which it was. Waiting is all that is done here, and only up to a fixed time: a
vault that takes longer takes longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

EVEN_PART: Final = 0.5
EVEN_SECONDS: Final = 0.35
"""What opening takes at least beyond the passphrase's cost: that part of it, and no more than that. It is
about what 100,000 messages take."""


class OpeningTime:
    """One opening, from just before its passphrase is tried.

    ``clock`` gives seconds, ``sleep`` lets so many pass.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._begun = clock()
        self._until = self._begun

    def begin(self) -> None:
        """The passphrase's cost was paid just now."""
        now = self._clock()
        self._until = now + min(EVEN_PART * (now - self._begun), EVEN_SECONDS)

    def wait(self) -> None:
        """It is open: return when it may be said."""
        self._sleep(max(0.0, self._until - self._clock()))
