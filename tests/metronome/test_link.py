from __future__ import annotations

import pytest

from onionchat.crypto.link import ReceivingCipher
from onionchat.metronome.channel import QUEUE_LIMIT
from onionchat.metronome.link import MAX_DELAY, SendingLink
from onionchat.protocol.cell import CellType, lay_out, take_apart

from .simulation import KEY


def a_link(*, tick: float = 2.0, now: float = 100.0, seed: int = 1) -> SendingLink:
    return SendingLink(key=KEY, tick=tick, now=now, seed=seed.to_bytes(32, "big"))


def have(number: int) -> bytes:
    return lay_out(CellType.HAVE, number.to_bytes(16, "big"))


def test_the_first_slot_begins_within_a_tick() -> None:
    dues = [a_link(seed=seed).due for seed in range(200)]
    assert all(100.0 <= due < 102.0 + MAX_DELAY for due in dues)
    assert min(dues) < 100.2
    assert max(dues) > 101.8


def test_each_cell_is_due_on_the_grid_with_a_delay_of_its_own() -> None:
    link = a_link()
    base, offsets = link._base, []
    for slot in range(300):
        offsets.append(link.due - base - slot * 2.0)
        link.advance()
    assert all(-1e-9 <= offset < MAX_DELAY + 1e-9 for offset in offsets)
    assert max(offsets) - min(offsets) > 0.9 * MAX_DELAY
    assert len(set(offsets)) > 250


def test_a_lost_slot_shifts_no_later_delay() -> None:
    steady, napping = a_link(), a_link()
    assert napping.missed(napping._base + 2 * 5.3)
    for _ in range(6):
        steady.advance()
    assert napping.due == steady.due


def test_a_slot_that_went_by_is_lost() -> None:
    link = a_link()
    cell, base = link.cell, link._base
    assert not link.missed(base + 1.999)
    assert link.missed(base + 2 * 5.3)
    assert base + 12 <= link.due < base + 12 + MAX_DELAY + 1e-9
    assert link.cell is cell


def test_laying_changes_neither_the_ready_cell_nor_its_moment() -> None:
    link = a_link()
    cell, due = link.cell, link.due
    assert link.lay(have(1))
    assert (link.cell, link.due) == (cell, due)
    assert (link.real, link.waiting) == (False, 1)
    link.advance()
    assert (link.real, link.waiting) == (True, 1)
    link.advance()
    assert (link.real, link.waiting) == (False, 0)


def test_the_queue_is_bounded() -> None:
    link = a_link()
    assert [link.lay(have(number)) for number in range(QUEUE_LIMIT + 1)] == [True] * QUEUE_LIMIT + [False]


def test_finishing_discards_what_waits_and_takes_nothing_more() -> None:
    link = a_link()
    link.lay(have(1))
    link.finish()
    link.finish()
    assert link.lay(have(2))
    assert (link.closing, link.waiting) == (False, 0)
    link.advance()
    assert (link.closing, link.real, link.waiting) == (True, False, 0)


@pytest.mark.parametrize("cells", [1100, 2100])
def test_the_peer_opens_every_cell_across_new_keys(cells: int) -> None:
    link, opener = a_link(), ReceivingCipher(KEY)
    for number in range(cells):
        cell_type, _ = take_apart(opener.open(link.cell))
        assert len(link.cell) == 1952
        assert cell_type == (CellType.HAVE if number % 2 else CellType.COVER)
        if number % 2 == 0:
            link.lay(have(number))
        link.advance()
