"""Who goes off line is gone within one tick, and stays away: in simulated time, with the shipped loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import requests
from onionchat.engine.main import MAX_GRACE_SECONDS, go_offline
from onionchat.store import MemoryVault
from tests.engine import core
from tests.engine.core import Person, people, random_text, until
from tests.engine.wire import TurnedMetronome

SCHEDULES: dict[str, requests.AnyRequest] = {
    "usual": requests.ScheduleSet(),
    "quick": requests.ScheduleSet(tick=0.5),
    "slow": requests.ScheduleSet(tick=30.0),
    "poisson": requests.ScheduleSet(level="poisson"),
    "burst": requests.ScheduleSet(level="burst"),
    "batches of 8": requests.ScheduleSet(batch=8),
    "budget": requests.BudgetSet(kilobytes=0.976),
}
AHEAD = 0.0011
"""Seconds by which the simulated edge of a metronome may run ahead."""


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


@pytest.fixture(autouse=True)
def _turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "PlayedMetronome", TurnedMetronome)
    TurnedMetronome.made = []


def online(person: Person) -> bool:
    return [contact.presence for contact in person.engine.opened().contacts.values()] == ["online"]


async def meet(ada: Person, bob: Person, schedule: str) -> None:
    for person in (ada, bob):
        person.identity()
        person.ask(SCHEDULES[schedule])
    bob.accept(ada.invite())
    await until(lambda: online(ada) and online(bob))


@pytest.mark.parametrize("schedule", SCHEDULES)
async def test_every_link_ends_within_one_tick_and_none_begins(
    tmp_path: Path, clock: MockClock, schedule: str
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await meet(ada, bob, schedule)
        ada.send(random_text(5_000))
        begun, tick = trio.current_time(), ada.contact.pace.tick_ms / 1000
        latest = begun + min(tick, MAX_GRACE_SECONDS) + AHEAD
        await go_offline(ada.engine)
        assert trio.current_time() <= latest
        await trio.sleep(0.01)
        links = len(traces := TurnedMetronome.made[0].edge.traces)
        assert all(trace.ended for trace in traces)
        assert all(moment <= latest for trace in traces for moment, _ in trace.sent)
        assert len(ada.engine.connections) == 0
        await trio.sleep(600)  # whatever either of them tries
        assert len(traces) == links
        assert len(ada.engine.connections) == 0
        assert not online(ada)
        assert not online(bob)


async def test_a_link_that_begins_meanwhile_ends_with_the_others(tmp_path: Path, clock: MockClock) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await meet(ada, bob, "usual")
        await bob.kill()
        await until(lambda: not online(ada))
        async with trio.open_nursery() as nursery:
            await nursery.start(bob.live)
            await until(lambda: len(ada.engine.connections) > 0)
            with core.connect([ada.folder], ada.contact.onion.public) as visitor:
                visitor.setblocking(False)
                await trio.sleep(0.01)
                assert len(ada.engine.connections) > 1
                await go_offline(ada.engine)
                await trio.sleep(0.01)
                assert len(ada.engine.connections) == 0
                assert visitor.recv(1) == b""
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("burned", [False, True])
async def test_who_has_burned_everything_waits_for_no_link(
    tmp_path: Path, clock: MockClock, burned: bool
) -> None:
    async with people(tmp_path, MemoryVault(), MemoryVault()) as (ada, bob):
        await meet(ada, bob, "usual")
        ada.engine.burned = burned
        begun = trio.current_time()
        await go_offline(ada.engine)
        assert (trio.current_time() == begun) is burned
        await trio.sleep(0.01)
        assert len(ada.engine.connections) == 0
