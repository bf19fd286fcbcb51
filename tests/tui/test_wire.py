"""Schedules, presence, budgets and windows from the chat: of a contact, of an identity, and of all."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from onionchat.control import replies, requests
from onionchat.control.requests import AnyRequest
from onionchat.errors import ControlError
from onionchat.tui.screens.main import MainScreen
from onionchat.tui.screens.panel import Sheet
from onionchat.tui.widgets.choices import Choices

from .engine import BURST, EVERY_2_S, FakeEngine, contact, identity, shown, until

OF_ADA, OF_ALL = "For all contacts of Ada …", "For everybody …"
SHARE = "One rate for all links …"
FIVE = "5 kB/s: for each a cell every 2 s: waits 3 s, 98 MB a day"
EVERY_2_S_LINE = "a cell every 2 s: waits 3 s, 98 MB a day  (now)"
BURST_LINE = "when you send, NO protection: at once, 6 MB a day"


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.identities = [identity()]
    engine.contacts = [contact()]
    return engine


def offered(pilot: Pilot[None]) -> list[str]:
    """What the sheet that is open has to choose from; nothing before it knows."""
    screen = pilot.app.screen
    lists = screen.query(Choices) if isinstance(screen, Sheet) else ()
    return [str(option.prompt) for choices in lists for option in choices.options]


async def start(pilot: Pilot[None], *labels: str) -> None:
    """Open the sheet, and choose these one after the other."""
    await pilot.pause()
    await pilot.press("ctrl+l")
    await until(pilot, lambda: bool(offered(pilot)))
    await choose(pilot, *labels)


async def choose(pilot: Pilot[None], *labels: str) -> None:
    """On the sheet that is open, and on those that it opens."""
    for label in labels:
        await _choose(pilot, label)


async def _choose(pilot: Pilot[None], label: str) -> None:
    await until(pilot, lambda: label in offered(pilot))
    pilot.app.screen.query_one(Choices).highlighted = offered(pilot).index(label)
    await pilot.press("enter")
    await pilot.pause()


def set_by(engine: FakeEngine) -> list[AnyRequest]:
    """What the engine was asked for but to show."""
    kinds: tuple[type[Any], ...] = (
        requests.ScheduleSet,
        requests.BudgetSet,
        requests.PresenceSet,
        requests.WindowAsk,
    )
    return [one for one in engine.asked if isinstance(one, kinds)]


@pytest.mark.parametrize(
    ("labels", "request_made"),
    [
        ([OF_ADA, BURST_LINE], requests.ScheduleSet(identity="a1", level="burst", tick=2.0, batch=1)),
        ([OF_ALL, BURST_LINE], requests.ScheduleSet(level="burst", tick=2.0, batch=1)),
        ([OF_ADA, OF_ALL, BURST_LINE], requests.ScheduleSet(level="burst", tick=2.0, batch=1)),
        ([OF_ADA, "Appear offline as Ada"], requests.PresenceSet(visible=False, identity="a1")),
        ([OF_ALL, "Appear offline to everybody"], requests.PresenceSet(visible=False)),
        ([OF_ALL, SHARE, FIVE], requests.BudgetSet(kilobytes=5.0)),
    ],
)
async def test_what_is_wider_than_a_contact_is_set_from_there(
    engine: FakeEngine, labels: list[str], request_made: AnyRequest
) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot, *labels)
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert set_by(engine) == [request_made]


async def test_each_sheet_asks_about_its_own(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot, OF_ADA)
        assert "a contact of Ada for whom nothing else was chosen" in shown(app, "#sheet")
        await choose(pilot, OF_ALL)
        assert "a contact of yours for whom nothing else was chosen" in shown(app, "#sheet")
        assert OF_ALL not in offered(pilot)
        assert engine.of(requests.PolicyShow) == [
            requests.PolicyShow(contact="c1"),
            requests.PolicyShow(identity="a1"),
            requests.PolicyShow(),
        ]
        await pilot.press("escape", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert not set_by(engine)


@pytest.mark.parametrize("seconds", [16, 32, 64, 128, 256, 512, 1024])
async def test_a_window_is_asked_for_in_every_length(engine: FakeEngine, seconds: Any) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot, "Send much at once: ask Bob for a window …")
        assert len(offered(pilot)) == 7
        assert "20 cells leave each second" in shown(app, "#sheet")
        await choose(pilot, f"Ask Bob for a window of {seconds} s")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert set_by(engine) == [requests.WindowAsk(contact="c1", seconds=seconds)]


async def test_nobody_is_asked_for_a_window_who_is_offline(engine: FakeEngine) -> None:
    engine.contacts = [contact(presence="offline")]
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot)
        assert not any("window" in label for label in offered(pilot))


@pytest.mark.parametrize(
    ("people", "asked", "words"),
    [
        (1, requests.PolicyShow(identity="a1"), "a contact of Ada"),
        (0, requests.PolicyShow(), "a contact of yours"),
    ],
)
async def test_without_a_conversation_it_is_about_the_identity_or_all(
    engine: FakeEngine, people: int, asked: requests.PolicyShow, words: str
) -> None:
    engine.identities, engine.contacts = engine.identities[:people], []
    app = engine.app()
    async with app.run_test() as pilot:
        await start(pilot)
        assert words in shown(app, "#sheet")
        assert engine.of(requests.PolicyShow) == [asked]


async def test_while_a_budget_holds_it_is_what_can_be_changed(engine: FakeEngine) -> None:
    engine.policy = replace(engine.policy, source="budget", budget=5.0, places=4, otherwise=BURST)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot)
        assert "shared from 5 kB/s for all" in shown(app, "#sheet")
        assert EVERY_2_S_LINE not in offered(pilot)
        assert BURST_LINE not in offered(pilot)
        await choose(pilot, "One rate for all links: 5 kB/s …")
        assert engine.of(requests.PolicyShow)[-1] == requests.PolicyShow()
        none = f"No budget; where nothing was chosen, {BURST_LINE}"
        assert offered(pilot) == [f"{FIVE}  (now)", none]
        await choose(pilot, none)
        assert set_by(engine) == [requests.BudgetSet()]


async def test_without_a_budget_there_is_none_to_drop(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot, OF_ALL, SHARE)
        assert offered(pilot) == [FIVE]


@pytest.mark.parametrize(
    ("source", "labels", "request_made"),
    [
        ("contact", [], requests.ScheduleSet(contact="c1", inherit=True)),
        ("identity", [OF_ADA], requests.ScheduleSet(identity="a1", inherit=True)),
        ("vault", [OF_ALL], requests.ScheduleSet(inherit=True)),
    ],
)
async def test_what_was_chosen_is_dropped_where_it_was_chosen_and_its_cost_shown(
    engine: FakeEngine, source: replies.Source, labels: list[str], request_made: requests.ScheduleSet
) -> None:
    engine.policy = replace(engine.policy, schedule=BURST, source=source, otherwise=EVERY_2_S)
    forget = "Forget what was chosen here (a cell every 2 s: waits 3 s, 98 MB a day)"
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot, *labels, forget)
        assert set_by(engine) == [request_made]


async def test_what_was_chosen_elsewhere_is_not_dropped_here(engine: FakeEngine) -> None:
    engine.policy = replace(engine.policy, source="vault", otherwise=BURST)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot)
        assert not any("Forget" in label for label in offered(pilot))


async def test_what_is_refused_leaves_the_sheet_open_and_says_why(engine: FakeEngine) -> None:
    engine.refuse[requests.BudgetSet] = ControlError("budget-too-small", "less than a cell for each")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await start(pilot, OF_ALL, SHARE, FIVE)
        assert "less than a cell for each" in shown(app, "#sheet")
        assert offered(pilot) == [FIVE]
