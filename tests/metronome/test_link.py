from __future__ import annotations

import itertools

import pytest

from onionchat.crypto.link import ReceivingCipher
from onionchat.metronome.channel import QUEUE_LIMIT
from onionchat.metronome.course import LEAST_TICK, MAX_DELAY
from onionchat.metronome.link import SendingLink
from onionchat.protocol.cell import CellType, lay_out, take_apart
from onionchat.protocol.pace import BATCHES, Level, Pace

from .simulation import KEY

CELL = 1952
PACE = Pace(tick_ms=2000)


def a_link(*, pace: Pace = PACE, now: float = 100.0, seed: int = 1, grid: float | None = None) -> SendingLink:
    return SendingLink(key=KEY, pace=pace, now=now, seed=seed.to_bytes(32, "big"), grid=grid)


def have(number: int) -> bytes:
    return lay_out(CellType.HAVE, number.to_bytes(16, "big"))


def leave(link: SendingLink) -> float:
    """Let the ready batch leave on time; returns when."""
    due = link.due
    link.seal()
    link.advance(due)
    return due


def slots(link: SendingLink, count: int) -> list[float]:
    """Where the next slots begin, the batches leaving on time."""
    found = []
    for _ in range(count):
        found.append(link._course.begin)
        leave(link)
    return found


class Reader:
    """The peer: opens what leaves, and counts."""

    def __init__(self) -> None:
        self._cipher = ReceivingCipher(KEY)
        self.kinds: list[CellType] = []
        self.numbers: list[int] = []

    def read(self, batch: bytes) -> int:
        """Returns how many cells it was."""
        assert len(batch) % CELL == 0
        for at in range(0, len(batch), CELL):
            kind, body = take_apart(self._cipher.open(batch[at : at + CELL]))
            self.kinds.append(kind)
            if kind is CellType.HAVE:
                self.numbers.append(int.from_bytes(body, "big"))
        return len(batch) // CELL


# --- slots ------------------------------------------------------------------------------------------


def test_the_first_slot_begins_within_a_tick() -> None:
    dues = [a_link(seed=seed).due for seed in range(200)]
    assert all(100.0 <= due < 102.0 + MAX_DELAY for due in dues)
    assert min(dues) < 100.2
    assert max(dues) > 101.8


def test_each_batch_is_due_on_the_grid_with_a_delay_of_its_own() -> None:
    link = a_link()
    base, offsets = link._course.begin, []
    for slot in range(300):
        offsets.append(link.due - base - slot * 2.0)
        leave(link)
    assert all(-1e-9 <= offset < MAX_DELAY + 1e-9 for offset in offsets)
    assert max(offsets) - min(offsets) > 0.9 * MAX_DELAY
    assert len(set(offsets)) > 250


@pytest.mark.parametrize("level", [Level.CONSTANT, Level.POISSON])
def test_a_lost_slot_shifts_no_later_one(level: Level) -> None:
    pace = Pace(level=level, tick_ms=2000)
    steady, napping = a_link(pace=pace), a_link(pace=pace)
    dues = [leave(steady) for _ in range(40)]
    assert napping.missed(dues[0] + 11.0)
    assert napping.due in dues
    assert leave(napping) > dues[0] + 11.0
    assert napping.due in dues


@pytest.mark.parametrize("level", [Level.CONSTANT, Level.POISSON])
def test_a_slot_that_went_by_is_lost(level: Level) -> None:
    link = a_link(pace=Pace(level=level, tick_ms=2000))
    batch, begin, end = link.batch, link._course.begin, link._course.end
    assert not link.missed(end - 0.001)
    assert link._course.begin == begin
    assert link.missed(end)
    assert link._course.begin > end
    assert link.batch is batch


def test_a_link_in_bursts_loses_no_slot() -> None:
    link = a_link(pace=Pace(level=Level.BURST))
    assert not link.missed(1e9)


