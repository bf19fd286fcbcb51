from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onionchat.metronome.numbers import WINDOW, UsedNumbers


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=60))
def test_a_number_is_accepted_once_and_only_near_the_highest(numbers: list[int]) -> None:
    used, seen = UsedNumbers(), set[int]()
    for number in numbers:
        old = bool(seen) and number <= max(seen) - WINDOW
        assert (number in used) == (number in seen or old)
        assert used.add(number) == (number not in seen and not old)
        if not old:
            seen.add(number)


def test_memory_does_not_grow() -> None:
    used = UsedNumbers()
    for number in range(0, 100 * WINDOW, 7):
        used.add(number)
    assert used._bits.bit_length() <= WINDOW
