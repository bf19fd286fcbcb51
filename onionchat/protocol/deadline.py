"""Which of many things is due next, without looking at all of them.

Laws: knows names and times, nothing of what they mean; asking for the next time costs nothing, a change costs
the logarithm of how many there are.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping

SLACK = 32
"""Outdated entries beyond the live ones' number after which the heap is built anew."""


class Deadlines:
    """Names with a time each; iterates over the names in the order in which they were first given."""

    def __init__(self, times: Mapping[bytes, float] | None = None) -> None:
        self._times = dict(times or {})
        self._heap: list[tuple[float, bytes]]
        self._build()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._times)

    def __len__(self) -> int:
        return len(self._times)

    def __contains__(self, name: bytes) -> bool:
        return name in self._times

    @property
    def next(self) -> float | None:
        """The earliest time; None where nothing is ever due."""
        return self._heap[0][0] if self._heap else None

    def give(self, name: bytes, time: float) -> None:
        """``name`` is due at ``time``, whatever was said of it before; infinity for never."""
        self._times[name] = time
        if time < math.inf:
            heapq.heappush(self._heap, (time, name))
        self._clean()

    def forget(self, name: bytes) -> None:
        """``name`` is not due any more."""
        if self._times.pop(name, None) is not None:
            self._clean()

    def take(self, now: float) -> list[bytes]:
        """The names that are due, earliest first; they are forgotten."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(self._heap[0][1])
            self.forget(due[-1])
        return due

    def _clean(self) -> None:
        """Leave no outdated entry on top, and not many below."""
        if len(self._heap) > 2 * len(self._times) + SLACK:
            self._build()
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _build(self) -> None:
        self._heap = [(time, name) for name, time in self._times.items() if time < math.inf]
        heapq.heapify(self._heap)
