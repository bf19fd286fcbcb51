"""What a vault is to those who keep something in it, and the one that is kept in memory alone.

Laws: no file, no key, no SQLite here; this is the whole surface that an engine may rely on, whichever vault
it was given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from .record import Name, Record


class Vault(Protocol):
    """Named values that come and go in atomic commits, used from one thread at a time."""

    @property
    def amnesic(self) -> bool:
        """Whether everything is gone with the process."""

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        """Put and drop, all or nothing; durable on return, and what was replaced or dropped is erased.

        A put takes the place of what had its name, under a new key. Dropping a name that is not there does
        nothing; of several values for one name the last holds, and a put holds against a drop.

        Raises:
            DiskFull: nothing was changed; the vault goes on working.
            StoreError: the vault is of no more use until it is opened again.
        """

    def require_room(self) -> None:
        """Refuse where a commit with the longest text in it might not fit; nothing is written for it.

        Raises:
            DiskFull: there may be no room.
            StoreError: the disk does not say, or the vault is of no more use.
        """

    def expire(self, now: float) -> int:
        """Erase all values that have ended at ``now``, in one commit and without opening any.

        Args:
            now: seconds since 1970, as whoever keeps the vault's time believes.

        Returns:
            How many they were.

        Raises:
            StoreError: as for `commit`.
        """

    def first_end(self, kind: str, scope: bytes = b"") -> float | None:
        """When the first value of one kind and scope ends, without opening any; None where none ever does."""

    def get(self, name: Name) -> bytes | None:
        """The value of a name, or ``None``.

        Raises:
            VaultCorrupt: it is damaged.
        """

    def scan(self, kind: str, scope: bytes = b"") -> list[Record]:
        """All records of one kind and scope, in no particular order.

        Raises:
            VaultCorrupt: one of them is damaged.
        """

    def close(self) -> None:
        """Put the keys out of memory, as far as Python lets us, and give up the files."""


class MemoryVault:
    """A vault that never touches the disk; its values are wiped when they are dropped."""

    def __init__(self) -> None:
        self._values: dict[Name, bytearray] = {}
        self._ends: dict[Name, float] = {}

    @property
    def amnesic(self) -> bool:
        """Always."""
        return True

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        """See `Vault.commit`; never fails."""
        for name in (*drops, *(record.name for record in puts)):
            self._wipe(name)
        for record in puts:
            self._wipe(record.name)
            self._values[record.name] = bytearray(record.value)
            self._ends[record.name] = record.until

    def require_room(self) -> None:
        """See `Vault.require_room`; never refuses."""

    def expire(self, now: float) -> int:
        """See `Vault.expire`."""
        ended = [name for name, until in self._ends.items() if until <= now]
        if ended:
            self.commit(drops=ended)
        return len(ended)

    def first_end(self, kind: str, scope: bytes = b"") -> float | None:
        """See `Vault.first_end`."""
        ends = (until for name, until in self._ends.items() if (name.kind, name.scope) == (kind, scope))
        first = min(ends, default=math.inf)
        return None if first == math.inf else first

    def get(self, name: Name) -> bytes | None:
        """See `Vault.get`."""
        value = self._values.get(name)
        return None if value is None else bytes(value)

    def scan(self, kind: str, scope: bytes = b"") -> list[Record]:
        """See `Vault.scan`."""
        return [
            Record(name, bytes(value), self._ends[name])
            for name, value in self._values.items()
            if (name.kind, name.scope) == (kind, scope)
        ]

    def close(self) -> None:
        """Wipe everything."""
        for name in list(self._values):
            self._wipe(name)

    def _wipe(self, name: Name) -> None:
        self._ends.pop(name, None)
        value = self._values.pop(name, None)
        if value is not None:
            value[:] = bytes(len(value))
