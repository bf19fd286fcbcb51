from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onionchat.crypto.link import ReceivingCipher
from onionchat.errors import LocalProtocolError
from onionchat.metronome import (
    QUEUE_LIMIT,
    Begin,
    Change,
    Drop,
    Ended,
    Finish,
    Lay,
    Reason,
    ToMetronome,
    Window,
)
from onionchat.metronome.course import LEAST_TICK, MAX_DELAY
from onionchat.metronome.loop import MAX_LINKS, QUIET, Arrival, Metronome
from onionchat.metronome.numbers import WINDOW
from onionchat.protocol.cell import CellType, take_apart
from onionchat.protocol.constants import CELL_SIZE
from onionchat.protocol.pace import BATCHES, Level, Pace

from .simulation import KEY, SECOND, Run, SimulatedEdge, SimulatedOutlet, play


def have(number: int, *, link: int = 0) -> Lay:
    return Lay(link=link, cell_type=CellType.HAVE, body=number.to_bytes(16, "big"))


def opened(outlet: SimulatedOutlet) -> list[tuple[CellType, bytes]]:
    cipher = ReceivingCipher(KEY)
    return [
        take_apart(cipher.open(batch[at : at + CELL_SIZE]))
        for _, batch in outlet.sent
        for at in range(0, len(batch), CELL_SIZE)
    ]


def blocked(cell: bytes) -> int:
    raise BlockingIOError


def reset(cell: bytes) -> int:
    raise ConnectionResetError


def test_an_idle_link_sends_one_cover_cell_in_each_slot() -> None:
    run = play()
    assert {cell_type for cell_type, _ in opened(run.outlets[0])} == {CellType.COVER}
    assert len(run.outlets[0].sent) in {19, 20}
    for report, (moment, _) in zip(run.edge.left, run.outlets[0].sent, strict=True):
        assert report.scheduled == report.sent == moment


def test_deadlines_do_not_drift() -> None:
    first, *rest = (moment for moment, _ in play(end=5000.0).outlets[0].sent)
    for slot, moment in enumerate(rest, start=1):
        assert abs(moment - first - slot) <= MAX_DELAY


def test_late_wakings_do_not_add_up() -> None:
    run = play(end=3000.0, oversleep=lambda until: until + 0.3)
    grid = [report.scheduled for report in run.edge.left]
    assert len(grid) > 2990
    assert all(abs(moment - grid[0] - slot) <= MAX_DELAY for slot, moment in enumerate(grid))


def test_what_is_laid_leaves_in_order_among_the_slots() -> None:
    run = play([(3.0, have(1)), (3.1, have(2)), (3.2, have(3))])
    cells = opened(run.outlets[0])
    real = [at for at, (cell_type, _) in enumerate(cells) if cell_type is CellType.HAVE]
    assert [cells[at][1] for at in real] == [number.to_bytes(16, "big") for number in (1, 2, 3)]
    assert real == list(range(real[0], real[0] + 3))
    assert [report.real for report in run.edge.left] == [at in real for at in range(len(cells))]


def test_the_ready_cell_is_never_rebuilt() -> None:
    idle = play()
    moment = idle.outlets[0].sent[4][0] - 0.1
    busy = play([(moment, have(1))])
    assert busy.outlets[0].sent[:5] == idle.outlets[0].sent[:5]
    assert opened(busy.outlets[0])[5][0] is CellType.HAVE


LAID = st.lists(
    st.tuples(st.floats(0, 40), st.integers(0, 2), st.integers(0, 2**64), st.integers(1, 40)), max_size=20
)
"""At a moment, on a link, from a number on so many cells."""
COVERED = [
    Pace(level=level, tick_ms=1000, batch=batch)
    for level in (Level.CONSTANT, Level.POISSON)
    for batch in BATCHES
]
ACTS: list[tuple[float, ToMetronome]] = [
    (4.0, Window(link=0, seconds=16)),
    (5.0, Change(link=1, pace=Pace(level=Level.POISSON, tick_ms=700, batch=8))),
    (9.0, Change(link=2, pace=Pace(tick_ms=600, batch=4), place=1, places=2)),
    (12.0, Change(link=0, pace=Pace(tick_ms=1500, batch=2))),
    (14.0, Window(link=2, seconds=16)),
    (20.0, Change(link=1, pace=Pace(tick_ms=800))),
]
"""What the wire shows by its nature, in both runs alike."""


