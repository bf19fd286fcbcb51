"""Two vaults as one: what is to live in memory alone never reaches the other.

Laws: where a record lives follows from what is stored, never from who stores it. A disposable identity lives
in memory with everything of it. Of a conversation that is kept in memory, the messages, what they leave
behind and the texts that wait live there; the contact stays, with the ratchet's state, and so does what must
arrive whatever happens (greetings, addresses, deletions). Both vaults change at once: memory cannot fail, so
it comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..protocol.record import ContactRecord, IdentityRecord, InviteRecord, OutgoingRecord, unpack
from ..store import MemoryVault, Name, Record, Vault

FLEETING: Final = ("message", "seen", "gist", "outgoing")
"""Kinds that move with the policy of a conversation."""


class Whereabouts:
    """A vault, and one beside it that is gone with the engine."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._memory = MemoryVault()
        self._whole: set[bytes] = set()
        """Disposable identities, their invites and contacts."""
        self._fleeting: set[bytes] = set()
        """Contacts whose conversation lives in memory."""

    def opened(self, contacts: Iterable[ContactRecord]) -> None:
        """These are in the vault, which was just opened: nothing of a disposable identity is."""
        self._fleeting.update(contact.id for contact in contacts if contact.memory)

    def commit(self, puts: Sequence[Record], drops: Sequence[Name], lasting: Record | None = None) -> bool:
        """Put and drop in both, all or nothing; see `Vault.commit`.

        ``lasting`` goes along where anything else is put on the disk: what lives in memory leaves no trace of
        when it changed.

        Returns:
            Whether ``lasting`` was put.

        Raises:
            StoreError: nothing was changed.
        """
        whole, fleeting = set(self._whole), set(self._fleeting)
        moved: list[Record] = []
        for record in puts:
            if self._learn(record):
                moved += self._of_conversation(record.name.key)
        named = {record.name for record in puts} | set(drops)
        everything = [*puts, *(record for record in moved if record.name not in named)]
        there = [record for record in everything if not self._in_memory(record)]
        here = [record for record in everything if self._in_memory(record)]
        kept = there or any(self._memory.get(name) is None for name in drops)
        noted = [lasting] if lasting is not None and (kept or not (puts or drops)) else []
        try:
            self._vault.commit(puts=[*there, *noted], drops=[*drops, *(record.name for record in here)])
        except BaseException:
            self._whole, self._fleeting = whole, fleeting
            raise
        self._memory.commit(puts=here, drops=[*drops, *(record.name for record in there)])
        gone = {name.key for name in drops if not name.scope}
        self._whole -= gone
        self._fleeting -= gone
        return bool(noted)

    def require_room(self) -> None:
        """See `Vault.require_room`."""
        self._vault.require_room()

    def expire(self, now: float) -> int:
        """See `Vault.expire`; for right after opening, when nothing lives in memory."""
        return self._vault.expire(now)

    def first_end(self, kind: str, scope: bytes) -> float | None:
        """See `Vault.first_end`."""
        ends = (vault.first_end(kind, scope) for vault in (self._memory, self._vault))
        return min((end for end in ends if end is not None), default=None)

    def get(self, name: Name) -> bytes | None:
        """See `Vault.get`."""
        value = self._memory.get(name)
        return self._vault.get(name) if value is None else value

    def scan(self, kind: str, scope: bytes = b"") -> list[Record]:
        """See `Vault.scan`."""
        return [*self._memory.scan(kind, scope), *self._vault.scan(kind, scope)]

    def close(self) -> None:
        """Wipe what lives in memory, and close the vault."""
        self._memory.close()
        self._vault.close()

    def _learn(self, record: Record) -> bool:
        """Take in what a record says of where it and others live; whether a conversation must move."""
        key = record.name.key
        match record.name.kind:
            case "identity":
                if unpack(record.value, IdentityRecord).disposable:
                    self._whole.add(key)
            case "invite":
                if unpack(record.value, InviteRecord).identity in self._whole:
                    self._whole.add(key)
            case "contact":
                contact = unpack(record.value, ContactRecord)
                if contact.identity in self._whole:
                    self._whole.add(key)
                elif contact.memory is not (key in self._fleeting):
                    self._fleeting ^= {key}
                    return True
        return False

    def _of_conversation(self, contact: bytes) -> Iterator[Record]:
        for kind in FLEETING:
            yield from self.scan(kind, contact)

    def _in_memory(self, record: Record) -> bool:
        name = record.name
        if not {name.key, name.scope}.isdisjoint(self._whole):
            return True
        if name.scope not in self._fleeting or name.kind not in FLEETING:
            return False
        return name.kind != "outgoing" or unpack(record.value, OutgoingRecord).kind == "text"
