"""Target: the records of the core, as the vault gives them back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from onionchat.protocol import record

from .sample import samples
from .structure import behind, bend_packed
from .target import Run, Target, attempt, guarded, head, require

_KINDS: Final = (
    record.IdentityRecord,
    record.InviteRecord,
    record.ContactRecord,
    record.OutgoingRecord,
    record.MessageRecord,
    record.SeenRecord,
    record.SessionRecord,
    record.SettingsRecord,
    record.ClockRecord,
    record.GistRecord,
)


def _make() -> Run:
    def run(data: bytes) -> str:
        """The first byte says which kind of record is expected."""
        kind = _KINDS[head(data) % len(_KINDS)]
        found = attempt(lambda: record.unpack(data[1:], kind), msgspec.DecodeError)
        if isinstance(found, record.MessageRecord):
            require(found.expires is None or not found.expires > found.until, "no message outlives its time")
        if not _has_nan(msgspec.to_builtins(found)):
            require(record.unpack(record.pack(found), kind) == found, "a record comes back as it was")
        return f"taken {kind.__name__}"

    return guarded(run)


def _has_nan(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_nan, value.values()))
    return isinstance(value, float) and math.isnan(value)


def _seeds() -> Sequence[bytes]:
    return [bytes((place,)) + record.pack(samples(one)[0]) for place, one in enumerate(_KINDS)]


TARGETS: Final = (
    Target(name="record", make=_make, seeds=_seeds, longest=1024, mutate=behind(1, bend_packed)),
)