def both(pace: Pace, laid: list[tuple[float, int, int, int]], *, places: int = 0) -> tuple[Run, Run]:
    """An idle run and one in which something is laid, with equal seeds."""
    lays: list[tuple[float, ToMetronome]] = [
        (moment, have((first + cell) % 2**64, link=link))
        for moment, link, first, cells in laid
        for cell in range(cells)
    ]
    idle, busy = (
        play(script, links=3, pace=pace, places=places, end=40.0, counting=True)
        for script in (ACTS, [*ACTS, *lays])
    )
    return idle, busy


@pytest.mark.parametrize("pace", COVERED)
@given(laid=LAID)
@settings(max_examples=20)
def test_the_wire_is_the_same_whatever_the_engine_lays(
    pace: Pace, laid: list[tuple[float, int, int, int]]
) -> None:
    idle, busy = both(pace, laid)
    assert busy.trace == idle.trace
    assert busy.edge.windows_over == idle.edge.windows_over == [0, 2]


@pytest.mark.parametrize("batch", BATCHES)
@given(laid=LAID)
@settings(max_examples=20)
def test_the_wire_of_a_rotation_is_the_same_whatever_the_engine_lays(
    batch: int, laid: list[tuple[float, int, int, int]]
) -> None:
    idle, busy = both(Pace(tick_ms=2000, batch=batch), laid, places=4)
    assert busy.trace == idle.trace


def test_bursts_do_show_what_the_engine_lays() -> None:  # so that the equalities above can fail
    pace = Pace(level=Level.BURST)
    idle, busy = both(pace, [(2.0, 0, 1, 1)])
    assert busy.trace != idle.trace


def test_whatever_is_laid_leaves_in_order_through_every_act() -> None:
    for pace in [*COVERED, Pace(level=Level.BURST, batch=2)]:
        _, busy = both(
            pace, [(moment / 2, link, 100 * moment, 5) for moment in range(70) for link in range(3)]
        )
        assert not busy.edge.ended
        for outlet in busy.outlets:
            numbers = [int.from_bytes(body, "big") for kind, body in opened(outlet) if kind is CellType.HAVE]
            assert len(numbers) > 20
            assert numbers == sorted(set(numbers))


def test_reports_tell_how_many_laid_cells_a_batch_held() -> None:
    for pace in (Pace(batch=4, tick_ms=1000), Pace(level=Level.BURST, batch=4)):
        script: list[tuple[float, ToMetronome]] = [(3.0, have(number)) for number in range(6)]
        run = play(script, pace=pace)
        assert [report.real for report in run.edge.left if report.real] == [4, 2]
        after = [report.waiting for report in run.edge.left if report.real]
        assert after == [2, 0]


def test_a_rotation_spreads_its_links_evenly() -> None:
    pace = Pace(tick_ms=4000)
    run = play(links=8, pace=pace, places=8, end=60.0)
    moments = [moment for moment, _, _ in run.trace]
    order = [link for _, link, _ in run.trace]
    assert len(moments) in range(119, 122)
    first = order[0]
    assert order == [(first + turn) % 8 for turn in range(len(order))]
    for earlier, later in pairwise(moments):
        assert 0.5 - MAX_DELAY <= later - earlier <= 0.5 + MAX_DELAY


