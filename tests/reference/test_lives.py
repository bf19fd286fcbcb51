"""Long random lives of the two, over wires that break and in processes that end: what holds after."""

from __future__ import annotations

from random import Random

import pytest

from ..protocol.world import Person
from .test_meeting import ROLES, both_talk, hang_up, mixed, settled
from .test_resets import forget

LIVES = 8
STEPS = 120
LENGTHS = (1, 3, 40, 200, 800, 1_700, 1_830, 4_000, 12_000)


class Life:
    """One seeded life, from the first contact on."""

    def __init__(self, role: str, seed: int, *, forgetful: bool) -> None:
        self.random = Random(seed)
        self.forgetful = forgetful
        self.world, self.real, self.second = mixed(role, seed)
        self.loss = 0.0
        self.world.cutter = lambda wire, writer, carried: self.random.random() < self.loss
        self.world.delay = lambda wire, reader: self.random.uniform(0.05, 3.0)
        self.written: dict[Person, dict[bytes, str]] = {self.real: {}, self.second: {}}

    def live(self) -> None:
        for _ in range(STEPS):
            self.loss = self.random.choice((0.0, 0.0, 0.02, 0.2))
            if self.real.contact is not None:
                self.something()
            self.world.run(self.random.choice((0.0, 0.5, 3.0, 20.0)))

    def something(self) -> None:
        if self.forgetful and self.random.random() < 0.04:
            self.random.choice((lambda: forget(self.real), self.second.side.lose_session))()
            self.second.bury()
        match self.random.randrange(10):
            case 0 | 1 | 2 | 3:
                self.write(self.random.choice((self.real, self.second)))
            case 4:
                self.real.fuse = self.random.randrange(12)
            case 5:
                self.random.choice((self.real, self.second)).restart()
            case 6:
                hang_up(self.world)
            case 7:
                self.burn()
            case 8:
                self.loss = 1.0
            case _:
                pass

    def write(self, person: Person) -> None:
        text = f"{len(self.written[person])} " + "x" * self.random.choice(LENGTHS)
        message = person.write(text)
        if person is self.second or person.stored(message):
            self.written[person][message] = text

    def burn(self) -> None:
        if ours := list(self.written[self.second]):
            message = self.random.choice(ours)
            self.second.side.delivery.delete(message)
            del self.written[self.second][message]
        if theirs := list(self.written[self.real]):
            message = self.random.choice(theirs)
            self.real.burn(message)
            if self.real.contact is not None and self.real.talk.timeline.get(message) is None:
                del self.written[self.real][message]

    def settle(self) -> None:
        self.loss = 0.0
        self.real.fuse = None
        self.world.until(lambda: settled(self.real, self.second), seconds=7_200)
        self.world.run(30)


def holds(life: Life) -> None:
    """What was written and not deleted stands on the other side, once and in order."""
    pairs: tuple[tuple[Person, Person], ...] = ((life.real, life.second), (life.second, life.real))
    for writer, reader in pairs:
        assert reader.texts() == list(life.written[writer].values())
    assert len(life.real.shown()) == len(set(life.real.shown()))
    assert _keys(life.real) & {psk.key for psk in life.second.side.psks.held}
    both_talk(life.world, life.real, life.second)


def _keys(person: Person) -> set[bytes]:
    return {psk.key for psk in person.record.psks}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("seed", range(LIVES))
def test_whatever_happens_each_text_arrives_once_and_in_order(role: str, seed: int) -> None:
    life = Life(role, seed, forgetful=False)
    life.live()
    life.settle()
    holds(life)
    assert life.real.lines() == []
    assert life.second.side.resets == 0


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("seed", range(LIVES))
def test_the_same_holds_where_sessions_are_lost_again_and_again(role: str, seed: int) -> None:
    life = Life(role, 1_000 + seed, forgetful=True)
    life.live()
    life.settle()
    holds(life)
