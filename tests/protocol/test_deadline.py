"""Deadlines against a plain dictionary that is searched each time."""

from __future__ import annotations

import math
from random import Random

from onionchat.protocol.deadline import SLACK, Deadlines


def test_it_says_what_a_plain_dictionary_says() -> None:
    random = Random(1)
    plain: dict[bytes, float] = {}
    deadlines = Deadlines()
    now = 0.0
    for _ in range(5000):
        name = bytes([random.randrange(40)])
        match random.randrange(4):
            case 0 | 1:
                plain[name] = random.choice((now + random.randrange(50), math.inf))
                deadlines.give(name, plain[name])
            case 2:
                plain.pop(name, None)
                deadlines.forget(name)
            case _:
                now += random.randrange(3)
                due = [name for name, time in plain.items() if time <= now]
                taken = deadlines.take(now)
                assert sorted(taken) == sorted(due)
                assert [plain[name] for name in taken] == sorted(plain[name] for name in due)
                for gone in due:
                    del plain[gone]
        times = [time for time in plain.values() if time < math.inf]
        assert deadlines.next == min(times, default=None)
        assert set(deadlines) == set(plain)
        assert (name in deadlines) is (name in plain)


def test_names_stand_in_the_order_in_which_they_were_first_given() -> None:
    deadlines = Deadlines({b"b": 2.0, b"a": 1.0})
    deadlines.give(b"c", 0.5)
    deadlines.give(b"b", 9.0)
    assert list(deadlines) == [b"b", b"a", b"c"]


def test_changing_one_time_again_and_again_takes_no_room() -> None:
    deadlines = Deadlines()
    for time in range(10_000):
        deadlines.give(b"a", -float(time))
        deadlines.give(b"b", float(time))
    assert len(deadlines._heap) <= 2 * 2 + SLACK + 1
    assert deadlines.next == -9999.0


def test_what_it_is_made_with_is_due_like_what_comes_later() -> None:
    deadlines = Deadlines({b"never": math.inf, b"b": 2.0, b"a": 1.0})
    assert deadlines.next == 1.0
    assert deadlines.take(2.0) == [b"a", b"b"]
    assert list(deadlines) == [b"never"]
    assert Deadlines({b"never": math.inf}).next is None


def test_a_time_that_is_given_twice_is_due_once() -> None:
    deadlines = Deadlines()
    for _ in range(10 * SLACK):
        deadlines.give(b"a", 1.0)
    assert len(deadlines._heap) <= 2 + SLACK + 1
    assert deadlines.take(1.0) == [b"a"]
    assert deadlines.next is None
