"""Secrets found in bytes: where, how many at once, and what a stride leaves out."""

from __future__ import annotations

import os

import pytest

from onionchat.lab.needles import Needles, Sought

KEY = bytes(range(3, 253, 8))
TEXT = bytes(range(100, 196))


def found(data: bytes, *, stride: int = 1) -> list[tuple[int, int, bool]]:
    sought = [Sought(kind="key", data=KEY), Sought(kind="text", data=TEXT)]
    return list(Needles(sought, stride=stride).find(data))


@pytest.mark.parametrize("stride", [1, 8])
@pytest.mark.parametrize("before", [0, 1, 7, 8, (1 << 16) - 5, 1 << 17])
def test_what_is_there_is_found_at_its_place(before: int, stride: int) -> None:
    hay = bytes(before) + KEY + b"between" + TEXT + b"after"
    assert sorted(found(hay, stride=stride)) == [(0, before, True), (1, before + len(KEY) + 7, True)]


def test_a_part_is_told_from_the_whole() -> None:
    assert found(b"." * 50 + KEY[8:20] + b"." * 50) == [(0, 42, False)]
    assert found(KEY[8:]) == [(0, -8, False)]


@pytest.mark.parametrize(("size", "stride", "seen"), [(8, 1, True), (7, 1, False), (15, 8, True)])
def test_the_stride_says_how_much_of_a_secret_is_needed(size: int, stride: int, *, seen: bool) -> None:
    for start in range(len(TEXT) - size):
        assert bool(found(b"\xff" * 9 + TEXT[start : start + size], stride=stride)) is seen


def test_among_thousands_each_is_known() -> None:
    secrets = [os.urandom(32) for _ in range(3000)]
    needles = Needles([Sought(kind="key", data=secret) for secret in secrets], stride=8)
    hay = b"".join(os.urandom(40) + secret for secret in secrets[::7])
    assert {number for number, _, whole in needles.find(hay) if whole} == set(range(0, 3000, 7))
