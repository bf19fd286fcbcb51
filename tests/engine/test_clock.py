"""The engine's time: it runs on whatever is done to the machine's clock."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from onionchat.control import notices, replies, requests
from onionchat.engine import engine as engine_module
from onionchat.engine.book import NOTE_SECONDS
from onionchat.engine.clock import TOLERATED, Clock, since_boot
from onionchat.protocol.record import ClockRecord, unpack
from onionchat.store import MemoryVault, Name
from tests.engine import core
from tests.engine.core import BEGIN, Person, people, until
from tests.engine.test_engine import introduce

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def clock() -> MockClock:
    return core.clock()


class Machine:
    """A computer whose clock can be set."""

    def __init__(self) -> None:
        self.wall = BEGIN
        self.up = 0.0

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.up += seconds

    def clock(self) -> Clock:
        return Clock(wall=lambda: self.wall, monotonic=lambda: self.up)


def test_the_clock_that_carries_on_counts_from_the_start_of_the_machine() -> None:
    assert 0 < since_boot() <= since_boot()


def test_setting_the_clock_back_while_running_changes_nothing() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall -= DAY
    machine.pass_time(10)
    assert clock.now() == pytest.approx(BEGIN + 10)
    assert clock.behind() == pytest.approx(DAY)


def test_a_jump_forward_is_followed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += DAY
    assert clock.now() == pytest.approx(BEGIN + DAY)
    assert clock.behind() == 0.0


def test_a_small_gap_is_not_worth_a_word() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall -= TOLERATED - 1
    assert clock.behind() == 0.0


def test_a_clock_that_was_set_back_while_nothing_ran_goes_on_from_what_was_seen() -> None:
    machine = Machine()
    machine.wall -= DAY
    clock = machine.clock()
    clock.carry_on(BEGIN, BEGIN)
    assert clock.now() == pytest.approx(BEGIN)
    machine.pass_time(HOUR)
    assert clock.now() == pytest.approx(BEGIN + HOUR)
    assert clock.behind() == pytest.approx(DAY)


def test_a_clock_that_stays_behind_still_tells_how_long_nothing_ran() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.carry_on(BEGIN + DAY, BEGIN - 2 * HOUR)
    assert clock.now() == pytest.approx(BEGIN + DAY + 2 * HOUR)


def test_a_clock_that_was_put_right_again_is_believed() -> None:
    """What it said meanwhile does not make the time run ahead."""
    machine = Machine()
    clock = machine.clock()
    clock.carry_on(BEGIN - HOUR, BEGIN - DAY)
    assert clock.now() == pytest.approx(BEGIN)


def seen(vault: MemoryVault) -> ClockRecord:
    value = vault.get(Name(kind="clock", scope=b"", key=b""))
    assert value is not None
    return unpack(value, ClockRecord)


def test_what_one_vault_had_seen_says_nothing_about_the_next() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.carry_on(BEGIN + DAY, BEGIN + DAY)
    assert clock.behind() == DAY
    clock.start_over()
    assert (clock.now(), clock.behind()) == (machine.wall, 0.0)


async def test_an_empty_vault_does_not_tell_what_the_one_before_had_seen(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, MemoryVault()) as (ada,):
        ada.engine.clock.carry_on(BEGIN + 30 * DAY, BEGIN + 30 * DAY)
        assert ada.engine.clock.behind() == pytest.approx(30 * DAY, abs=1)
        ada.ask(requests.Lock())
        ada.engine.open(MemoryVault())
        assert ada.engine.clock.behind() == 0.0


async def test_the_vault_is_told_the_time_with_what_is_stored_and_now_and_then(
    tmp_path: Path, clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "NOTE_TIME_SECONDS", 100.0)
    vault = MemoryVault()
    async with people(tmp_path, vault) as (ada,):
        ada.identity()
        engine = ada.engine
        first = seen(vault).seen
        assert engine.clock.now() - first < NOTE_SECONDS
        await until(lambda: seen(vault).seen > first, 2 * engine_module.NOTE_TIME_SECONDS)
        assert seen(vault).seen - first >= engine_module.NOTE_TIME_SECONDS


class Kept(MemoryVault):
    """A vault that survives its engine."""

    def close(self) -> None:
        """It is the disk."""


def set_back() -> Clock:
    return Clock(wall=lambda: BEGIN - 30 * DAY + trio.current_time(), monotonic=trio.current_time)


async def test_setting_the_clock_back_between_two_runs_lengthens_no_life(
    tmp_path: Path, clock: MockClock
) -> None:
    async with people(tmp_path, Kept(), MemoryVault()) as (ada, bob):
        await introduce(ada, bob)
        bob.send("a minute")
        await until(lambda: len(ada.messages()) == 1)
        ada.ask(requests.SetLifetime(contact=ada.handle, lifetime=60))
        bob.send("a minute")
        await until(lambda: len(ada.messages()) == 2)
        shown = ada.messages()[1]
        ada.ask(requests.Shown(contact=ada.handle, messages=[shown.message]))
        gone_at = trio.current_time() + 60
        await ada.kill()
        ada.engine.opened().close()
        async with trio.open_nursery() as nursery:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(engine_module, "Clock", set_back)
                await nursery.start(ada.live)
            status = ada.ask(requests.Status())
            assert isinstance(status, replies.StatusReport)
            assert status.clock_behind == pytest.approx(30 * DAY, abs=1)
            assert ada.messages()[1].expires == pytest.approx(BEGIN + gone_at, abs=1)
            await until(lambda: told_gone(ada, shown.message), 100)
            assert trio.current_time() == pytest.approx(gone_at, abs=10)
            nursery.cancel_scope.cancel()


def told_gone(person: Person, message: str) -> bool:
    gone = [notice for notice in person.told if isinstance(notice, notices.MessageGone)]
    return any(notice.message == message for notice in gone)