def test_links_that_come_later_take_their_places_in_the_rotation() -> None:
    pace = Pace(tick_ms=4000)
    edge = SimulatedEdge(end=60.0)
    outlets = [SimulatedOutlet(lambda: edge.now) for _ in range(4)]
    edge.script(
        (
            11.7 * place,
            Arrival(
                message=Begin(link=place, key=KEY, pace=pace, place=place, places=4), outlet=outlets[place]
            ),
        )
        for place in range(4)
    )
    Metronome(edge=edge, random=random.Random(7).randbytes).run()
    starts = [outlets[place].sent[-1][0] for place in range(4)]
    for place in range(4):
        away = (starts[place] - starts[0] - place) % 4.0
        assert min(away, 4.0 - away) <= MAX_DELAY
        assert outlets[place].sent[0][0] <= 11.7 * place + 4.0 + MAX_DELAY + LEAST_TICK


def test_a_window_in_a_window_ends_everything() -> None:
    with pytest.raises(LocalProtocolError):
        play([(3.0, Window(link=0, seconds=16)), (3.5, Window(link=0, seconds=16))])


def test_a_window_that_was_slept_through_is_reported_as_over() -> None:
    naps = iter([0.0] * 10 + [25.0] + [0.0] * 500)
    run = play([(3.0, Window(link=0, seconds=16))], end=60.0, oversleep=lambda until: until + next(naps))
    assert run.edge.windows_over == [0]
    opened(run.outlets[0])


def test_in_bursts_what_is_laid_leaves_at_once_and_moves_no_other_link() -> None:
    edge = SimulatedEdge(end=40.0)
    outlets = [SimulatedOutlet(lambda: edge.now) for _ in range(3)]
    paces = [Pace(level=Level.BURST), Pace(tick_ms=1000), Pace(level=Level.POISSON, tick_ms=1000)]
    begins = [
        (0.0, Arrival(message=Begin(link=link, key=KEY, pace=pace), outlet=outlets[link]))
        for link, pace in enumerate(paces)
    ]

    def run(lays: list[float]) -> list[list[float]]:
        for outlet in outlets:
            outlet.sent.clear()
        edge.now = 0.0
        edge.script(begins + [(moment, Arrival(message=have(1))) for moment in lays])
        Metronome(edge=edge, random=random.Random(7).randbytes).run()
        return [[moment for moment, _ in outlet.sent] for outlet in outlets]

    idle, busy = run([]), run([7.0, 20.0])
    assert busy[1:] == idle[1:]
    first, at_seven, at_twenty = busy[0]
    assert 0.0 <= first <= MAX_DELAY
    assert 7.0 <= at_seven <= 7.0 + MAX_DELAY
    assert 20.0 <= at_twenty <= 20.0 + MAX_DELAY
    assert len(idle[0]) == 2


def test_a_slot_that_went_by_is_lost_and_nothing_is_made_up() -> None:
    naps = iter([0.0, 0.0, 5.3] + [0.0] * 30)
    steady = [moment for moment, _ in play().outlets[0].sent]
    run = play(oversleep=lambda until: until + next(naps))
    assert [moment for moment, _ in run.outlets[0].sent] == steady[:2] + steady[8:]
    opened(run.outlets[0])


def test_a_late_cell_still_leaves_within_its_slot() -> None:
    naps = iter([0.0, 0.9] + [0.0] * 30)
    steady = [moment for moment, _ in play().outlets[0].sent]
    run = play(oversleep=lambda until: until + next(naps))
    assert [moment for moment, _ in run.outlets[0].sent] == [steady[0], steady[1] + 0.9, *steady[2:]]


@pytest.mark.parametrize(
    ("takes", "reason"),
    [
        (blocked, Reason.BLOCKED),
        (lambda cell: len(cell) - 1, Reason.BLOCKED),
        (lambda _: 0, Reason.BLOCKED),
        (reset, Reason.LOST),
    ],
)
def test_a_failed_write_ends_its_own_link_only(takes: Callable[[bytes], int], reason: Reason) -> None:
    run = play(links=2, takes=takes)
    assert run.edge.ended == [Ended(link=0, reason=reason)]
    assert run.outlets[0].ended == "abort"
    assert [report.link for report in run.edge.left] == [1] * len(run.outlets[1].sent)
    assert len(run.outlets[1].sent) >= 19
    assert run.outlets[1].sent == play(links=2).outlets[1].sent


