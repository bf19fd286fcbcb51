"""Targets: what the vault reads from its files: header, slot, ways, root, pages, a value under its name."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from onionchat.crypto.passphrase import MIB, PassphraseCost
from onionchat.crypto.sealing import KEY_SIZE
from onionchat.errors import StoreError, VaultCorrupt
from onionchat.store.header import Header
from onionchat.store.page import (
    NO_TAG,
    PLAIN_SIZE,
    SLOTS_PER_PAGE,
    Entry,
    ended_in,
    key_at,
    put_entry,
    tags_in,
    until_at,
)
from onionchat.store.record import Name, Record, Tags
from onionchat.store.slot import MAX_VALUE, SIDE_SIZE
from onionchat.store.slot import _unframe as read_side
from onionchat.store.tree import unpack_root
from onionchat.store.ways import MAX_CREDENTIAL, WAYS_SIZE, Keyring, Needs, Ways

from .target import Run, Target, attempt, guarded, head, require

_CHECKSUM: Final = 16
_KEYRING: Final = 5 * KEY_SIZE
_PAGE: Final = 4 * PLAIN_SIZE // SLOTS_PER_PAGE
"""Bytes of the first four places: the others are like them."""


def _make_header() -> Run:
    def run(data: bytes) -> str:
        """After a zero the bytes as they are, after anything else with a right checksum behind them."""
        whole = data[1:] if data[:1] == b"\0" else _summed(data[1:], b"onionchat/1 head")
        found = attempt(lambda: Header.decode(whole), StoreError)
        require(found.encode() == whole, "a header has one form only")
        attempt(lambda: found.require(64 * MIB), StoreError)
        return "taken"

    return guarded(run)


def _summed(body: bytes, person: bytes) -> bytes:
    return body + blake2b(body, digest_size=_CHECKSUM, person=person).digest()


def _header_seeds() -> Sequence[bytes]:
    whole = Header(salt=bytes(16), cost=PassphraseCost(memory=512 * MIB, passes=3)).encode()
    return [b"\0" + whole, b"\1" + whole[:-_CHECKSUM], b"\1" + whole[:20]]


def _make_slot() -> Run:
    def run(data: bytes) -> str:
        """After a zero a side as it is; after anything else one with a right checksum."""
        side = data[1:]
        if data[:1] != b"\0":
            side = _summed(
                side[: SIDE_SIZE - _CHECKSUM].ljust(SIDE_SIZE - _CHECKSUM, b"\0"), b"onionchat/1 slot"
            )
        found = read_side(side)
        if found is None:
            return "refused"
        counter, value = found
        require(len(value) <= MAX_VALUE, "a value is at most what a side has room for")
        return f"taken {min(counter, 2)} {min(len(value), 2)}"

    return run


def _slot_seeds() -> Sequence[bytes]:
    return [b"\1" + bytes(7) + b"\1" + bytes((0, size)) + bytes(size) for size in (0, 5, 77)] + [
        b"\1" + bytes(8) + b"\xff\xff",
        b"\0" + bytes(SIDE_SIZE),
        b"\0",
    ]


def _make_ways() -> Run:
    def run(data: bytes) -> str:
        """After a zero the bytes as they are; after anything else as many as there must be.

        The last of them are read as a keyring, too, which else stands behind a seal.
        """
        whole = data[1:] if head(data) == 0 else data[1:][:WAYS_SIZE].ljust(WAYS_SIZE, b"\0")
        found = attempt(lambda: Ways.decode(whole), VaultCorrupt)
        require(found.encode() == whole, "ways have one form only")
        require(len(found.needs.credential) <= MAX_CREDENTIAL, "a credential is as long as there is room")
        inside = whole[-_KEYRING:]
        ring = Keyring.decode(inside)
        require(ring.encode() == inside, "a keyring has one form only")
        given = found.needs.of(ring.factors)
        require(
            found.needs.met_by(given) == found.needs.met_by(ring.factors), "what is not asked for is nothing"
        )
        return f"taken {found.needs.key_file} {min(len(found.needs.credential), 2)} {bool(ring.duress)}"

    return guarded(run)


def _ways_seeds() -> Sequence[bytes]:
    some = [Needs(), Needs(key_file=True), Needs(credential=b"key"), Needs(credential=bytes(MAX_CREDENTIAL))]
    whole = some[1].encode().ljust(WAYS_SIZE, b"\1")
    return [*(b"\1" + one.encode() for one in some), b"\0" + whole, b"\1" + whole, b"\1\2", b"\0"]


def _make_root() -> Run:
    def run(data: bytes) -> str:
        key, side, pages = attempt(lambda: unpack_root(data), VaultCorrupt)
        require(key + bytes((side,)) + pages.to_bytes(4, "big") == data, "a root has one form only")
        return f"taken {side} {min(pages, 2)}"

    return guarded(run)


def _make_page() -> Run:
    def run(data: bytes) -> str:
        page = bytearray(data[:_PAGE].ljust(_PAGE, b"\0"))
        kept = bytes(page)
        found = [(place, tags) for place, tags in enumerate(tags_in(page)) if tags[0] != NO_TAG]
        for place, tags in found[:3]:
            put_entry(page, place, Entry(key_at(page, place), Tags(*tags), until_at(page, place)))
        require(bytes(page) == kept, "what stands at a place is put back as it was")
        ended = dict(ended_in(page, 0.0))
        require(ended.items() <= dict(found).items(), "only what stands at a place has ended")
        return f"taken {min(len(found), 3)}"

    return run


def _make_value() -> Run:
    def run(data: bytes) -> str:
        found = attempt(lambda: Record.decode(data), VaultCorrupt)
        require(Record.decode(found.encode()) == found, "a value comes back as it was")
        Tags.of(found.name)
        return f"taken {min(len(found.value), 2)} {len(found.name.kind) > 0}"

    return guarded(run)


def _value_seeds() -> Sequence[bytes]:
    whole = Record(Name("message", bytes(16), bytes(16)), b"hello").encode()
    return [whole, whole[:60], whole[:9], b"\0\2\0\0\0\0\0\0\0\0\xff\xfe", bytes(8) + b"\xff\xff\xff\xff"]


TARGETS: Final = (
    Target(name="vault-header", make=_make_header, seeds=_header_seeds, longest=96),
    Target(name="vault-slot", make=_make_slot, seeds=_slot_seeds, longest=SIDE_SIZE + 16),
    Target(name="vault-ways", make=_make_ways, seeds=_ways_seeds, longest=WAYS_SIZE + 16),
    Target(
        name="vault-root",
        make=_make_root,
        seeds=lambda: [bytes(37), bytes(32) + b"\1\0\0\0\1", bytes(36)],
        longest=48,
    ),
    Target(name="vault-page", make=_make_page, seeds=lambda: [b"", bytes(range(192))], longest=_PAGE),
    Target(name="vault-value", make=_make_value, seeds=_value_seeds, longest=1100),
)
