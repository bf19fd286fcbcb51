"""``python -m onionchat.lab.erasure_engine RECORD …``: an engine whose memory its maker may search.

It is `near`'s engine, with a real tor beside it that stays off the network: its folder is searched, too. What
is asked of the lab alone is that the process may be looked into by those who started it; anywhere else it is
closed to all but root.

Laws: nothing that is searched is replaced, and nothing is noted down for the searcher.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import trio

from ..engine.main import main as run_engine
from ..engine.process import PR_SET_DUMPABLE
from ..engine.torkeeper import TorKeeper
from .near import NearEngine, NearTor
from .near_sender import Record, RecordingSender


class OfflineTor(NearTor):
    """A real tor, and links that do without it."""

    async def serve(self) -> None:
        """Be ready until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(TorKeeper.serve, self)
            nursery.start_soon(NearTor.serve, self)

    def _set(
        self, *, percent: int, words: str, ready: bool, problem: str, version: str | None = None
    ) -> None:
        """Stay ready, whatever tor itself says."""


class SearchedEngine(NearEngine):
    """An engine with such a tor, in a process that may be looked into."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.tor = OfflineTor(
            nursery=given["nursery"],
            plan=self.plan,
            launch=self.launch,
            services=self.services,
            changed=self._tor_changed,
            ready=self._tor_ready,
            control_password=None,
        )
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def main(argv: list[str]) -> int:
    """Be the engine."""
    path, *rest = argv
    SearchedEngine.record = Record(Path(path))
    SearchedEngine.sender_kind = RecordingSender
    return run_engine(rest, SearchedEngine)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
