from __future__ import annotations

import os

import pytest

from onionchat.crypto.passphrase import DEFAULT_COST, MIB, PassphraseCost
from onionchat.errors import StoreError, VaultCorrupt, VaultTooNew
from onionchat.store.header import FORMAT_VERSION, Header

HEADER = Header(salt=bytes(range(16)), cost=DEFAULT_COST)
VERSION_AT = len(b"onionchat vault\n")


def test_round_trip() -> None:
    assert Header.decode(HEADER.encode()) == HEADER


def test_any_damaged_byte_is_told() -> None:
    data = HEADER.encode()
    for at in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            with pytest.raises((VaultCorrupt, VaultTooNew)):
                Header.decode(damaged)


def test_any_other_length_is_told() -> None:
    data = HEADER.encode()
    for other in (*(data[:size] for size in range(len(data))), data + b"\0", os.urandom(len(data))):
        with pytest.raises(VaultCorrupt):
            Header.decode(other)


def test_a_later_format_is_recognised_whatever_follows() -> None:
    later = HEADER.encode()[:VERSION_AT] + (FORMAT_VERSION + 1).to_bytes(2) + b"who knows what"
    with pytest.raises(VaultTooNew, match=f"format {FORMAT_VERSION + 1}"):
        Header.decode(later)


@pytest.mark.parametrize(
    "cost",
    [
        PassphraseCost(memory=2**50, passes=3),
        PassphraseCost(memory=512 * MIB, passes=0),
        PassphraseCost(memory=512 * MIB, passes=2**31),
    ],
)
def test_no_header_makes_us_work_without_bound(cost: PassphraseCost) -> None:
    with pytest.raises(VaultCorrupt):
        Header.decode(Header(salt=bytes(16), cost=cost).encode())


def test_a_floor_is_a_floor() -> None:
    HEADER.require(512 * MIB)
    with pytest.raises(StoreError, match="512 MiB"):
        HEADER.require(512 * MIB + 1)


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION))
def test_an_earlier_format_is_named(version: int) -> None:
    earlier = HEADER.encode()[:VERSION_AT] + version.to_bytes(2) + HEADER.encode()[VERSION_AT + 2 :]
    with pytest.raises(VaultCorrupt, match=f"format {version}"):
        Header.decode(earlier)
