"""Somebody who watches an engine and writes down what it is told, and when.

Laws: the moment is taken before anything else is done with a notice. It ends when the engine does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..client.blocking import Client
from ..control.notices import AnyNotice
from ..errors import ControlError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A notice, and when it came (monotonic seconds)."""

    at: float
    notice: AnyNotice


class Watcher:
    """Watches from now on.

    Args:
        socket: the engine's control socket.

    Raises:
        ControlError: as `Client.connect`.
    """

    def __init__(self, socket: Path) -> None:
        self.sightings: list[Sighting] = []
        self._news = threading.Condition()
        self._client = Client.connect(socket)
        self._thread = threading.Thread(
            target=self._write_down, args=(self._client.watch(),), name="watcher", daemon=True
        )
        self._thread.start()

    def wait(self, seen: Callable[[], bool], seconds: float) -> bool:
        """Wait until ``seen`` (asked again at each notice); False where it took longer than ``seconds``."""
        with self._news:
            return self._news.wait_for(seen, seconds)

    def join(self) -> None:
        """Wait for the end that comes with the engine's."""
        self._thread.join()

    def _write_down(self, notices: Iterator[AnyNotice]) -> None:
        with self._client, suppress(ControlError):
            for notice in notices:
                at = time.monotonic()
                with self._news:
                    self.sightings.append(Sighting(at=at, notice=notice))
                    self._news.notify_all()
