"""The sending side of one link: when its next batch leaves, and which (docs/protocol.md, «The schedule»).

Laws: no clock, no socket. A cell is sealed once, in its order, and never again. A batch is sealed right after
the one before it left (in bursts: right before it leaves): what is laid later leaves a slot later. Sealing
takes the same steps whatever a cell holds: every plaintext was laid out before, the cover's among them.

A batch is due a random 0 to 20 ms after its slot begins, anew for each, and leaves within its slot. A slot
that went by (the machine slept, or was overloaded) is lost and never made up: the batch that was ready waits
for the next slot that begins. So two batches never share a slot, and lateness never adds up.

Another pace, or a window, counts from the slot after the ready batch's: that batch leaves when it was due, as
large as it was. A link in bursts, whose next slot may be far away, sends at once and then changes.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ..crypto.link import SendingCipher
from ..protocol.cell import CellType, lay_out
from ..protocol.constants import WINDOW_TICK_MS
from ..protocol.pace import Level, Pace
from .channel import QUEUE_LIMIT
from .course import LEAST_TICK, MAX_DELAY, Bursts, Course, Gaps, Grid, Lot

SEED_SIZE: Final = 32

_COVER: Final = lay_out(CellType.COVER)
_CLOSE: Final = lay_out(CellType.CLOSE)


class SendingLink:
    """Slots, queue and the batch that lies ready.

    Args:
        key: the link's sending key, used from its first cell on.
        pace: the schedule.
        now: the moment on the clock. The first slot of a link at a constant pace begins at a random moment
            within one tick from it: random, so that links that begin together do not send together, and so
            that the first gap says nothing about what the engine did before it handed the link over.
        seed: 32 random bytes. Phase, gaps and delays follow from it and the slot's number alone, so nothing
            that happens on this link or another can shift them.
        grid: in a rotation, a moment at which one of this link's slots begins.
        max_delay: the upper bound of the random delay, in seconds.
    """

    __slots__ = (
        "_aside",
        "_changed",
        "_cipher",
        "_course",
        "_courses",
        "_finishing",
        "_lot",
        "_max_delay",
        "_pace",
        "_plains",
        "_queue",
        "_window_slots",
        "batch",
        "due",
        "window_over",
    )

    _course: Course
    _pace: Pace

    def __init__(
        self,
        *,
        key: bytes,
        pace: Pace,
        now: float,
        seed: bytes,
        grid: float | None = None,
        max_delay: float = MAX_DELAY,
    ) -> None:
        self._cipher = SendingCipher(key)
        self._lot = Lot(seed)
        self._max_delay = max_delay
        self._queue: deque[bytes] = deque(maxlen=QUEUE_LIMIT)
        self._finishing = False
        self._plains: list[bytes] = []
        self.batch = b""
        """The cells that leave together, once they are sealed."""
        self._changed: tuple[Pace, float | None] | None = None
        self._aside: Course | None = None
        """During a window: what it interrupts."""
        self._window_slots = 0
        """How many a window that runs, or is to begin, has in all."""
        self.window_over = False
        """A window has ended; whoever reports it sets this back."""
        self._courses = 0
        self._turn(pace, grid, last=now)
        self._settle(now)

    def lay(self, plaintext: bytes, now: float) -> bool:
        """Queue a plaintext that was laid out.

        Returns:
            False where there is no room. A link that is finishing takes nothing and has no complaint.
        """
        if self._finishing:
            return True
        if len(self._queue) == QUEUE_LIMIT:
            return False
        self._queue.append(plaintext)
        self._hurry(now)
        return True

    def finish(self, now: float) -> None:
        """End the next batch that is sealed with a close cell. What waits is discarded."""
        if not self._finishing:
            self._finishing = True
            self._queue.clear()
            self._hurry(now)

    def change(self, pace: Pace, now: float, *, grid: float | None = None) -> None:
        """Follow another pace after the ready batch; during a window, after its end."""
        self._changed = pace, grid
        self._hurry(now)

    def open_window(self, seconds: int, now: float) -> bool:
        """Send one cell per 50 ms for so long, from the slot after the ready batch's.

        Returns:
            False where a window runs already.
        """
        if self._window_slots:
            return False
        self._window_slots = seconds * 1000 // WINDOW_TICK_MS
        self._hurry(now)
        return True

    @property
    def real(self) -> int:
        """How many cells of the ready batch were laid by the engine."""
        return sum(plain is not _COVER and plain is not _CLOSE for plain in self._plains)

    @property
    def closing(self) -> bool:
        """Whether the ready batch is the last one."""
        return bool(self._plains) and self._plains[-1] is _CLOSE

    @property
    def waiting(self) -> int:
        """Laid cells that have not left."""
        return self.real + len(self._queue)

    def missed(self, now: float) -> bool:
        """Whether the slot of the ready batch is over; if so, it is due in the next one that begins."""
        if now < self._course.end:
            return False
        while self._course.begin <= now:
            self._step(now)
        self._settle(now)
        return True

    def advance(self, now: float) -> None:
        """The ready batch left at ``now``: seal the next, due in the next slot."""
        self._plains = []
        self.batch = b""
        if self._aside is None and self._window_slots:
            self._aside = self._course
            tick = WINDOW_TICK_MS / 1000
            self._courses += 1
            self._course = Grid(base=self._course.begin + tick, tick=tick)
        elif self._aside is None and self._changed is not None:
            self._turn(*self._changed, last=self._course.begin)
        else:
            self._step(now)
        self._settle(now)

    def seal(self) -> None:
        """Seal what the batch still lacks: in bursts, and where a window ended in slots that were lost."""
        idle = isinstance(self._course, Bursts) and not self._queue and not self._finishing
        size = 1 if idle or self._aside is not None else self._pace.batch
        missing = size - len(self._plains)
        if missing <= 0 or self.closing:
            return
        plains = [self._queue.popleft() if self._queue else _COVER for _ in range(missing)]
        if self._finishing:
            plains[-1] = _CLOSE
        self._plains += plains
        self.batch += b"".join(map(self._cipher.seal, plains))

    def _step(self, now: float) -> None:
        """To the next slot of the course; out of the window where it was the window's last."""
        if self._aside is None or self._course.number + 1 < self._window_slots:
            self._course.step(now)
            return
        last = self._course.begin
        self.window_over, self._window_slots = True, 0
        course, self._aside = self._aside, None
        if self._changed is not None:
            self._turn(*self._changed, last=last)
        else:
            course.resume(last + LEAST_TICK)
            self._courses += 1
            self._course = course

    def _turn(self, pace: Pace, grid: float | None, *, last: float) -> None:
        """Follow ``pace``, the last slot having begun at ``last``, or the link itself."""
        first = self._courses == 0
        self._pace, self._changed = pace, None
        self._courses += 1
        tick, number = pace.tick_ms / 1000, self._courses
        match pace.level:
            case Level.CONSTANT if grid is not None:
                self._course = Grid(base=grid, tick=tick)
                self._course.resume(last + LEAST_TICK)
            case Level.CONSTANT:
                phase = self._lot.draw(b"phase", 0, 0) if first else 1.0
                self._course = Grid(base=last + tick * phase, tick=tick)
            case Level.POISSON:
                lot = self._lot
                self._course = Gaps(after=last, mean=tick, draw=lambda slot: lot.draw(b"gap", number, slot))
            case Level.BURST:
                self._course = Bursts(now=last)
                if not first:
                    self._course.step(last)

    def _hurry(self, now: float) -> None:
        """Something happened; a link in bursts shows it at once."""
        if isinstance(self._course, Bursts):
            self._course.hurry(now)
            self._time()

    def _settle(self, now: float) -> None:
        """The course is in another slot, or is another."""
        if not isinstance(self._course, Bursts):
            self.seal()
        elif self._queue or self._finishing:
            self._course.hurry(now)
        self._time()

    def _time(self) -> None:
        delay = self._lot.draw(b"delay", self._courses, self._course.number) * self._max_delay
        self.due = self._course.begin + delay
