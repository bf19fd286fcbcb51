"""What schedules, presence and windows look like to people, and what is refused unasked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from onionchat.control.replies import Budget, Policy, Window, WindowState

from .actor import BOB, BURST, EVERY_2_S, POLICY, Actor, answer


@pytest.fixture
def engine() -> Iterator[Actor]:
    with Actor() as actor:
        yield actor


def shown(policy: Policy) -> str:
    with Actor(answer=lambda request: policy) as engine:
        return engine.run("policy").stdout


def test_each_choice_shows_what_it_costs(engine: Actor) -> None:
    lines = engine.run("policy").stdout.splitlines()
    assert lines[0].endswith("constant, a cell every 2 s (nothing was set: the engine's default)")
    assert "waits 3 s, 97.6 MB a day" in lines[1]
    steady, burst = lines[-2:]
    assert "97.6 MB" in steady
    assert "6.5 MB" in burst
    assert "no protection against timing" in burst
    assert "no protection" not in steady


def test_a_schedule_without_cover_is_labelled_wherever_it_holds() -> None:
    text = shown(replace(POLICY, schedule=BURST, source="contact"))
    assert "warning   no protection against timing" in text
    assert "set for this contact" in text


def test_a_budget_says_how_it_is_shared() -> None:
    text = shown(replace(POLICY, source="budget", budget=20.0, places=8))
    assert "20 kB/s for all links, in a rotation of 8 places" in text


def test_what_all_links_could_share_shows_what_it_costs() -> None:
    shared = Budget(kilobytes=5.0, places=4, schedule=EVERY_2_S)
    title, row = shown(replace(POLICY, budgets=[shared])).splitlines()[-2:]
    assert title == "What all links could share (--budget), and what it costs:"
    assert row.split("  ")[-3:] == [
        "5 kB/s",
        "2 s",
        "a short message waits 3 s, 97.6 MB a day out for each contact on line",
    ]


def test_while_a_budget_holds_it_is_said_that_nothing_else_does() -> None:
    text = shown(replace(POLICY, source="budget", budget=20.0, places=8, otherwise=BURST))
    assert "it goes before every schedule" in text
    assert "without it  burst, cells leave when something is sent: a short message waits 0.01 s" in text
    assert "What could be chosen once there is no budget, and what it costs:" in text
    assert "once there is no budget" not in shown(POLICY)
    assert "without it" not in shown(POLICY)


def test_what_is_asked_about_is_shown_with_its_cost_and_its_warning() -> None:
    (row,) = [line for line in shown(replace(POLICY, asked=BURST)).splitlines() if "asked" in line]
    assert row.startswith("asked     burst, cells leave when something is sent: a short message waits 0.01 s")
    assert row.endswith("no protection against timing: whoever watches sees when something is sent")
    assert "asked" not in shown(POLICY)


@pytest.mark.parametrize(
    "words",
    [
        ["policy", "Bob", "--level", "burst", "--cost"],
        ["policy", "Bob", "--inherit", "--cost"],
        ["policy", "--budget", "20", "--cost"],
        ["policy", "--budget", "0", "--cost"],
    ],
    ids=" ".join,
)
def test_asking_for_the_cost_sets_nothing(engine: Actor, words: list[str]) -> None:
    result = engine.run(*words)
    assert result.exit_code == 0, result.output
    kinds = [type(each).__name__ for each in engine.asked]
    assert kinds.count("PolicyShow") == 1
    assert not {"ScheduleSet", "BudgetSet"} & set(kinds)


def test_who_hides_us_is_said() -> None:
    assert "hidden as this identity" in shown(replace(POLICY, visible=False, hidden_by="identity"))


@pytest.mark.parametrize(
    "words",
    [
        ["policy", "Bob", "--identity", "Ada"],
        ["policy", "--inherit", "--tick", "1"],
        ["policy", "Bob", "--budget", "20"],
        ["policy", "--budget", "20", "--level", "burst"],
        ["policy", "--tick", "0.1"],
        ["policy", "--tick", "nan"],
        ["policy", "--tick", "31"],
        ["policy", "--budget", "0.01"],
        ["policy", "--budget", "nan"],
        ["policy", "--batch", "3"],
        ["policy", "--tick", "31", "--cost"],
        ["policy", "--budget", "0.01", "--cost"],
        ["policy", "--level", "quick"],
        ["presence", "away"],
        ["window", "ask", "Bob", "60"],
    ],
    ids=" ".join,
)
def test_nonsense_is_refused_and_nothing_is_asked_for(engine: Actor, words: list[str]) -> None:
    result = engine.run(*words)
    assert result.exit_code == 2, result.output
    assert result.stderr
    assert "Traceback" not in result.stderr
    assert not [each for each in engine.asked if type(each).__name__ in {"ScheduleSet", "BudgetSet"}]


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ("none", "none", "There is no window."),
        ("asked", "none", "You asked for a window of 64 s; it begins when they agree."),
        ("none", "asked", "They ask for a window of 64 s: agree or decline."),
        ("open", "open", "Your window of 64 s is open.\nTheir window of 64 s is open."),
    ],
)
def test_windows_in_words(ours: WindowState, theirs: WindowState, words: str) -> None:
    met = replace(BOB, window=Window(state=ours, seconds=64), their_window=Window(state=theirs, seconds=64))
    with Actor(answer=lambda request: answer(request) if "List" in type(request).__name__ else met) as engine:
        assert engine.run("window", "agree", "Bob").stdout.strip() == words