def test_more_than_may_wait_ends_the_link() -> None:
    flood: list[tuple[float, ToMetronome]] = [(5.0, have(number)) for number in range(QUEUE_LIMIT + 500)]
    run = play(flood, links=2)
    assert run.edge.ended == [Ended(link=0, reason=Reason.OVERFULL)]
    assert run.edge.now > 19.0
    assert all(moment < 5.0 for moment, _ in run.outlets[0].sent)
    assert [moment for moment, _ in run.outlets[1].sent] == [
        moment for moment, _ in play(links=2).outlets[1].sent
    ]


def test_finish_sends_the_ready_cell_and_a_close_cell() -> None:
    run = play([(5.0, have(1)), (5.1, have(2)), (5.2, Finish(link=0))])
    kinds = [cell_type for cell_type, _ in opened(run.outlets[0])]
    assert kinds[-1] is CellType.CLOSE
    assert kinds[:-1] == [CellType.COVER] * (len(kinds) - 1)
    assert [moment for moment, _ in run.outlets[0].sent if moment > 5.2] == [
        moment for moment, _ in play().outlets[0].sent if moment > 5.2
    ][:2]
    assert run.outlets[0].ended == "finish"
    assert run.edge.reports[-1] == Ended(link=0, reason=Reason.FINISHED)


def test_drop_ends_at_once() -> None:
    run = play([(5.0, Drop(link=0))])
    assert all(moment < 5.0 for moment, _ in run.outlets[0].sent)
    assert run.outlets[0].ended == "abort"
    assert run.edge.ended == [Ended(link=0, reason=Reason.DROPPED)]


def test_messages_for_a_link_that_ended_change_nothing() -> None:
    late: list[tuple[float, ToMetronome]] = [(6.0, have(1)), (6.1, Finish(link=0)), (6.2, Drop(link=0))]
    run = play([(5.0, Drop(link=0)), *late], links=2)
    assert len(run.edge.ended) == 1
    assert run.trace == play([(5.0, Drop(link=0))], links=2).trace


def test_every_link_ends_with_the_engine() -> None:
    assert {outlet.ended for outlet in play(links=3).outlets} == {"abort"}


def serve(*arrivals: Arrival) -> SimulatedEdge:
    edge = SimulatedEdge(end=10.0)
    edge.script([(1.0, arrival) for arrival in arrivals])
    Metronome(edge=edge, random=random.Random(1).randbytes).run()
    return edge


def begin(link: int, outlet: SimulatedOutlet | None) -> Arrival:
    return Arrival(message=Begin(link=link, key=KEY, pace=SECOND), outlet=outlet)


def test_a_number_used_before_is_refused() -> None:
    first, second = SimulatedOutlet(lambda: 0.0), SimulatedOutlet(lambda: 0.0)
    edge = serve(begin(5, first), Arrival(message=Drop(link=5)), begin(5, second))
    assert edge.ended == [Ended(link=5, reason=Reason.DROPPED), Ended(link=5, reason=Reason.REFUSED)]
    assert (first.ended, second.ended) == ("abort", "abort")
    assert second.sent == []


def test_a_number_in_use_ends_everything() -> None:
    first, second = SimulatedOutlet(lambda: 0.0), SimulatedOutlet(lambda: 0.0)
    with pytest.raises(LocalProtocolError):
        serve(begin(5, first), begin(5, second))
    assert (first.ended, second.ended) == ("abort", "abort")


def test_a_number_too_old_to_tell_ends_that_link_alone() -> None:
    young, old = SimulatedOutlet(lambda: 0.0), SimulatedOutlet(lambda: 0.0)
    edge = serve(begin(WINDOW + 5, young), begin(4, old))
    assert edge.ended == [Ended(link=4, reason=Reason.REFUSED)]
    assert young.sent
    assert not old.sent


