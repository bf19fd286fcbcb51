from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.control.replies import Budget, Scope, Source
from onionchat.engine.policy import OFFERED, Policies, schedule
from onionchat.errors import ControlError
from onionchat.protocol.constants import CELL_SIZE
from onionchat.protocol.pace import Level, Pace
from onionchat.protocol.record import ContactRecord, IdentityRecord, SettingsRecord

QUICK, SLOW, RANDOM = Pace(tick_ms=500), Pace(tick_ms=9_000), Pace(level=Level.POISSON)
DEFAULT = Pace()


def known(pace: Pace | None = None, *, hidden: bool = False, key: bytes = b"c") -> ContactRecord:
    return ContactRecord(
        id=key,
        identity=b"i",
        name="Bob",
        created=0.0,
        lifetime=60,
        onion_seed=bytes(32),
        static_secret=bytes(32),
        pace=pace,
        hidden=hidden,
    )


def policies(
    settings: SettingsRecord | None = None, pace: Pace | None = None, *, hidden: bool = False
) -> Policies:
    owner = IdentityRecord(id=b"i", name="Ada", created=0.0, pace=pace, hidden=hidden)
    return Policies(settings or SettingsRecord(), {b"i": owner}, DEFAULT)


@pytest.mark.parametrize(
    ("vault", "identity", "contact", "pace", "source"),
    [
        (None, None, None, DEFAULT, "engine"),
        (SLOW, None, None, SLOW, "vault"),
        (SLOW, RANDOM, None, RANDOM, "identity"),
        (SLOW, RANDOM, QUICK, QUICK, "contact"),
        (None, None, QUICK, QUICK, "contact"),
    ],
)
def test_the_narrowest_schedule_holds(
    vault: Pace | None, identity: Pace | None, contact: Pace | None, pace: Pace, source: Source
) -> None:
    held = policies(SettingsRecord(pace=vault), identity)
    assert held.pace(known(contact), None) == (pace, source)


@pytest.mark.parametrize(
    ("vault", "identity", "contact", "hider"),
    [
        (False, False, False, None),
        (False, False, True, "contact"),
        (False, True, True, "identity"),
        (True, True, True, "vault"),
        (True, False, False, "vault"),
    ],
)
def test_the_widest_that_hides_us_is_named(
    vault: bool, identity: bool, contact: bool, hider: Scope | None
) -> None:
    held = policies(SettingsRecord(hidden=vault), hidden=identity)
    assert held.hidden_by(known(hidden=contact), None) == hider
    report = held.report(known(hidden=contact), None)
    assert (report.visible, report.hidden_by, report.scope) == (hider is None, hider, "contact")


def test_a_report_names_what_it_is_about() -> None:
    held = policies()
    assert held.report(None, b"i").scope == "identity"
    assert held.report(None, None).scope == "vault"


def test_what_is_offered_comes_with_its_cost_and_what_holds_is_among_it() -> None:
    report = policies(SettingsRecord(pace=SLOW)).report(None, None)
    assert report.schedule in report.choices
    assert len(report.choices) == len(OFFERED) + 1
    burst = [one for one in report.choices if one.level == "burst"]
    assert [one.covered for one in burst] == [False]
    assert all(one.megabytes > 0 for one in report.choices)


def test_every_level_and_every_batch_is_offered() -> None:
    choices = policies().report(None, None).choices
    assert {one.level for one in choices} == {"constant", "poisson", "burst"}
    assert {one.batch for one in choices} == {1, 2, 4, 8}


@pytest.mark.parametrize(
    ("budget", "identity", "contact", "otherwise"),
    [
        (None, None, None, None),
        (None, None, QUICK, SLOW),
        (None, RANDOM, QUICK, RANDOM),
        (CELL_SIZE, None, None, SLOW),
        (CELL_SIZE, RANDOM, QUICK, QUICK),
    ],
)
def test_what_would_hold_otherwise_is_told_with_its_cost(
    budget: float | None, identity: Pace | None, contact: Pace | None, otherwise: Pace | None
) -> None:
    vault = None if otherwise is None else SLOW
    held = policies(SettingsRecord(budget=budget, pace=vault), identity)
    told = held.report(known(contact), None).otherwise
    assert told == (None if otherwise is None else schedule(otherwise))


def test_budgets_are_offered_with_what_comes_of_them() -> None:
    held = policies()
    for number in range(3):
        held.seat(bytes([number]))
    budgets = held.report(None, None).budgets
    ticks = {0.5: 15_616, 1.0: 7_808, 2.0: 3_904, 5.0: 1_562, 10.0: 781, 20.0: 391}
    assert budgets == [
        Budget(kilobytes=kilobytes, places=4, schedule=schedule(Pace(tick_ms=tick_ms)))
        for kilobytes, tick_ms in ticks.items()
    ]
    for one in budgets:
        held.settings = SettingsRecord(budget=one.kilobytes * 1000)
        report = held.report(None, None)
        assert (report.schedule, report.places) == (one.schedule, one.places)


@given(st.integers(0, 40), st.integers(0, 300))
def test_no_budget_is_offered_that_would_be_refused(contacts: int, more: int) -> None:
    held = policies()
    for number in range(contacts):
        held.seat(bytes([number]))
    budgets = held.report(None, None, more=more).budgets
    assert len(budgets) > 4
    for one in budgets:
        held.check_budget(one.kilobytes * 1000, more=more)
        assert one.schedule.tick >= 0.25


def test_the_budget_that_holds_is_among_what_is_offered_and_no_schedule_of_it() -> None:
    report = policies(SettingsRecord(budget=777.0)).report(None, None)
    assert report.budget == 0.777
    assert report.budget in [one.kilobytes for one in report.budgets]
    assert len(report.choices) == len(OFFERED)


def test_a_budget_goes_before_every_schedule() -> None:
    held = policies(SettingsRecord(budget=CELL_SIZE, pace=SLOW), SLOW)
    for name in (b"a", b"b", b"c"):
        held.seat(name)
    assert held.pace(known(QUICK), None) == (Pace(tick_ms=4_000), "budget")
    assert [held.place(name) for name in (b"a", b"b", b"c")] == [(0, 4), (1, 4), (2, 4)]


def test_a_place_is_kept_and_a_free_one_given_again() -> None:
    held = policies(SettingsRecord(budget=1e6))
    for name in (b"a", b"b", b"c"):
        held.seat(name)
    held.unseat(b"b")
    held.seat(b"c")
    assert held.place(b"c") == (2, 4)
    held.seat(b"d")
    assert held.place(b"d") == (1, 4)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=40))
def test_no_two_contacts_ever_share_a_place(steps: list[tuple[bool, int]]) -> None:
    held, here = policies(SettingsRecord(budget=1e6)), set[bytes]()
    for come, number in steps:
        name = bytes([number])
        if come:
            held.seat(name)
            here.add(name)
        else:
            held.unseat(name)
            here.discard(name)
        found = [held.place(one) for one in here]
        assert len(set(found)) == len(here)
        assert all(place < places for place, places in found)


def test_a_budget_without_room_is_refused_and_says_what_would_do() -> None:
    held = policies()
    for number in range(5):
        held.seat(bytes([number]))
    with pytest.raises(ControlError) as refused:
        held.check_budget(500.0)
    assert refused.value.code == "budget-too-small"
    assert "at least 0.53 kB/s" in refused.value.hint
    held.check_budget(530.0)
    held.check_budget(None)


def test_without_a_budget_there_is_no_rotation() -> None:
    held = policies()
    held.seat(b"c")
    assert held.place(b"c") == (0, 0)
    assert held.report(known(), None).places == 0
