"""What the chat shows and sets of locking, and of messages without end."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from onionchat.control import requests
from onionchat.control.requests import AllowOff, LockAfter, LockDefault
from onionchat.errors import ControlError
from onionchat.tui.app import OnionchatApp
from onionchat.tui.screens.locking import LockingSheet
from onionchat.tui.screens.main import MainScreen
from onionchat.tui.screens.unlock import UnlockScreen

from .engine import FakeEngine, identity, shown, until


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.identities = [identity()]
    return engine


async def open_sheet(app: OnionchatApp, pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.press("f10")
    await pilot.pause()
    assert isinstance(app.screen, LockingSheet)
    await until(pilot, lambda: "one moment" not in shown(app, "#locking"))


async def test_the_vault_is_set_to_lock_itself_and_no_longer(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test(size=(80, 30)) as pilot:
        await open_sheet(app, pilot)
        assert "The vault locks only when you lock it" in shown(app, "#sheet")
        assert "never lock by itself (now)" in shown(app, "#sheet")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "when nobody was there for 5 minutes." in shown(app, "#locking"))
        assert "· the vault locks itself when nobody was there for 5 minutes" in shown(app, "#sheet")
        assert "lock when nobody was there for 5 minutes (now)" in shown(app, "#sheet")
        await pilot.press(*["down"] * 4, "enter")
        await until(pilot, lambda: "only when you lock it" in shown(app, "#locking"))
        assert engine.of(LockAfter) == [LockAfter(seconds=300), LockAfter(seconds=None)]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_links_receive_on_locking_and_no_longer(engine: FakeEngine) -> None:
    engine.lock_after = 600  # which is not among the choices
    app = engine.app()
    async with app.run_test(size=(80, 30)) as pilot:
        await open_sheet(app, pilot)
        assert "nobody was there for 10 minutes. Links end then" in shown(app, "#locking")
        assert "(now)" not in shown(app, "#sheet")
        await pilot.press(*["down"] * 6, "enter")
        await until(pilot, lambda: "stay up" in shown(app, "#locking"))
        await pilot.press("enter")
        await until(pilot, lambda: "Links end then" in shown(app, "#locking"))
        assert engine.of(LockDefault) == [LockDefault(receive=True), LockDefault(receive=False)]


async def test_messages_without_end_are_allowed_and_forbidden(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test(size=(80, 30)) as pilot:
        await open_sheet(app, pilot)
        await pilot.press("end", "up", "enter")
        await until(pilot, lambda: "messages may live without end, where" in shown(app, "#sheet"))
        engine.refuse[AllowOff] = ControlError(
            "still-off", "messages with Bob live without end", hint="set it"
        )
        await pilot.press("end", "enter")
        await until(pilot, lambda: "messages with Bob live without end – set it" in shown(app, "#sheet"))
        assert engine.of(AllowOff) == [AllowOff(allowed=True), AllowOff(allowed=False)]


async def test_what_is_in_memory_only_is_not_locked(engine: FakeEngine) -> None:
    engine.amnesic = True
    app = engine.app(amnesic=True)
    async with app.run_test(size=(80, 30)) as pilot:
        await open_sheet(app, pilot)
        assert "cannot be locked" in shown(app, "#locking")
        assert "nobody was there" not in shown(app, "#sheet")
        await pilot.press("enter")
        await until(pilot, lambda: engine.of(AllowOff) == [AllowOff(allowed=True)])


async def test_what_holds_cannot_be_learnt_and_that_is_said(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.pause()
        engine.refuse[requests.Status] = ControlError("too-slow", "the engine is too busy")
        await pilot.press("f10")
        await pilot.pause()
        await until(pilot, lambda: "the engine is too busy" in shown(app, "#sheet"))


@pytest.mark.parametrize(
    ("links", "says"),
    [(0, ""), (1, "still receiving from 1 contact:"), (3, "still receiving from 3 contacts:")],
)
async def test_a_locked_vault_that_receives_says_so(engine: FakeEngine, links: int, says: str) -> None:
    engine.vault, engine.receiving = "locked", links
    app = engine.app()
    async with app.run_test() as pilot:
        await until(pilot, lambda: len(engine.of(requests.Status)) == 2)
        await pilot.pause()
        assert isinstance(app.screen, UnlockScreen)
        assert ("receiving" in shown(app)) is bool(links)
        assert says in shown(app)
        engine.receiving = 0
        app.screen._look_at_links()
        await until(pilot, lambda: "receiving" not in shown(app))
