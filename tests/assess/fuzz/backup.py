"""Targets: a backup's head, which is read before its passphrase is tried, and what is sealed in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from onionchat.crypto.passphrase import MIB, PassphraseCost
from onionchat.errors import StoreError, VaultCorrupt
from onionchat.protocol.backup import is_whole, records_of
from onionchat.protocol.record import (
    BackupRecord,
    ContactRecord,
    IdentityRecord,
    SettingsRecord,
    pack,
    unpack,
)
from onionchat.store.backup import LEAST_SIZE, seal_backup
from onionchat.store.backup import _content_of as content_of
from onionchat.store.backup import _head_of as head_of

from .sample import samples
from .structure import behind, bend_packed
from .target import Run, Target, attempt, guarded, head, require

_HEAD: Final = 71
_LENGTH: Final = 4


def _make_head() -> Run:
    def run(data: bytes) -> str:
        """After a zero the bytes as they are, after anything else as the beginning of a whole file."""
        whole = data[1:] if head(data) == 0 else data[1:].ljust(LEAST_SIZE, b"\0")
        cost, salt = attempt(lambda: head_of(whole), StoreError)
        require(MIB // 128 <= cost.memory <= 1024 * MIB, "a file asks for no more memory than one may")
        require(0 < cost.passes <= 16, "nor for more time")
        require(salt == whole[31:47], "the salt is where it stands")
        return "taken"

    return guarded(run)


def _head_seeds() -> Sequence[bytes]:
    whole = seal_backup(b"", "x", random=bytes, cost=PassphraseCost(memory=MIB, passes=1))
    return [b"\1" + whole[:_HEAD], b"\1" + whole[:17], b"\0" + whole[:_HEAD], b"\0"]


def _make_content() -> Run:
    def run(data: bytes) -> str:
        """After a zero the plaintext as it is, after anything else with a right length in front."""
        content = data[1:]
        if head(data) == 0:
            content = attempt(lambda: content_of(data[1:].ljust(_LENGTH, b"\0")), VaultCorrupt)
        found = attempt(lambda: unpack(content, BackupRecord), msgspec.DecodeError)
        again = unpack(pack(found), BackupRecord)
        require(pack(again) == pack(found), "a backup comes back as it was")
        whole = is_whole(found)
        if whole:
            names = [key for key, _ in records_of(found)]
            require(len(set(names)) == len(names), "no record stands in another's place")
        return f"taken {whole} {min(len(found.identities), 2)} {min(len(found.contacts), 2)}"

    return guarded(run)


def _content_seeds() -> Sequence[bytes]:
    (sample,) = samples(BackupRecord)
    identity = IdentityRecord(id=bytes(16), name="a", created=1.0)
    contact = ContactRecord(
        id=bytes(16),
        identity=identity.id,
        name="b",
        created=1.0,
        lifetime=60,
        onion_seed=bytes(32),
        static_secret=bytes(32),
        peer_onion=bytes(32),
        peer_statics=[bytes(32)],
        recovery_psk=bytes(32),
        introduced=True,
    )
    empty = BackupRecord(made=1.0, settings=SettingsRecord(), identities=[], contacts=[])
    good = msgspec.structs.replace(empty, identities=[identity], contacts=[contact])
    packed = [pack(one) for one in (sample, empty, good)]
    return [*(b"\1" + one for one in packed), b"\0" + len(packed[1]).to_bytes(4, "big") + packed[1], b"\0"]


TARGETS: Final = (
    Target(name="backup-head", make=_make_head, seeds=_head_seeds, longest=96),
    Target(
        name="backup-content",
        make=_make_content,
        seeds=_content_seeds,
        longest=2048,
        mutate=behind(1, bend_packed),
    ),
)
