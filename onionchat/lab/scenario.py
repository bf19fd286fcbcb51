"""What somebody does in a window of time: the classes that an observer tries to tell apart.

Everything is scaled with the tick: a window is so many ticks long, and each scenario does in it what it
does. So at a tick of 2 s the same is somebody who writes a message every half minute.

Laws: nothing is decided here by what the wire shows. All that is drawn comes from the given generator.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Final, Literal

from ..control.replies import Conversation, Done, Message
from ..control.requests import Delete, Messages, Send
from ..errors import ConnectionLost
from .load import Load
from .stage import Stage

Scenario = Literal[
    "idle",
    "online",
    "chat",
    "typing",
    "paste",
    "receiving",
    "deletion",
    "chat_heavy",
    "typing_heavy",
    "paste_heavy",
    "receiving_heavy",
    "deletion_heavy",
]
"""What each is: docs/metadata.md. ``online`` is both on line and nobody there: the TUI is held still."""

HEAVY: Final = "_heavy"
PASTED: Final = 5000
"""Characters that are pasted."""
_LATEST: Final = 0.3
"""The part of a window in which what is done there begins."""
_KEY_TICKS: Final = 0.4
"""Between two keystrokes of heavy typing."""
_TYPING: Final = 0.7
"""The part of a window in which there is heavy typing."""
_STOCK: Final = 200
_RECENT: Final = 24
_WRITTEN: Final = ("chat", "typing", "paste")
"""What passes through the TUI."""
_SPOKEN_SECONDS: Final = 2.0
_ARRIVAL_SECONDS: Final = 20.0

_WORDS: Final = (
    "we",
    "will",
    "meet",
    "where",
    "the",
    "river",
    "bends",
    "as",
    "soon",
    "as",
    "it",
    "is",
    "dark",
)


class Person:
    """Somebody at the watched screen; and, where the scenario asks for it, the other.

    Args:
        on: where.
        load: makes the machine busy.
        random: draws moments and words.
    """

    def __init__(self, on: Stage, load: Load, random: Random) -> None:
        self._stage = on
        self._load = load
        self._random = random
        self._deletable: deque[str] = deque()
        self._deleted: set[str] = set()
        self._before = on.unread()
        self.sent = 0
        """Messages that were written."""

    def prepare(self) -> None:
        """What must be there before a block: messages that can be deleted.

        Raises:
            ConnectionLost: none arrives.
        """
        deadline = time.monotonic() + _ARRIVAL_SECONDS
        while not self._deletable:
            self._restock()
            if not self._deletable:
                if time.monotonic() > deadline:
                    raise ConnectionLost("nothing that was written arrives any more")
                for _ in range(3):
                    self._say(self._sentence(4))
                time.sleep(_SPOKEN_SECONDS)

    def missing(self) -> int:
        """How many messages that were written did not get there."""
        # what an earlier person wrote may have arrived meanwhile, too
        return max(0, self._before + self.sent - len(self._deleted) - self._stage.unread())

    def timely(self, windows: Sequence[tuple[str, float]], seconds: float) -> bool:
        """Whether what was written at the screen in each window reached the engine soon enough.

        On a machine that is too busy the TUI comes to it later: the window then shows something else than
        what was done in it.

        Args:
            windows: scenario and begin (monotonic seconds) of each.
            seconds: from its begin in which it must have been.
        """
        watched = self._stage.watched
        request = Messages(contact=watched.contact, limit=_RECENT)
        past = time.time() - time.monotonic()
        recent = watched.station.ask(request, Conversation).messages
        moments = [one.written - past for one in recent if one.mine]
        return all(
            any(begin <= moment < begin + seconds for moment in moments)
            for scenario, begin in windows
            if scenario.removesuffix(HEAVY) in _WRITTEN
        )

    def act(self, scenario: Scenario, span: float, tick: float) -> None:
        """Do it within the next ``span`` seconds; returns when they are over."""
        begin = time.monotonic()
        what = scenario.removesuffix(HEAVY)
        if what == "online":
            self._stage.screen.freeze()
        elif what != "idle":
            time.sleep(self._random.uniform(0, _LATEST) * span)
            if scenario.endswith(HEAVY):
                self._load.burst()
            self._do(what, begin + _TYPING * span, tick)
        time.sleep(max(0.0, begin + span - time.monotonic()))
        if what == "online":
            self._stage.screen.thaw()

    def _do(self, what: str, until: float, tick: float) -> None:
        stage = self._stage
        match what:
            case "chat":
                self._say(self._sentence(5))
            case "typing":
                while time.monotonic() < until:
                    stage.screen.write(self._random.choice("etaoinshrdlu "))
                    time.sleep(_KEY_TICKS * tick)
                self._say("x")
            case "paste":
                stage.screen.paste(self._sentence(PASTED)[:PASTED])
                self._say("")
            case "receiving":
                text = self._sentence(5)
                stage.other.station.ask(Send(contact=stage.other.contact, text=text), Message)
            case "deletion":
                message = self._deletable.popleft()
                self._deleted.add(message)
                request = Delete(contact=stage.watched.contact, message=message, both=True)
                stage.watched.station.ask(request, Done)

    def _say(self, text: str) -> None:
        self._stage.screen.write(f"{text}\r")
        self.sent += 1

    def _sentence(self, words: int) -> str:
        return " ".join(self._random.choice(_WORDS) for _ in range(words))

    def _restock(self) -> None:
        watched = self._stage.watched
        request = Messages(contact=watched.contact, limit=_STOCK)
        for one in watched.station.ask(request, Conversation).messages:
            if one.mine and one.state == "delivered" and one.message not in self._deleted:
                self._deletable.append(one.message)
