from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from onionchat.control.replies import Lifetime, TorState
from onionchat.tui import wording

from .engine import NOW, contact, message


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "5 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (5400, "90 minutes"),
        (3600, "1 hour"),
        (86_400, "1 day"),
        (604_800, "1 week"),
        (4 * 604_800, "4 weeks"),
        (0, "0 seconds"),
    ],
)
def test_span(seconds: int, words: str) -> None:
    assert wording.span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.2, "1 s"),
        (44.1, "45 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_400, "1 d"),
        (6 * 86_400 + 7300, "6 d 2 h"),
    ],
)
def test_short_span(seconds: float, words: str) -> None:
    assert wording.short_span(seconds) == words


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("3d", 259_200), ("1w", 604_800), (" 4 W ", 2_419_200)],
)
def test_parse_span(typed: str, seconds: int) -> None:
    assert wording.parse_span(typed) == seconds


@pytest.mark.parametrize("typed", ["", "90", "s", "-5s", "1.5h", "4s", "5w", "9999999w", "10 minutes", "٣d"])
def test_parse_span_refuses(typed: str) -> None:
    with pytest.raises(ValueError, match=r"type a number|can live from"):
        wording.parse_span(typed)


def test_clock_names_another_day() -> None:
    then = datetime(2024, 5, 3, 12, 4).timestamp()
    assert wording.clock(then, then + 60) == "12:04"
    assert wording.clock(then, then + 2 * 86_400) == "3 May 12:04"
    assert wording.since(then, then + 60) == "since 12:04"
    assert wording.since(then, then + 2 * 86_400) == "since 3 May"


def test_time_left_before_and_after_the_clock_starts() -> None:
    assert wording.time_left(message("01", mine=True, state="sent"), NOW) == "1 d from delivery"
    assert wording.time_left(message("01", state="received"), NOW) == "1 d from reading"
    assert wording.time_left(message("01", expires=NOW + 45), NOW) == "45 s left"
    assert wording.time_left(message("01", system=True), NOW) == ""


def test_states_differ_in_words() -> None:
    words = [
        wording.state(message("01", mine=True, state="queued")),
        wording.state(message("01", mine=True, state="sent")),
        wording.state(message("01", mine=True, state="delivered")),
        wording.state(message("01", mine=True, state="read")),
    ]
    assert words == ["○ queued", "→ sent", "✓ delivered", "✓✓ read"]


def test_presence() -> None:
    assert wording.presence(contact(), NOW).startswith("● online since ")
    assert wording.presence(contact(presence="connecting"), NOW) == "◐ connecting"
    assert wording.presence(contact(presence="offline"), NOW) == "○ offline"
    assert wording.presence(contact(presence="offline", introduced=False), NOW) == "○ not met yet"


def test_tor() -> None:
    assert wording.tor(TorState(mode="managed", percent=45, words="loading")) == "Tor 45 %: loading"
    assert wording.tor(TorState(mode="managed", percent=100, ready=True)) == "Tor is ready"
    assert wording.tor(TorState(mode="system", problem="no\x1b[2J\nanswer")) == "Tor: no answer"


def test_reachability() -> None:
    assert wording.reachability(0, 0, None, NOW) == "no address yet"
    assert wording.reachability(1, 0, None, NOW) == "not reachable yet"
    assert wording.reachability(4, 3, None, NOW) == "3 of 4 addresses reachable"
    assert wording.reachability(4, 4, NOW, NOW).startswith("reachable since ")
    assert wording.reachability(4, 4, None, NOW) == "reachable"


def test_a_name_is_never_empty() -> None:
    assert wording.name("\u202e\u200b") == "(no name)"
    assert wording.name(" Ada\n") == "Ada"


@pytest.mark.parametrize(
    ("typed", "lifetime", "said", "does"),
    [
        (" Once ", "once", "gone when read and closed", "go when read and closed"),
        ("off", "off", "kept until deleted", "stay until deleted"),
        ("2h", 7200, "2 hours", "live 2 hours"),
    ],
)
def test_a_lifetime_is_a_span_or_a_word(typed: str, lifetime: Lifetime, said: str, does: str) -> None:
    assert wording.parse_lifetime(typed) == lifetime
    assert (wording.lifetime(lifetime), wording.lives(lifetime)) == (said, does)


@pytest.mark.parametrize(
    ("lifetime", "expires", "left"),
    [
        ("once", None, "once"),
        ("once", NOW + 600, "gone when closed"),
        ("off", None, "kept"),
        (60, None, "60 s from reading"),
        (60, NOW + 30, "30 s left"),
    ],
)
def test_what_is_left_of_a_message(lifetime: Lifetime, expires: float | None, left: str) -> None:
    one = msgspec.structs.replace(message("01", "hello"), lifetime=lifetime, expires=expires)
    assert wording.time_left(one, NOW) == left
