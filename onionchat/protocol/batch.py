"""Collects what one event does, so that all of it is stored in one commit before anything else happens."""

from __future__ import annotations

from .commands import Command, Key, Persist


class Batch:
    """Puts, drops and commands of one event.

    Laws: `commands` begins with the one `Persist`; a later put or drop of the same name wins.
    """

    def __init__(self) -> None:
        self._changes: dict[Key, bytes | None] = {}
        self._commands: list[Command] = []

    def put(self, key: Key, value: bytes) -> None:
        """Store ``value`` under ``key``."""
        self._changes[key] = value

    def drop(self, key: Key) -> None:
        """Erase what is stored under ``key``."""
        self._changes[key] = None

    def do(self, command: Command) -> None:
        """Have ``command`` performed after the commit."""
        self._commands.append(command)

    def commands(self) -> tuple[Command, ...]:
        """The commit, if there is anything to store, and then the rest in order."""
        if not self._changes:
            return tuple(self._commands)
        puts = tuple((key, value) for key, value in self._changes.items() if value is not None)
        drops = tuple(key for key, value in self._changes.items() if value is None)
        return (Persist(puts=puts, drops=drops), *self._commands)
