from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.crypto.skipped import (
    MAX_OLD_CHAINS,
    MAX_SKIPPED,
    MAX_SKIPPED_AGE,
    Chains,
    SkippedChain,
    add,
    expire,
    pack_key,
    retire,
    stored,
    take,
)

from .pairs import NOW, source

HEADERS = [bytes([index]) * 32 for index in range(9)]


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def records(*numbers: int, now: int = NOW) -> bytes:
    return b"".join(pack_key(number, now, key(number)) for number in numbers)


def test_a_key_is_given_once() -> None:
    chains = add(add((), HEADERS[0], records(1, 2, 9)), HEADERS[1], records(0))
    for number in (2, 9, 1):
        taken = take(chains, HEADERS[0], number)
        assert taken is not None
        assert taken[0] == key(number)
        chains = taken[1]
        assert take(chains, HEADERS[0], number) is None
    assert [chain.header_key for chain in chains] == [HEADERS[1]]


def test_what_is_not_there_is_not_found() -> None:
    chains = add((), HEADERS[0], records(1, 3))
    for number in (0, 2, 4, 2**32 - 1):
        assert take(chains, HEADERS[0], number) is None
    assert take(chains, HEADERS[1], 1) is None


def test_keys_of_the_same_chain_lie_together() -> None:
    chains = add(add((), HEADERS[0], records(1)), HEADERS[0], records(5))
    assert len(chains) == 1
    assert stored(chains) == 2


@given(sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=6))
def test_the_oldest_go_when_there_are_too_many(sizes: list[int]) -> None:
    chains: Chains = ()
    everything = []
    for header, size in zip(HEADERS, sizes, strict=False):
        chains = add(chains, header, records(*range(size)))
        everything += [(header, number) for number in range(size)]
    assert stored(chains) == min(len(everything), MAX_SKIPPED)
    for place, (header, number) in enumerate(everything):
        if place % 97 == 0 or abs(len(everything) - MAX_SKIPPED - place) < 2:
            kept = place >= len(everything) - MAX_SKIPPED
            assert (take(chains, header, number) is not None) == kept


def test_only_the_newest_old_chains_are_kept() -> None:
    chains: Chains = ()
    for header in HEADERS:
        chains = add(chains, header, records(1))
    assert [chain.header_key for chain in retire(chains)] == HEADERS[-MAX_OLD_CHAINS:]


def test_keys_expire_by_age() -> None:
    chains = add((), HEADERS[0], records(1, 2, now=NOW))
    chains = add(chains, HEADERS[0], records(3, now=NOW + 10))
    chains = add(chains, HEADERS[1], records(4, now=NOW + 20))
    end = NOW + MAX_SKIPPED_AGE
    assert stored(expire(chains, end)) == 4
    assert stored(expire(chains, end + 1)) == 2
    assert stored(expire(chains, end + 11)) == 1
    assert stored(expire(chains, end + 20)) == 1
    assert expire(chains, end + 21) == ()


def test_what_was_given_does_not_change() -> None:
    chains = add((), HEADERS[0], records(*range(1500)))
    before = [(chain.header_key, chain.records) for chain in chains]
    add(chains, HEADERS[1], records(*range(1000)))
    take(chains, HEADERS[0], 7)
    expire(chains, NOW + 2 * MAX_SKIPPED_AGE)
    assert [(chain.header_key, chain.records) for chain in chains] == before


def test_records_are_whole() -> None:
    with pytest.raises(ValueError, match="cut short"):
        SkippedChain(HEADERS[0], source(1)(45))


@pytest.mark.parametrize(
    ("header", "keys"), [(31, 1), (33, 1), (0, 1), (32, 0), (32, MAX_SKIPPED + 1)], ids=str
)
def test_a_chain_that_is_read_back_keeps_its_bounds(header: int, keys: int) -> None:
    full = msgspec.convert([bytes(32), records(1) * MAX_SKIPPED], SkippedChain)
    assert stored((full,)) == MAX_SKIPPED
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert([bytes(header), records(1) * keys], SkippedChain)
