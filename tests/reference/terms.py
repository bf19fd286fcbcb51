"""«Paces and windows»: what two sides settle about the active link; each one has its own.

`saying` is what the next envelope says. `pace` is what this side may send at, `window` for how many seconds
it may send quicker, from when it was set on.
"""

from __future__ import annotations

import os

from .body import AGREE, DECLINE, END, PROPOSE, NewPace, Part, Window
from .greeting import Pace
from .primitives import Refused


class Terms:
    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.saying: list[Part] = []
        self.window = 0
        self.mine: Window | None = None  # proposed here, until its end
        self.theirs: Window | None = None  # proposed there, until its end
        self.agreed_to_theirs = False
        self._announced: NewPace | None = None

    def take(self) -> list[Part]:
        parts, self.saying = self.saying, []
        return parts

    # --- pace ---

    def want(self, pace: Pace) -> None:
        """As little is said as need be: nothing for the pace of now, or for one that is said already."""
        if self._announced and self._announced.pace == pace:
            return
        self._announced = None
        if pace != self.pace:
            self._announced = NewPace(id=os.urandom(16), pace=pace)
            self.saying.append(self._announced)

    def take_acknowledged(self, ids: tuple[bytes, ...]) -> None:
        if self._announced and self._announced.id in ids:
            self.pace, self._announced = self._announced.pace, None

    # --- windows ---

    def propose(self, seconds: int) -> None:
        if self.mine:
            raise ValueError("one at a time")
        self.mine = Window(id=os.urandom(16), seconds=seconds, step=PROPOSE)
        self.saying.append(self.mine)

    def answer(self, *, agree: bool) -> None:
        if self.theirs is None or self.agreed_to_theirs:
            raise ValueError("nothing was proposed")
        self.saying.append(_step(self.theirs, AGREE if agree else DECLINE))
        self.agreed_to_theirs = agree
        self.theirs = self.theirs if agree else None

    def end(self) -> None:
        """A proposal is taken back, or the window has come to its end."""
        if self.mine is None:
            raise ValueError("nothing was proposed")
        self.saying.append(_step(self.mine, END))
        self.mine, self.window = None, 0

    def take_window(self, part: Window) -> None:
        if part.step == PROPOSE:
            if self.theirs:
                raise Refused("a proposal beside another")
            self.theirs, self.agreed_to_theirs = part, False
            return
        meant = self.theirs if part.step == END else self.mine
        if meant is None or meant.id != part.id:
            return  # steps may cross
        if meant.seconds != part.seconds:
            raise Refused("other seconds than were proposed")
        if part.step == END:
            self.theirs, self.agreed_to_theirs = None, False
        elif not self.window:
            self.window = part.seconds if part.step == AGREE else 0
            self.mine = self.mine if self.window else None


def _step(window: Window, step: int) -> Window:
    return Window(id=window.id, seconds=window.seconds, step=step)
