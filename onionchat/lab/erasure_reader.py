"""The strongest reader of our own format: who has the passphrase and a copy of everything.

`read` opens a copy as the program does and hands out what the program never does: keys, and rows as they
stand on the disk. `reachable` follows no pointer and believes no checksum: it tries every key that it comes
to on every block where something sealed could stand, be it a file or the image of a whole disk.

Laws: it opens copies only, and changes nothing but them. Nothing is kept beyond the run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from ..crypto.sealing import OVERHEAD, unseal
from ..errors import DecryptionError, VaultCorrupt
from ..protocol.record import MessageRecord, OutgoingRecord, unpack
from ..store import DiskVault, Record, open_vault
from ..store.diskvault import _row_ad
from ..store.opening import FLOOR
from ..store.page import _ENTRY, PLAIN_SIZE
from ..store.tree import _PAGE, _PAGE_AD, _ROOT, _TABLE_AD, unpack_root

SEALED: Final = "sealed"
ROOT_SIZE: Final = OVERHEAD + _ROOT.size
_BLOCK: Final = 4096
_SEALED_PAGE: Final = OVERHEAD + PLAIN_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One value: of what kind, its key, the message's text if it holds one, and how it stands on the disk."""

    kind: str
    slot: int
    key: bytes = field(repr=False)
    text: str = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """What a passphrase gives.

    Attributes:
        key: of the tree's root.
        ad: what the root is bound to.
        at: where in a block a root stands.
    """

    key: bytes = field(repr=False)
    ad: bytes
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """All keys that lie open to somebody."""

    roots: frozenset[bytes] = field(repr=False)
    pages: frozenset[bytes] = field(repr=False)
    values: frozenset[bytes] = field(repr=False)

    def everything(self) -> frozenset[bytes]:
        """All of them."""
        return self.roots | self.pages | self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy of a vault, read with its passphrase."""

    folder: Path
    unlocked: Unlocked
    rows: tuple[Row, ...]

    def texts(self) -> frozenset[str]:
        """The texts of all messages in it."""
        return frozenset(row.text for row in self.rows if row.text)

    def files(self) -> list[bytes]:
        """Its files, as whoever copied them has them."""
        return [path.read_bytes() for path in sorted((self.folder / SEALED).iterdir())]


def copied(vault: Path, place: Path) -> Path:
    """Copy all that a vault keeps to a new place."""
    place.mkdir(mode=0o700)
    shutil.copytree(vault / SEALED, place / SEALED)
    return place


def read(copy: Path, passphrase: str, *, floor: int = FLOOR) -> Copy:
    """Open a copy with the passphrase and read all of it.

    Raises:
        StoreError: it does not open.
    """
    vault = open_vault(copy, passphrase, random=os.urandom, floor=floor)
    try:
        tree = vault._tree
        key, ad = bytes(tree._unlocking_key), tree._root_ad
        unlocked = Unlocked(key=key, ad=ad, at=_root_at((copy / SEALED / "root").read_bytes(), key, ad))
        rows = tuple(_row(vault, slot) for slot in sorted(vault._index.taken()))
    finally:
        vault.close()
    return Copy(folder=copy, unlocked=unlocked, rows=rows)


def reachable(contents: Sequence[bytes], unlocked: Unlocked) -> Reached:
    """Every key that ``unlocked`` leads to, from any block of any of ``contents``."""
    blocks = [block for content in contents for block in _blocks(content)]
    roots = {plain for block in blocks for plain in _roots(block, unlocked)}
    found = {unpack_root(root)[0]: unpack_root(root)[2] for root in roots}
    pages: set[bytes] = set()
    for root_key, count in found.items():
        pages |= set(_page_keys(contents, root_key, count))
    return Reached(
        roots=frozenset(found), pages=frozenset(pages), values=frozenset(_value_keys(blocks, pages))
    )


def opened_with(earlier: Copy, later: Reached) -> frozenset[str]:
    """The texts in an earlier copy that the keys of a later day open.

    Three ways are tried: the later roots on the earlier tables, the later page keys, those that this gave
    among them, on the earlier pages, and the later keys of values, with those, on the earlier rows.
    """
    pages = set(later.pages)
    for root_key in later.roots:
        for table in map(Path.read_bytes, sorted((earlier.folder / SEALED).glob("table.*"))):
            for count in range(1, (len(table) - OVERHEAD) // _PAGE.size + 1):
                pages |= set(_page_keys([table], root_key, count))
    blocks = [block for content in earlier.files() for block in _blocks(content)]
    values = later.values | frozenset(_value_keys(blocks, pages))
    return frozenset(row.text for row in earlier.rows if row.text and _opens(row, values))


def _opens(row: Row, keys: frozenset[bytes]) -> bool:
    """Whether one of ``keys`` opens a row: no other than its own can."""
    return row.key in keys and any(_plain(row.key, row.sealed, _row_ad(row.slot)))


def _row(vault: DiskVault, slot: int) -> Row:
    key, sealed = vault._tree.key(slot), vault._rows.get(slot)
    try:
        record = Record.decode(unseal(key, sealed, ad=_row_ad(slot)))
        text = _text(record)
    except (DecryptionError, msgspec.DecodeError):
        raise VaultCorrupt("a value of the vault is damaged") from None
    return Row(kind=record.name.kind, slot=slot, key=key, text=text, sealed=sealed)


def _text(record: Record) -> str:
    """A message's, or that of one which waits for its acknowledgement."""
    match record.name.kind:
        case "message":
            return unpack(record.value, MessageRecord).text
        case "outgoing":
            waits = unpack(record.value, OutgoingRecord)
            return waits.data.decode() if waits.kind == "text" else ""
    return ""


def _blocks(content: bytes) -> Iterator[bytes]:
    """Blocks that hold anything."""
    for at in range(0, len(content), _BLOCK):
        block = content[at : at + _BLOCK]
        if any(block):
            yield block


def _root_at(content: bytes, key: bytes, ad: bytes) -> int:
    """Where in its block the root stands that holds."""
    for at in range(len(content) - ROOT_SIZE + 1):
        if any(_plain(key, content[at : at + ROOT_SIZE], ad)):
            return at % _BLOCK
    raise VaultCorrupt("the copy has no root")


def _roots(block: bytes, unlocked: Unlocked) -> Iterator[bytes]:
    yield from _plain(unlocked.key, block[unlocked.at : unlocked.at + ROOT_SIZE], unlocked.ad)


def _page_keys(contents: Sequence[bytes], root_key: bytes, count: int) -> Iterator[bytes]:
    """The keys in every table of so many pages."""
    size = OVERHEAD + count * _PAGE.size
    for content in contents:
        for at in range(0, len(content) - size + 1, _BLOCK):
            for table in _plain(root_key, content[at : at + size], _TABLE_AD):
                yield from (key for _, key in _PAGE.iter_unpack(table))


def _value_keys(blocks: Sequence[bytes], pages: set[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for page_key in pages:
            for page in _plain(page_key, block[:_SEALED_PAGE], _PAGE_AD):
                yield from (key for key, *_ in _ENTRY.iter_unpack(page) if any(key))


def _plain(key: bytes, sealed: bytes, ad: bytes) -> Iterator[bytes]:
    try:
        yield unseal(key, sealed, ad=ad)
    except DecryptionError:
        return
