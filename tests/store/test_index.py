from __future__ import annotations

import math
from itertools import repeat

from onionchat.store.index import Index
from onionchat.store.page import NO_TAG, SLOTS_PER_PAGE, Entry
from onionchat.store.record import Tags

FREE = (NO_TAG, NO_TAG)


def tags(number: int, scope: int = 0) -> Tags:
    return Tags(b"name" + number.to_bytes(12), b"scop" + scope.to_bytes(12))


def entry(number: int, scope: int = 0) -> Entry:
    return Entry(bytes(32), tags(number, scope), math.inf)


def test_it_finds_what_was_put_and_no_more() -> None:
    index = Index()
    assert index.vacant(3) == [0, 1, 2]
    index.apply({0: entry(10), 1: entry(11, scope=1), 2: entry(12)}, {}, 1)
    assert [index.slot_of(tags(number)) for number in (10, 11, 12, 13)] == [0, 1, 2, None]
    assert index.slots_in(tags(0).scope) == [0, 2]
    assert index.slots_in(tags(0, scope=1).scope) == [1]
    assert index.slots_in(tags(0, scope=2).scope) == []
    assert index.taken() == {0, 1, 2}


def test_freed_slots_are_taken_again_before_a_page_is_added() -> None:
    index = Index()
    index.apply({slot: entry(slot) for slot in range(SLOTS_PER_PAGE)}, {}, 1)
    assert index.vacant(2) == [SLOTS_PER_PAGE, SLOTS_PER_PAGE + 1]
    index.apply({}, {5: tags(5), 9: tags(9)}, 1)
    assert index.vacant(3) == [9, 5, SLOTS_PER_PAGE]
    assert index.slot_of(tags(5)) is None


def test_a_name_moves_to_its_new_slot() -> None:
    index = Index()
    index.apply({0: entry(1)}, {}, 1)
    index.apply({1: entry(1)}, {0: tags(1)}, 1)
    assert index.slot_of(tags(1)) == 1
    assert index.slots_in(tags(1).scope) == [1]
    assert 0 in index.vacant(SLOTS_PER_PAGE)


def test_it_is_rebuilt_from_pages() -> None:
    index = Index()
    index.add_page([tags(0), *repeat(FREE, SLOTS_PER_PAGE - 2), tags(2)])
    index.add_page(repeat(FREE, SLOTS_PER_PAGE))
    assert index.taken() == {0, SLOTS_PER_PAGE - 1}
    assert sorted(index.vacant(2 * SLOTS_PER_PAGE - 2)) == [
        slot for slot in range(2 * SLOTS_PER_PAGE) if slot not in index.taken()
    ]


def test_an_entry_keeps_its_key_out_of_its_repr() -> None:
    assert "classified" not in repr(Entry(b"classified", tags(1), 5.0))
