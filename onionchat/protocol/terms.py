"""What two sides settle about their active link: paces and bulk windows. docs/protocol.md, «Terms of a link».

Laws: nothing here is stored or outlives its link; what is said is said once, for within a link nothing is
lost, and rides in envelopes that leave in their slots; our cells come quicker only after the peer said that
it knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..crypto import RandomSource
from ..errors import LocalProtocolError, RemoteProtocolError
from . import body, events
from . import commands as do
from .batch import Batch
from .body import PacePart, Step, WindowPart
from .commands import WindowState
from .constants import MESSAGE_ID, PACE_ANSWER_SECONDS, WINDOW_ANSWER_SECONDS, WINDOW_SECONDS
from .link import Link
from .pace import BATCHES, Pace

BATCHES_LAID = 2
"""With one batch ready and one behind it no slot stays empty, and nothing piles up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A bulk window of one side: proposed, or ``open``."""

    id: bytes
    seconds: int
    link: Link
    open: bool = False


class Terms:
    """Of one contact; each direction has its own pace, and at most one window."""

    def __init__(self, random: RandomSource) -> None:
        self.mine: Window | None = None
        """For what we send."""
        self.theirs: Window | None = None
        self._answer_due: float | None = None
        """When a proposal of ours is withdrawn."""
        self._pace_due: float | None = None
        """When the peer must know our pace, since it first was another one than the link's."""
        self._random = random
        self._link: Link | None = None
        self._announced: PacePart | None = None
        """Said or about to be, and not acknowledged."""
        self._waiting: list[PacePart | WindowPart] = []

    def begin(self, link: Link | None, pace: Pace, now: float, batch: Batch) -> None:
        """``link`` is the active one from now on, or there is none; what was settled on another is over."""
        for mine, window in ((True, self.mine), (False, self.theirs)):
            if window is not None:
                self._tell(window, "over" if window.open else "withdrawn", batch, mine=mine)
        self.mine = self.theirs = self._answer_due = self._announced = self._pace_due = None
        self._waiting.clear()
        self._link = link
        self.wish(pace, now)

    def laid_at_once(self, link: Link) -> int:
        """Cells that may be laid and not have left; in a window slots come quickly, so as many as ever."""
        in_window = self.mine is not None and self.mine.open
        return BATCHES_LAID * (BATCHES[-1] if in_window else link.pace.batch)

    def take(self, room: int, most: int) -> list[body.Part]:
        """Parts for the next envelope, within ``room`` packed bytes and ``most`` parts."""
        parts: list[body.Part] = []
        while self._waiting and len(parts) < most and body.size(self._waiting[0]) <= room:
            room -= body.size(self._waiting[0])
            parts.append(self._waiting.pop(0))
        return parts

    # --- paces ---------------------------------------------------------------------------------

    def wish(self, pace: Pace, now: float) -> None:
        """Send at ``pace``, once the peer knows of it; a new link's greeting says it anyway."""
        if self._link is None or (self._announced is not None and self._announced.pace == pace):
            return
        self._waiting = [part for part in self._waiting if part is not self._announced]
        self._announced = None
        if pace == self._link.pace:
            self._pace_due = None
        else:
            self._pace_due = self._pace_due or now + PACE_ANSWER_SECONDS
            self._announced = PacePart(id=self._random(MESSAGE_ID), pace=pace)
            self._waiting.append(self._announced)

    def acknowledged(self, item: bytes, batch: Batch) -> None:
        """The peer acknowledges what may be our newest pace."""
        if self._link is not None and self._announced is not None and self._announced.id == item:
            self._link.pace, self._announced, self._pace_due = self._announced.pace, None, None
            batch.do(do.ChangePace(link=self._link.number, pace=self._link.pace))

    # --- windows -------------------------------------------------------------------------------

    def asked(self, event: events.Event, now: float, batch: Batch) -> None:
        """A request of the user, or of the metronome."""
        match event:
            case events.WindowAsked(id=item, seconds=seconds):
                self._propose(item, seconds, now, batch)
            case events.WindowWithdrawn() if self.mine is not None and not self.mine.open:
                self._end(self.mine, "withdrawn", batch)
            case events.WindowAnswered(agree=agree) if self.theirs is not None and not self.theirs.open:
                self._answer(self.theirs, agree, batch)
            case events.WindowEnded(link=link) if self.mine is not None and self.mine.open:
                if self.mine.link.number == link:
                    self._end(self.mine, "over", batch)

    @property
    def next_deadline(self) -> float | None:
        """When something of it is due."""
        return min((due for due in (self._answer_due, self._pace_due) if due is not None), default=None)

    def ignored(self, now: float) -> bool:
        """Whether the peer, whoever keeps it from that, does not let us send at our pace."""
        return self._pace_due is not None and self._pace_due <= now

    def expire(self, now: float, batch: Batch) -> None:
        """Withdraw a proposal that nobody answered."""
        if self.mine is not None and self._answer_due is not None and self._answer_due <= now:
            self._end(self.mine, "withdrawn", batch)

    def heard(self, part: WindowPart, link: Link, batch: Batch) -> None:
        """The peer says something of a window; on another link than the active one it means nothing.

        Raises:
            RemoteProtocolError: it proposes one beside another, or changes one.
        """
        if link is not self._link:
            return
        if part.step is Step.PROPOSE:
            if self.theirs is not None:
                raise RemoteProtocolError("a window that is proposed beside another")
            self.theirs = Window(id=part.id, seconds=part.seconds, link=link)
            self._tell(self.theirs, "proposed", batch, mine=False)
            return
        window = self.theirs if part.step is Step.END else self.mine
        if window is None or window.id != part.id:  # gone already: what was said of it has crossed that
            return
        if window.seconds != part.seconds:
            raise RemoteProtocolError("a window that is not as it was proposed")
        if part.step is Step.END:
            self._tell(window, "over" if window.open else "withdrawn", batch, mine=False)
            self.theirs = None
        elif not window.open:
            self._answered(window, part.step is Step.AGREE, batch)

    def _propose(self, item: bytes, seconds: int, now: float, batch: Batch) -> None:
        if seconds not in WINDOW_SECONDS:
            raise LocalProtocolError("a window of a length that there is not")
        if self._link is None or self.mine is not None:  # the link has just ended, or this was asked twice
            batch.do(do.TellWindow(window=item, mine=True, seconds=seconds, state="withdrawn"))
            return
        self.mine = Window(id=item, seconds=seconds, link=self._link)
        self._answer_due = now + WINDOW_ANSWER_SECONDS
        self._say(self.mine, Step.PROPOSE)
        self._tell(self.mine, "proposed", batch, mine=True)

    def _answer(self, window: Window, agree: bool, batch: Batch) -> None:
        self.theirs = None
        if agree:
            self.theirs = replace(window, open=True)
            window.link.tolerance.window_agreed()
        self._say(window, Step.AGREE if agree else Step.DECLINE)
        self._tell(window, "open" if agree else "declined", batch, mine=False)

    def _answered(self, window: Window, agreed: bool, batch: Batch) -> None:
        self.mine = self._answer_due = None
        if agreed:
            self.mine = replace(window, open=True)
            batch.do(do.BeginWindow(link=window.link.number, seconds=window.seconds))
        self._tell(window, "open" if agreed else "declined", batch, mine=True)

    def _end(self, mine: Window, state: WindowState, batch: Batch) -> None:
        self.mine = self._answer_due = None
        self._say(mine, Step.END)
        self._tell(mine, state, batch, mine=True)

    def _say(self, window: Window, step: Step) -> None:
        self._waiting.append(WindowPart(id=window.id, seconds=window.seconds, step=step))  # type: ignore[arg-type]  # one of WINDOW_SECONDS

    def _tell(self, window: Window, state: WindowState, batch: Batch, *, mine: bool) -> None:
        batch.do(do.TellWindow(window=window.id, mine=mine, seconds=window.seconds, state=state))
