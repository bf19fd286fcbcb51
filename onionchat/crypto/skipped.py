"""Message keys of envelopes that did not arrive yet. docs/protocol.md, «Ratchet», bounds.

Laws: values here never change, so that a copy of the ratchet's state costs nothing; every bound is applied
where keys are added. A chain's keys lie in one string of fixed-size records, in the order of their numbers,
which is also that of their age.
"""

from __future__ import annotations

from bisect import bisect_left
from hmac import compare_digest
from struct import Struct
from typing import Annotated, Final

import msgspec

from .keys import KEY_SIZE
from .secret import Secret

MAX_SKIPPED_PER_STEP: Final = 1000
"""Keys that one envelope may make us skip in one chain: about a millisecond of work."""

MAX_SKIPPED: Final = 2000
"""Keys that are stored in all; the oldest go first."""

MAX_OLD_CHAINS: Final = 5
"""Chains before the current one whose header keys are kept, because keys of theirs are missing."""

MAX_SKIPPED_AGE: Final = 32 * 86_400
"""Seconds that a key is kept: longer than any store-and-forward holds an envelope."""

_RECORD: Final = Struct(">IQ32s")
_NUMBER_SIZE: Final = 4
_TIME_END: Final = 12

pack_key = _RECORD.pack
"""``pack_key(number, now, message_key)``: one record."""


class SkippedChain(
    Secret, msgspec.Struct, frozen=True, array_like=True, eq=False, forbid_unknown_fields=True
):
    """The keys that are missing from one chain: its header key and its records."""

    header_key: Annotated[bytes, msgspec.Meta(min_length=KEY_SIZE, max_length=KEY_SIZE)]
    records: Annotated[bytes, msgspec.Meta(min_length=_RECORD.size, max_length=MAX_SKIPPED * _RECORD.size)]

    def __post_init__(self) -> None:
        if len(self.records) % _RECORD.size:
            raise ValueError("a chain's records are cut short")


Chains = tuple[SkippedChain, ...]
"""Oldest first; those of the current receiving chain, where it has any, last."""


def stored(chains: Chains) -> int:
    """How many keys there are in all."""
    return sum(len(chain.records) for chain in chains) // _RECORD.size


def add(chains: Chains, header_key: bytes, records: bytes) -> Chains:
    """Append ``records`` (of ``pack_key``) to the newest chain, which ``header_key`` names or begins."""
    if chains and compare_digest(chains[-1].header_key, header_key):
        records = chains[-1].records + records
        chains = chains[:-1]
    chains = (*chains, SkippedChain(header_key, records))
    return _without_oldest(chains, stored(chains) - MAX_SKIPPED)


def retire(chains: Chains) -> Chains:
    """What is kept when a new receiving chain begins."""
    return chains[-MAX_OLD_CHAINS:]


def take(chains: Chains, header_key: bytes, number: int) -> tuple[bytes, Chains] | None:
    """The key of one envelope and the chains without it; None where it is not stored: a repeated envelope."""
    for place, chain in enumerate(chains):
        if not compare_digest(chain.header_key, header_key):
            continue
        records = chain.records
        start = _RECORD.size * bisect_left(
            range(len(records) // _RECORD.size), number, key=lambda index: _number(records, index)
        )
        end = start + _RECORD.size
        if records[start : start + _NUMBER_SIZE] != number.to_bytes(_NUMBER_SIZE, "big"):
            return None
        left = records[:start] + records[end:]
        kept = (SkippedChain(header_key, left),) if left else ()
        return records[start + _TIME_END : end], (*chains[:place], *kept, *chains[place + 1 :])
    return None


def expire(chains: Chains, now: int) -> Chains:
    """The chains without the keys that were skipped more than 32 days ago."""
    horizon = now - MAX_SKIPPED_AGE
    old = 0
    for chain in chains:
        for start in range(0, len(chain.records), _RECORD.size):
            time = int.from_bytes(chain.records[start + _NUMBER_SIZE : start + _TIME_END], "big")
            if time >= horizon:
                return _without_oldest(chains, old)
            old += 1
    return ()


def _number(records: bytes, index: int) -> int:
    start = index * _RECORD.size
    return int.from_bytes(records[start : start + _NUMBER_SIZE], "big")


def _without_oldest(chains: Chains, count: int) -> Chains:
    excess = count * _RECORD.size
    while excess > 0:
        oldest = chains[0]
        if len(oldest.records) > excess:
            return (SkippedChain(oldest.header_key, oldest.records[excess:]), *chains[1:])
        excess -= len(oldest.records)
        chains = chains[1:]
    return chains