def test_an_engine_that_breaks_the_rules_loses_every_link() -> None:
    for wrong in (
        Arrival(message=have(1, link=9)),
        begin(6, None),
        Arrival(message=Lay(link=5, cell_type=CellType.HAVE, body=b"odd")),
    ):
        outlet = SimulatedOutlet(lambda: 0.0)
        with pytest.raises(LocalProtocolError):
            serve(begin(5, outlet), wrong)
        assert outlet.ended == "abort"


def test_links_are_bounded() -> None:
    outlets = [SimulatedOutlet(lambda: 0.0) for _ in range(MAX_LINKS + 1)]
    edge = serve(*(begin(link, outlet) for link, outlet in enumerate(outlets)))
    assert edge.ended == [Ended(link=MAX_LINKS, reason=Reason.REFUSED)]
    assert outlets[-1].sent == []
    assert all(outlet.sent for outlet in outlets[:-1])


def test_numbers_may_come_out_of_order() -> None:
    outlets = [SimulatedOutlet(lambda: 0.0) for _ in range(2)]
    serve(begin(9, outlets[0]), begin(4, outlets[1]))
    assert all(outlet.sent for outlet in outlets)


def test_at_the_deadline_there_is_one_send_and_nothing_else() -> None:
    edge = SimulatedEdge(end=10.0)

    def takes(cell: bytes) -> int:
        edge.calls.append("send")
        return len(cell)

    edge.script([(0.0, begin(0, SimulatedOutlet(lambda: edge.now, takes)))])
    Metronome(edge=edge, random=random.Random(1).randbytes).run()
    assert edge.calls.count("send") in {9, 10}
    for at, call in enumerate(edge.calls):
        if call == "send":
            assert edge.calls[at - 2 : at + 3] == ["wait", "clock", "send", "clock", "report"]


def test_the_engine_is_not_heard_right_before_a_deadline() -> None:
    due = play().outlets[0].sent[4][0]
    order: list[str] = []

    class Listening(SimulatedEdge):
        def receive(self, until: float) -> Arrival | None:
            arrival = super().receive(until)
            if arrival is not None and isinstance(arrival.message, Lay):
                order.append("heard")
            return arrival

    def run(moment: float) -> list[str]:
        order.clear()
        edge = Listening(end=due + 0.5)

        def takes(cell: bytes) -> int:
            order.append("sent")
            return len(cell)

        outlet = SimulatedOutlet(lambda: edge.now, takes)
        edge.script([(0.0, begin(0, outlet)), (moment, Arrival(message=have(1)))])
        Metronome(edge=edge, random=random.Random(7).randbytes).run()
        return list(order)

    assert run(due - 2 * QUIET) == ["sent"] * 4 + ["heard", "sent"]
    assert run(due - QUIET / 2) == ["sent"] * 5 + ["heard"]


def test_an_engine_that_never_stops_talking_delays_no_cell_by_more_than_one_message() -> None:
    cost = 0.003

    class Slow(SimulatedEdge):
        def receive(self, until: float) -> Arrival | None:
            arrival = super().receive(until)
            self.now += cost if arrival is not None else 0.0
            return arrival

    edge = Slow(end=20.0)
    outlet = SimulatedOutlet(lambda: edge.now)
    talk = [(3.0, Arrival(message=Drop(link=1))) for _ in range(5000)]
    edge.script([(0.0, begin(1, SimulatedOutlet(lambda: edge.now))), (0.0, begin(0, outlet)), *talk])
    Metronome(edge=edge, random=random.Random(7).randbytes).run()
    assert len(outlet.sent) in {19, 20}
    assert all(report.sent - report.scheduled <= cost for report in edge.left)


def test_the_engine_is_heard_between_deadlines_that_crowd() -> None:
    links = 200
    run: Run = play(
        [(1.0, have(number, link=number % links)) for number in range(links)],
        links=links,
        pace=Pace(tick_ms=25),
        end=3.0,
    )
    assert sum(report.real for report in run.edge.left) == links
    assert all(later >= earlier for (earlier, *_), (later, *_) in pairwise(run.trace))
