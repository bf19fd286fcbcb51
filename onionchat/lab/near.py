"""``python -m onionchat.lab.near RECORD SENDER …``: an engine that meets others of its machine without tor.

The engine is the real one, with its vault, its machines, its control socket and its metronome. Only the way
between two of them is short: a service is a Unix socket whose name tells its address, and who dials it looks
for it in the vaults beside its own. What left, and when, is written to a file when the engine ends.

Laws: nothing that is measured here is replaced. All of it lives in one folder of the lab's, for one user.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any, ClassVar, Final

import trio

from ..control.place import run_folder
from ..control.replies import TorState
from ..crypto.onion import OnionKey
from ..engine.connection import Connections, Connector
from ..engine.engine import Engine, Machine
from ..engine.main import main as run_engine
from ..engine.torkeeper import TorKeeper
from ..errors import PeerUnreachable
from .near_sender import InLoopSender, Record, RecordingSender

SENDERS: Final[dict[str, type[RecordingSender]]] = {"metronome": RecordingSender, "in-loop": InLoopSender}

_NAME_BYTES: Final = 6
"""Of an address that a service's socket is called by; a whole one would make the path too long."""


class NearTor(TorKeeper):
    """Is ready at once, and carries nothing."""

    async def serve(self) -> None:
        """Be ready until cancelled."""
        self.state = TorState(mode="managed", ready=True, percent=100, words="without a network")
        self.socks = ("127.0.0.1", 1)  # never asked: see `NearEngine._connector`
        self._changed()
        self._ready()
        await trio.sleep_forever()


class NearEngine(Engine):
    """An engine among others of the same folder."""

    record: ClassVar[Record]
    sender_kind: ClassVar[type[RecordingSender]]

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        launch, nursery = given["launch"], given["nursery"]
        self.sender = self.sender_kind(launch, self._slot_freed, self._sending_ended, self._window_over)
        self.sender.record = self.record
        self.connections = Connections(nursery, self.sender)
        self.tor = NearTor(
            nursery=nursery,
            plan=self.plan,
            launch=launch,
            services=self.services,
            changed=self._tor_changed,
            ready=self._tor_ready,
            control_password=None,
        )

    def socket_name(self, key: OnionKey) -> str:
        """From the address, so that others find it."""
        return key.public[:_NAME_BYTES].hex()

    def _connector(self, machine: Machine, onion: bytes) -> Connector:
        return lambda _: connect(Path(self.plan.vault).parent, onion)


def connect(folder: Path, onion: bytes) -> socket.socket:
    """Connect with whoever serves this address in one of the vaults in ``folder``.

    Raises:
        PeerUnreachable: nobody does.
    """
    for vault in folder.iterdir():
        path = run_folder(vault) / f"{onion[:_NAME_BYTES].hex()}.s"
        if path.exists():
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(bytes(path))
            except OSError:
                connection.close()
            else:
                return connection
    raise PeerUnreachable("nobody is there")


def main(argv: list[str]) -> int:
    """Be the engine, and write its record at its end."""
    path, sender, *rest = argv
    NearEngine.record = Record(Path(path))
    NearEngine.sender_kind = SENDERS[sender]
    try:
        return run_engine(rest, NearEngine)
    finally:
        NearEngine.record.save()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
