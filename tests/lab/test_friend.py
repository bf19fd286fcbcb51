"""What the friendly peer answers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from onionchat.lab.friend import GREETING, SHORT_LIFE, TOPICS, answers


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("Hello!", "good to hear"),
        ("hi", "good to hear"),
        ("How do timers work?", "lifetime"),
        ("can I DELETE this?", "for both of us"),
        ("Is it quantum-safe: which keys?", "ML-KEM-768"),
        ("what does an observer learn", "one cell"),
        ("invites", "invite"),
        ("thanks, bye", "pleasure"),
        ("?", TOPICS),
        ("help", TOPICS),
    ],
)
def test_it_knows_its_topics(said: str, word: str) -> None:
    assert word in answers(said, 0)[0].text


def test_every_topic_that_it_offers_is_one() -> None:
    otherwise = {answers("xyzzy", turn)[0].text for turn in range(8)}
    for topic in TOPICS.partition(":")[2].strip(" .").split(", "):
        assert answers(topic, 0)[0].text not in otherwise


def test_it_never_falls_silent_and_does_not_repeat_itself_at_once() -> None:
    said = [answers("xyzzy", turn)[0].text for turn in range(6)]
    assert all(said)
    assert all(one != following for one, following in pairwise(said))


def test_a_word_within_a_word_is_no_greeting() -> None:
    assert "good to hear" not in answers("this chip is here", 0)[0].text


def test_it_shows_what_it_explains() -> None:
    assert answers("timer", 0)[-1].lifetime == SHORT_LIFE
    assert answers("delete", 0)[-1].regretted


def test_what_it_says_fits_one_cell() -> None:
    assert max(len(text.encode()) for text in (GREETING, TOPICS)) < 1000
