"""News about the descriptors of onion services: published, found, not found.

Laws: waits only on tor's HS_DESC events (control-spec section 4.1.25), never polls; safe for any number of
waiting threads. Addresses are kept without their ``.onion``.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator


_REASON: Final = re.compile(r"\bREASON=(\w+)")
_GIVE_UP: Final = {"QUERY_NO_HSDIR", "QUERY_RATE_LIMITED"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking one directory; ``directory`` is empty where none was asked."""

    kind: Literal["received", "not found", "no directory left", "timeout", "closed"]
    directory: str = ""


def bare(address: str) -> str:
    """Strip ``.onion``: tor's controller speaks of services without it."""
    return address.lower().removesuffix(".onion")


class DescriptorNews:
    """Sorts HS_DESC events to those who wait for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._published: set[str] = set()
        self._waiting: dict[str, list[queue.SimpleQueue[Outcome]]] = {}
        self._closed = False

    def handle(self, event: str) -> None:
        """Take one event line, ``HS_DESC ACTION ADDRESS …``."""
        words = event.split()
        if len(words) < 3 or words[0] != "HS_DESC":
            return
        action, address = words[1], bare(words[2])
        with self._changed:
            if action == "UPLOADED":
                self._published.add(address)
                self._changed.notify_all()
            elif action == "RECEIVED":
                self._tell(address, Outcome("received"))
            elif action == "FAILED":
                reason = _REASON.search(event)
                given_up = reason is not None and reason[1] in _GIVE_UP
                directory = words[4] if len(words) > 4 else ""
                self._tell(address, Outcome("no directory left" if given_up else "not found", directory))

    def close(self) -> None:
        """Wake everybody: there will be no more news."""
        with self._changed:
            self._closed = True
            for address in self._waiting:
                self._tell(address, Outcome("closed"))
            self._changed.notify_all()

    def forget(self, address: str) -> None:
        """Count a service as not yet published."""
        with self._changed:
            self._published.discard(bare(address))

    def wait_published(self, address: str, timeout: float) -> bool:
        """Wait until a directory has taken the descriptor; False after ``timeout`` seconds or at the end."""
        wanted = bare(address)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or wanted in self._published, timeout)
            return wanted in self._published

    @contextmanager
    def lookups(self, address: str, timeout: float) -> Iterator[Lookup]:
        """Listen for the outcomes of look-ups of one address, for ``timeout`` seconds in all."""
        wanted = bare(address)
        outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        with self._changed:
            self._waiting.setdefault(wanted, []).append(outcomes)
            if self._closed:
                outcomes.put(Outcome("closed"))
        try:
            yield Lookup(outcomes, time.monotonic() + timeout)
        finally:
            with self._changed:
                self._waiting[wanted].remove(outcomes)
                if not self._waiting[wanted]:
                    del self._waiting[wanted]

    def _tell(self, address: str, outcome: Outcome) -> None:
        for outcomes in self._waiting.get(address, ()):
            outcomes.put(outcome)


class Lookup:
    """The outcomes of look-ups of one address, as they come."""

    def __init__(self, outcomes: queue.SimpleQueue[Outcome], deadline: float) -> None:
        self._outcomes = outcomes
        self._deadline = deadline

    def outcome(self) -> Outcome:
        """Wait for the next outcome."""
        try:
            return self._outcomes.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            return Outcome("timeout")