def test_the_places_of_a_rotation_lie_evenly() -> None:
    pace, epoch = Pace(tick_ms=8000), 93.7
    links = [a_link(pace=pace, seed=place, grid=epoch + place) for place in range(8)]
    begins = sorted(begin for link in links for begin in slots(link, 5))
    assert begins[0] >= 100.0
    assert len(begins) == 40
    for earlier, later in itertools.pairwise(begins):
        assert later - earlier == pytest.approx(1.0)


# --- what is laid -----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [Level.CONSTANT, Level.POISSON])
@pytest.mark.parametrize("batch", BATCHES)
def test_laying_changes_neither_the_ready_batch_nor_its_moment(level: Level, batch: int) -> None:
    link = a_link(pace=Pace(level=level, batch=batch))
    ready, due = link.batch, link.due
    assert len(ready) == batch * CELL
    for number in range(batch):
        assert link.lay(have(number), 100.0)
    assert (link.batch, link.due) == (ready, due)
    assert (link.real, link.waiting) == (0, batch)
    link.advance(due)
    assert (link.real, link.waiting) == (batch, batch)
    assert len(link.batch) == batch * CELL
    link.advance(link.due)
    assert (link.real, link.waiting) == (0, 0)


def test_the_queue_is_bounded() -> None:
    link = a_link()
    laid = [link.lay(have(number), 100.0) for number in range(QUEUE_LIMIT + 1)]
    assert laid == [True] * QUEUE_LIMIT + [False]


@pytest.mark.parametrize("batch", BATCHES)
def test_finishing_discards_what_waits_and_takes_nothing_more(batch: int) -> None:
    link, reader = a_link(pace=Pace(batch=batch)), Reader()
    link.lay(have(1), 100.0)
    link.finish(100.0)
    link.finish(100.0)
    assert link.lay(have(2), 100.0)
    assert (link.closing, link.waiting) == (False, 0)
    reader.read(link.batch)
    leave(link)
    assert (link.closing, link.real, link.waiting) == (True, 0, 0)
    reader.read(link.batch)
    assert reader.kinds == [CellType.COVER] * (2 * batch - 1) + [CellType.CLOSE]


