"""Long random lives in which paces, windows and presence change: what holds of a talk holds all the same."""

from __future__ import annotations

import os

import pytest

from onionchat.errors import RemoteProtocolError
from onionchat.protocol import events
from onionchat.protocol.constants import WINDOW_SECONDS
from onionchat.protocol.pace import Level, Pace
from onionchat.protocol.tolerance import Tolerance

from .test_walk import MessageKeys, Walk, delivered
from .world import USUAL, Person

WALKS = int(os.environ.get("ONIONCHAT_WALKS", "8"))
PACES = (
    USUAL,
    USUAL,
    USUAL,
    Pace(tick_ms=1_000, batch=2),
    Pace(tick_ms=10_000, batch=4),
    Pace(level=Level.POISSON, tick_ms=3_000),
    Pace(level=Level.POISSON, tick_ms=30_000, batch=8),
    Pace(level=Level.BURST),
)


class Wavering(Walk):
    """Two who cannot leave their settings alone."""

    def something(self, person: Person) -> None:
        match self.random.randrange(24):
            case 0:
                person.choose(self.random.choice(PACES))
            case 1 | 2 | 3 if person.contact is not None:
                person.propose(self.random.choice(WINDOW_SECONDS[:3]))
            case 4 | 5 | 6 | 7 | 8 if person.contact is not None:
                person.ask(events.WindowAnswered(agree=self.random.random() < 0.8))
            case 9 if person.contact is not None:
                person.ask(events.WindowWithdrawn())
            case 10:
                person.appear(visible=self.random.random() < 0.9)
            case 11 | 12 | 13 | 14 | 15:
                super().something(person)
            case _:
                pass

    def settle(self) -> None:
        for person in (self.ada, self.ben):
            person.fuse = None
            person.appear(visible=True)
            person.choose(USUAL)
        super().settle()


@pytest.mark.parametrize("seed", range(WALKS))
def test_whatever_changes_each_message_arrives_once_and_no_honest_side_is_taken_for_a_flood(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = MessageKeys(monkeypatch)
    floods: list[str] = []
    came = Tolerance.came

    def watched(self: Tolerance, elapsed: float) -> None:
        try:
            came(self, elapsed)
        except RemoteProtocolError as error:
            floods.append(error.message)
            raise

    monkeypatch.setattr(Tolerance, "came", watched)
    walk = Wavering(seed)
    walk.live()
    walk.settle()
    delivered(walk)
    assert floods == []
    for person in (walk.ada, walk.ben):
        assert keys.used_once(person.left)


def test_windows_open_and_run_to_their_end_in_such_lives() -> None:
    """Or else nothing was tried."""
    walks = [Wavering(seed) for seed in range(WALKS)]
    for walk in walks:
        walk.live()
    told = [state for walk in walks for person in (walk.ada, walk.ben) for state in person.windows("my")]
    assert told.count("open") > 3
    assert "over" in told
    assert "declined" in told
