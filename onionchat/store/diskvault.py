"""The vault on the disk: sealed rows in SQLite, each under a key of its own in the key tree.

Laws: the order of a commit. Rows are synced first, then the tree, whose root is the only commit point; rows
that lost their key are deleted last and need not be gone. Killed at any moment, the next opening finds the
state before or after, never a mixture. A name that is put again gets another slot, so that the earlier row
is whole until the commit point. What has ended is erased by what the tree says of it: its row is not read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from ..crypto import RandomSource
from ..crypto.passphrase import PassphraseCost
from ..crypto.sealing import KEY_SIZE, seal, unseal
from ..errors import DecryptionError, DiskFull, LocalProtocolError, StoreError, VaultCorrupt
from .header import Header
from .index import Index
from .page import Entry
from .record import Name, Record, Tags, scope_tag
from .rootslot import RootSlot
from .rows import Rows
from .tree import KeyTree
from .unlocking import Unlocking
from .ways import Keyring

ROOM: Final = 1024 * 1024
"""Bytes that are to be free before anything is begun: more than a commit with the longest text takes, which
is stored twice and padded, beside a session, and by which the key tree may grow."""

_ROW_AD: Final = b"onionchat/1 row of the vault"


class DiskVault:
    """An open vault; made by `create_vault` and `open_vault`."""

    def __init__(
        self,
        tree: KeyTree,
        rows: Rows,
        *,
        root: RootSlot,
        header: Header,
        keyring: Keyring,
        random: RandomSource,
    ) -> None:
        self._tree = tree
        self._rows = rows
        self._random = random
        self.unlocking = Unlocking(root, header, keyring, self._change_key, random)
        """The ways to unlock this vault, to look at and to change."""
        self._index = Index()
        self._usable = True
        self._closed = False
        for places in tree.tags():
            self._index.add_page(places)
        self._match_rows()

    @property
    def amnesic(self) -> bool:
        """Never."""
        return False

    @property
    def cost(self) -> PassphraseCost:
        """What a try of the passphrase costs."""
        return self.unlocking.cost

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        """See `Vault.commit`. Four syncs for an erasure, five where something is put."""
        self._require_usable()
        named = {record.name: record for record in puts}
        freed = self._slots_of((*drops, *named))
        entries: dict[int, Entry] = {}
        rows: list[tuple[int, bytes]] = []
        for slot, record in zip(self._index.vacant(len(named)), named.values(), strict=True):
            entries[slot] = Entry(self._random(KEY_SIZE), Tags.of(record.name), record.until)
            rows.append(
                (slot, seal(entries[slot].key, record.encode(), ad=_row_ad(slot), random=self._random))
            )
        self._change(entries, rows, freed)

    def require_room(self) -> None:
        """See `Vault.require_room`."""
        self._require_usable()
        if self._tree.room < ROOM:
            raise DiskFull("the disk has no room for what the vault must keep")

    def expire(self, now: float) -> int:
        """See `Vault.expire`. As many syncs as any erasure has."""
        self._require_usable()
        freed = dict(self._tree.ended(now))
        self._change({}, [], freed)
        return len(freed)

    def get(self, name: Name) -> bytes | None:
        """See `Vault.get`."""
        self._require_usable()
        slot = self._index.slot_of(Tags.of(name))
        if slot is None:
            return None
        record = self._read(slot)
        if record.name != name:
            raise VaultCorrupt("a value of the vault stands under another name")
        return record.value

    def first_end(self, kind: str, scope: bytes = b"") -> float | None:
        """See `Vault.first_end`."""
        self._require_usable()
        first = self._tree.first_until(self._index.slots_in(scope_tag(kind, scope)))
        return None if first == math.inf else first

    def scan(self, kind: str, scope: bytes = b"") -> list[Record]:
        """See `Vault.scan`."""
        self._require_usable()
        return [self._read(slot) for slot in self._index.slots_in(scope_tag(kind, scope))]

    def close(self) -> None:
        """See `Vault.close`; doing it twice does no harm."""
        if self._closed:
            return
        self._closed = True
        self.unlocking.forget()
        self._tree.close()
        with suppress(StoreError):  # everything that must last is on the disk already
            self._rows.close()

    def _change(
        self, entries: Mapping[int, Entry], rows: Sequence[tuple[int, bytes]], freed: Mapping[int, Tags]
    ) -> None:
        if not entries and not freed:
            return
        try:
            if rows:
                self._rows.put(rows)
            self._tree.commit(entries, freed)
            self._index.apply(entries, freed, self._tree.page_count)
        except DiskFull:
            self._forget_rows(entries)
            raise
        except BaseException:  # even an interrupt leaves open what the disk holds now
            self._usable = False
            raise
        self._forget_rows(freed)

    def _change_key(self, key: bytes) -> None:
        self._require_usable()
        try:
            self._tree.change_key(key)
        except DiskFull:
            raise
        except BaseException:
            self._usable = False
            raise

    def _slots_of(self, names: Sequence[Name]) -> dict[int, Tags]:
        found = {}
        for name in names:
            tags = Tags.of(name)
            slot = self._index.slot_of(tags)
            if slot is not None:
                found[slot] = tags
        return found

    def _read(self, slot: int) -> Record:
        try:
            plain = unseal(self._tree.key(slot), self._rows.get(slot), ad=_row_ad(slot))
        except DecryptionError:
            raise VaultCorrupt("a value of the vault is damaged") from None
        return Record.decode(plain, until=self._tree.until(slot))

    def _forget_rows(self, slots: Iterable[int]) -> None:
        """Delete rows without a key; those that a failure leaves are dead, and go at the next opening."""
        with suppress(StoreError):
            self._rows.drop(slots)

    def _match_rows(self) -> None:
        """Delete rows that a crash left without a key, and miss none that has one."""
        if not self._tree.page_count:  # a new vault, or one that was burned to look like one
            self._rows.clear()
        present, keyed = self._rows.slots(), self._index.taken()
        if not keyed <= present:
            raise VaultCorrupt("rows of the vault are missing")
        if present != keyed:
            self._forget_rows(sorted(present - keyed))

    def _require_usable(self) -> None:
        if self._closed:
            raise LocalProtocolError("the vault was used after it was closed")
        if not self._usable:
            raise StoreError(
                "the vault stopped after the disk failed it",
                hint="check the disk, then start onionchat again",
            )


def _row_ad(slot: int) -> bytes:
    return _ROW_AD + slot.to_bytes(8)
