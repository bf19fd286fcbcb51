from __future__ import annotations

import time

import click
import pytest

from onionchat.cli.span import in_words, lifetime_seconds, lives, moment, read_lifetime
from onionchat.control.replies import Lifetime


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (90, "90 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (5400, "90 min"),
        (86400, "1 d"),
        (86401, "24 h"),
        (28 * 86400, "4 w"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_moment_of_today_has_no_date() -> None:
    noon = time.mktime((2026, 5, 1, 12, 4, 0, 0, 0, -1))
    assert moment(noon, noon + 3600) == "12:04"
    assert moment(noon, noon + 86400) == "2026-05-01 12:04"


@pytest.mark.parametrize("written", ["٣m", "4s", "5w", "", "1", "m", "99999999s", "1 d", "-1d"])
def test_what_is_no_lifetime_is_refused(written: str) -> None:
    with pytest.raises(click.BadParameter):
        lifetime_seconds(written)


@pytest.mark.parametrize(
    ("written", "lifetime", "words"),
    [
        ("once", "once", "go when read and closed"),
        ("off", "off", "stay until deleted"),
        ("5s", 5, "live 5 s"),
        ("4w", 28 * 86400, "live 4 w"),
    ],
)
def test_lifetimes_are_spans_or_words(written: str, lifetime: Lifetime, words: str) -> None:
    assert read_lifetime(written) == lifetime
    assert lives(lifetime) == words
