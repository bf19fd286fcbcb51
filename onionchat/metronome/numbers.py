"""Which link numbers were used, in constant memory.

Laws: a number is accepted once. Numbers may come out of order (handshakes end in another order than they
begin), but not by more than `WINDOW`: an older one counts as used.
"""

from __future__ import annotations

from typing import Final

WINDOW: Final = 4096


class UsedNumbers:
    """A window below the highest number seen, one bit for each (as in RFC 4303, section 3.4.3)."""

    def __init__(self) -> None:
        self._highest = -1
        self._bits = 0

    def __contains__(self, number: int) -> bool:
        behind = self._highest - number
        return behind >= 0 and (behind >= WINDOW or bool(self._bits >> behind & 1))

    def add(self, number: int) -> bool:
        """Use a number.

        Returns:
            False where it was used before, or may have been.
        """
        if number in self:
            return False
        ahead = number - self._highest
        if ahead > 0:
            self._bits = (self._bits << ahead | 1) & ((1 << WINDOW) - 1) if ahead < WINDOW else 1
            self._highest = number
        else:
            self._bits |= 1 << -ahead
        return True
