from __future__ import annotations

import os
import re

import pytest

from onionchat.client.phrase import (
    new_passphrase,
    new_recovery_words,
    recovery_words,
    strength,
)
from onionchat.errors import ConfigError

# BIP-39's own vectors, for 128 bits
PUBLISHED = {
    "00" * 16: "abandon " * 11 + "about",
    "7f" * 16: "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "80" * 16: "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "ff" * 16: "zoo " * 11 + "wrong",
    "9e885d952ad362caeb4efe34a8e91bd2": (
        "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic"
    ),
}


@pytest.mark.vectors
@pytest.mark.parametrize("entropy", PUBLISHED)
def test_recovery_words_are_those_of_the_specification(entropy: str) -> None:
    assert new_recovery_words(lambda size: bytes.fromhex(entropy)) == PUBLISHED[entropy]


def test_recovery_words_may_be_typed_as_people_type() -> None:
    words = new_recovery_words(os.urandom)
    assert recovery_words(words) == words
    assert recovery_words(f"  {words.upper()}\n") == words
    assert recovery_words("  ".join(word[:4] for word in words.split())) == words


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "12, not 0"),
        ("abandon " * 11, "12, not 11"),
        ("abandon " * 12, "one of the words is another"),
        ("abandon " * 10 + "about abandon", "changed places"),
        ("abandon " * 10 + "bonfire about", "word 11 is not"),
        ("abandon " * 11 + "aboutly", "word 12 is not"),
    ],
)
def test_a_slip_of_the_pen_is_told_without_saying_a_word(typed: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        recovery_words(typed)
    assert not re.search("abandon|about", caught.value.message + caught.value.hint)


def test_a_passphrase_is_six_words_of_all_there_are() -> None:
    made = {new_passphrase(os.urandom) for _ in range(200)}
    assert len(made) == 200
    assert {len(one.split()) for one in made} == {6}
    assert len({word for one in made for word in one.split()}) > 800
    first, last = new_passphrase(bytes), new_passphrase(lambda size: b"\xff" * size)
    assert (first, last) == (" ".join(["abandon"] * 6), " ".join(["zoo"] * 6))


@pytest.mark.parametrize(
    ("passphrase", "level"),
    [
        ("", "very weak"),
        ("password", "very weak"),
        ("hunter2", "very weak"),
        ("onionchat", "very weak"),
        ("Tr0ub4dor&3", "weak"),
        ("abandon abandon abandon abandon abandon abandon", "weak"),
        ("jungle-9-Teapots", "fair"),
        ("wq8fk2-zz0ovn-pl4xma-77tqe", "strong"),
        ("é" * 500, "very weak"),
    ],
)
def test_strength_is_what_a_guesser_needs(passphrase: str, level: str) -> None:
    found = strength(passphrase)
    assert found.level == level
    assert found.is_weak == ("weak" in level)
    assert found.words.startswith(f"{level}: ")


def test_a_passphrase_of_ours_is_strong() -> None:
    found = strength(new_passphrase(os.urandom))
    assert (found.bits, found.is_weak) == (66.0, False)
    assert "years" in found.words or "longer" in found.words


def test_times_are_words() -> None:
    spans = {
        strength(one).words.partition("need ")[2] for one in ("a", "Tr0ub4dor&3", "x" * 3 + "7Gk2!pQ9zKK")
    }
    assert "less than a second" in spans
    assert len(spans) == 3
