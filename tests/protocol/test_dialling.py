"""When a contact is dialled again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onionchat.protocol.constants import DIAL_FIRST_SECONDS, DIAL_MAX_SECONDS
from onionchat.protocol.dialling import FAILURES_TO_TELL, REFUSALS_TO_TELL, Dialling


def always(byte: int) -> Callable[[int], bytes]:
    return lambda size: bytes([byte]) * size


def due(dialling: Dialling) -> float | None:
    return dialling.due


def told(dialling: Dialling) -> tuple[bool, bool]:
    return dialling.refused, dialling.fruitless


@pytest.mark.parametrize("byte", [0, 128, 255])
def test_waits_double_up_to_a_bound_and_keep_within_the_upper_half_of_their_span(byte: int) -> None:
    dialling = Dialling(always(byte))
    shares = []
    for failures in range(1, 400):
        dialling.failed(100.0, refused=False)
        span = min(DIAL_MAX_SECONDS, DIAL_FIRST_SECONDS * 2.0**failures)
        assert dialling.due is not None
        assert span / 2 <= dialling.due - 100.0 <= span
        shares.append((dialling.due - 100.0) / span)
    assert len(set(shares)) > 390
    assert min(shares) < 0.52
    assert max(shares) > 0.98


def test_waits_are_drawn_from_a_seed_of_their_own() -> None:
    """So nothing else that is drawn, or not, moves a dial."""
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return bytes([len(asked)]) * size

    one, other = Dialling(random), Dialling(random)
    waits = []
    for dialling in (one, other, Dialling(always(1))):
        for _ in range(5):
            dialling.lost(0.0)
            waits.append(dialling.due)
    assert asked == [32, 32]
    assert waits[:5] == waits[10:]
    assert not set(waits[:5]) & set(waits[5:10])


def test_before_any_failure_the_first_span_is_the_shortest() -> None:
    dialling = Dialling(always(1))
    dialling.lost(0.0)
    assert dialling.due is not None
    assert DIAL_FIRST_SECONDS / 2 <= dialling.due <= DIAL_FIRST_SECONDS


def test_a_peer_who_is_away_for_a_year_is_still_dialled() -> None:
    dialling = Dialling(always(1))
    for _ in range(2000):
        dialling.failed(0.0, refused=False)
    assert dialling.due is not None
    assert dialling.due <= DIAL_MAX_SECONDS


def test_a_link_that_was_lost_is_dialled_again_soon_however_long_it_took_before() -> None:
    dialling = Dialling(always(255))
    for _ in range(10):
        dialling.failed(0.0, refused=False)
    dialling.succeeded()
    dialling.pause()
    assert due(dialling) is None
    dialling.lost(50.0)
    assert dialling.due is not None
    assert DIAL_FIRST_SECONDS / 2 <= dialling.due - 50.0 <= DIAL_FIRST_SECONDS


def test_a_first_refusal_costs_no_wait_and_every_refusal_is_another_key() -> None:
    dialling = Dialling(always(255))
    for refusals in range(1, 5):
        dialling.failed(0.0, refused=True)
        assert dialling.refusals == refusals
        assert dialling.due is not None
        span = DIAL_FIRST_SECONDS * 2 ** (refusals - 1)
        assert span / 2 <= dialling.due <= span


def test_what_to_tell() -> None:
    dialling = Dialling(always(0))
    for _ in range(FAILURES_TO_TELL):
        assert told(dialling) == (False, False)
        dialling.failed(0.0, refused=False)
    for _ in range(REFUSALS_TO_TELL):
        assert told(dialling) == (False, True)
        dialling.failed(0.0, refused=True)
    assert told(dialling) == (True, True)
    dialling.succeeded()
    assert told(dialling) == (False, False)


def test_starting_is_at_once() -> None:
    dialling = Dialling(always(0))
    assert due(dialling) is None
    dialling.start(7.0)
    assert due(dialling) == 7.0