@pytest.mark.parametrize("batch", BATCHES)
def test_the_peer_opens_every_cell_across_new_keys(batch: int) -> None:
    link, reader = a_link(pace=Pace(batch=batch)), Reader()
    numbers = itertools.count()
    for turn in range(2200 // batch):
        for _ in range(batch - turn % 2):
            link.lay(have(next(numbers)), 100.0)
        assert reader.read(link.batch) == batch
        leave(link)
    assert reader.numbers == list(range(len(reader.numbers)))
    assert len(reader.numbers) > 1000


# --- bursts -----------------------------------------------------------------------------------------

BURSTS = Pace(level=Level.BURST, batch=4)


def test_an_idle_link_in_bursts_shows_life_every_half_minute_with_one_cell() -> None:
    link, reader = a_link(pace=BURSTS), Reader()
    moments = []
    for _ in range(20):
        link.seal()
        assert reader.read(link.batch) == 1
        moments.append(leave(link))
    assert 100.0 <= moments[0] < 100.0 + MAX_DELAY
    for earlier, later in itertools.pairwise(moments):
        assert 30.0 <= later - earlier < 30.0 + MAX_DELAY
    assert set(reader.kinds) == {CellType.COVER}


def test_a_burst_leaves_at_once_filled_up_to_its_size() -> None:
    link, reader = a_link(pace=BURSTS), Reader()
    link.seal()
    reader.read(link.batch)
    leave(link)
    link.lay(have(1), 110.0)
    assert 110.0 <= link.due < 110.0 + MAX_DELAY
    link.lay(have(2), 110.001)
    link.seal()
    assert (link.real, link.waiting) == (2, 2)
    assert reader.read(link.batch) == 4
    assert reader.kinds[1:] == [CellType.HAVE, CellType.HAVE, CellType.COVER, CellType.COVER]


def test_bursts_keep_their_distance_and_lose_nothing() -> None:
    link, reader = a_link(pace=BURSTS), Reader()
    for number in range(11):
        link.lay(have(number), 100.0)
    moments = []
    while link.waiting:
        link.seal()
        reader.read(link.batch)
        moments.append(leave(link))
    assert len(moments) == 3
    assert len(reader.kinds) == 12
    assert reader.numbers == list(range(11))
    for earlier, later in itertools.pairwise(moments):
        assert 0.25 <= later - earlier < 0.25 + MAX_DELAY
    assert link.due - moments[-1] >= 30.0


def test_a_close_cell_in_bursts_leaves_at_once() -> None:
    link = a_link(pace=BURSTS)
    leave(link)
    link.lay(have(1), 105.0)
    link.finish(110.0)
    assert link.due < 110.0 + MAX_DELAY
    link.seal()
    assert link.closing
    assert len(link.batch) == 4 * CELL


# --- another pace -----------------------------------------------------------------------------------

PACES = [
    Pace(level=level, tick_ms=tick, batch=batch) for level in Level for tick, batch in ((500, 1), (900, 8))
]


@pytest.mark.parametrize("after", PACES)
@pytest.mark.parametrize("before", PACES)
def test_another_pace_counts_from_the_next_slot_and_loses_no_cell(before: Pace, after: Pace) -> None:
    link, reader = a_link(pace=before), Reader()
    for number in range(3):
        link.lay(have(number), 100.0)
    ready, due = link.batch, link.due
    link.change(after, 100.0)
    assert (link.batch, link.due) == (ready, due)
    link.seal()
    first = reader.read(link.batch)
    assert first == before.batch
    leave(link)
    for number in range(3, 20):
        link.lay(have(number), link.due)
    while link.waiting:
        link.seal()
        assert reader.read(link.batch) == after.batch
        leave(link)
    assert reader.numbers == list(range(20))


def test_a_link_in_bursts_changes_at_once() -> None:
    link = a_link(pace=BURSTS)
    leave(link)
    link.change(Pace(tick_ms=1000), 105.0)
    begin, due = link._course.begin, link.due
    assert 105.0 <= due < 105.0 + MAX_DELAY
    leave(link)
    assert slots(link, 3) == pytest.approx([begin + 1, begin + 2, begin + 3])


def test_bursts_begin_with_silence() -> None:
    link = a_link()
    last = leave(link)
    link.change(BURSTS, last)
    last = leave(link)
    assert 29.9 < link.due - last < 30.1


def test_another_tick_goes_on_from_the_last_slot() -> None:
    link = a_link()
    *_, last = slots(link, 3)
    link.change(Pace(tick_ms=500), last + 0.1)
    assert slots(link, 4) == pytest.approx([last + 2, last + 2.5, last + 3, last + 3.5])


def test_a_change_into_a_rotation_takes_its_place() -> None:
    link = a_link()
    *_, last = slots(link, 3)
    link.change(Pace(tick_ms=800), last + 0.1, grid=50.3)
    ready, *places = slots(link, 4)
    assert ready == pytest.approx(last + 2)
    assert places[0] >= ready + LEAST_TICK - 1e-9
    assert places[0] < ready + LEAST_TICK + 0.8
    for place in places:
        assert (place - 50.3) % 0.8 == pytest.approx(0.0, abs=1e-9) or (place - 50.3) % 0.8 == pytest.approx(
            0.8
        )


# --- windows ----------------------------------------------------------------------------------------

WINDOW_CELLS = 16 * 20


def through_window(link: SendingLink) -> list[float]:
    """The slots of a window that begins after the ready batch's."""
    found = []
    while not link.window_over:
        found.append(link._course.begin)
        leave(link)
    link.window_over = False
    return found


@pytest.mark.parametrize("pace", PACES)
def test_a_window_has_its_rate_and_its_length_whatever_is_laid(pace: Pace) -> None:
    def run(cells: int) -> list[float]:
        link = a_link(pace=pace)
        assert link.open_window(16, 100.0)
        begins = slots(link, 1)
        for number in range(cells):
            assert link.lay(have(number), link.due)
        assert len(link.batch) == CELL
        return begins + through_window(link)

    idle = run(0)
    assert len(idle) == 1 + WINDOW_CELLS
    assert idle == pytest.approx([idle[0] + 0.05 * slot for slot in range(1 + WINDOW_CELLS)])
    assert run(20) == idle


def test_after_a_window_a_link_is_where_it_would_have_been() -> None:
    for level in (Level.CONSTANT, Level.POISSON):
        pace = Pace(level=level, batch=4)
        steady, link = slots(a_link(pace=pace), 60), a_link(pace=pace)
        assert link.open_window(16, 100.0)
        slots(link, 1)
        *_, last = through_window(link)
        assert len(link.batch) == 4 * CELL
        after = slots(link, 5)
        assert set(after) <= set(steady)
        assert after[0] == min(slot for slot in steady if slot >= last + LEAST_TICK)


def test_after_a_window_bursts_wait_for_something_to_send() -> None:
    for waiting, gap in ((0, 30.0), (1, 0.25)):
        link = a_link(pace=BURSTS)
        link.open_window(16, 100.0)
        slots(link, WINDOW_CELLS)
        for number in range(waiting):
            link.lay(have(number), link.due)
        (last,) = through_window(link)
        assert gap <= link.due - last - LEAST_TICK < gap + MAX_DELAY + 1e-9


def test_one_window_at_a_time() -> None:
    link = a_link()
    assert link.open_window(16, 100.0)
    assert not link.open_window(16, 100.0)
    slots(link, 1)
    assert not link.open_window(16, link.due)
    through_window(link)
    assert link.open_window(32, link.due)
    slots(link, 1)
    assert len(through_window(link)) == 2 * WINDOW_CELLS


def test_a_pace_that_changes_in_a_window_counts_after_it() -> None:
    link = a_link()
    link.open_window(16, 100.0)
    slots(link, 10)
    link.change(Pace(tick_ms=700, batch=2), link.due)
    *_, last = through_window(link)
    assert len(link.batch) == 2 * CELL
    assert slots(link, 2) == pytest.approx([last + 0.7, last + 1.4])


@pytest.mark.parametrize("changed", [None, Pace(batch=8), BURSTS])
def test_a_window_that_is_slept_through_is_over_and_its_last_batch_grows(changed: Pace | None) -> None:
    link, reader = a_link(pace=Pace(batch=4)), Reader()
    link.open_window(16, 100.0)
    reader.read(link.batch)
    leave(link)
    for number in range(9):
        link.lay(have(number), link.due)
    if changed is not None:
        link.change(changed, link.due)
    reader.read(link.batch)
    leave(link)
    nap = link.due + 20.0
    assert link.missed(nap)
    assert link.window_over
    assert link.due > nap
    if changed is not BURSTS:
        assert len(link.batch) == (changed or Pace(batch=4)).batch * CELL
    link.seal()
    assert reader.read(link.batch) == (changed or Pace(batch=4)).batch
    leave(link)
    while link.waiting:
        link.seal()
        reader.read(link.batch)
        leave(link)
    assert reader.numbers == list(range(9))


def test_a_close_cell_stays_the_last_when_a_window_is_slept_through() -> None:
    link, reader = a_link(pace=Pace(batch=4)), Reader()
    link.open_window(16, 100.0)
    reader.read(link.batch)
    leave(link)
    link.finish(link.due)
    reader.read(link.batch)
    leave(link)
    assert link.missed(link.due + 20.0)
    reader.read(link.batch)
    assert reader.kinds.index(CellType.CLOSE) == len(reader.kinds) - 1
