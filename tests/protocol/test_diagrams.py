"""The diagrams of docs/protocol.md show what the program does: all of it, and nothing else."""

from __future__ import annotations

from enum import Enum

import pytest

from onionchat.protocol import events
from onionchat.protocol.link import ON_CELL, ON_GREETING, LinkState
from onionchat.protocol.record import ContactRecord

from .diagrams import (
    ACQUAINTANCE,
    BULK,
    DOCUMENT,
    HOLDING,
    TEXT,
    Acquaintance,
    Bulk,
    Holding,
    Text,
    diagrams,
    refreshed,
)
from .test_walk import Walk
from .world import Machine, Person, friends

Moves = set[tuple[Enum, Enum]]


def test_the_diagrams_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text()
    assert refreshed(text) == text, "run: python -m tests.protocol.diagrams"


@pytest.mark.parametrize("name", diagrams())
def test_every_state_is_reached_from_outside(name: str) -> None:
    arrows = diagrams()[name]
    reached: set[Enum | None] = {None}
    for _ in arrows:
        reached |= {arrow.end for arrow in arrows if arrow.start in reached}
    assert {arrow.start for arrow in arrows} | {arrow.end for arrow in arrows} == reached


@pytest.mark.parametrize("name", diagrams())
def test_no_label_has_a_sign_that_ends_it(name: str) -> None:
    """Mermaid ends a label at a colon or a semicolon."""
    assert not any(set(arrow.why) & set(":;\n") for arrow in diagrams()[name])


def test_every_state_of_a_link_is_drawn() -> None:
    drawn = {arrow.start for arrow in diagrams()["link"]} | {arrow.end for arrow in diagrams()["link"]}
    assert drawn == {None, *LinkState}
    assert {*ON_CELL, *ON_GREETING} == set(LinkState) - {LinkState.CLOSED}


# --- what has no table in the program ------------------------------------------------------------


def acquaintance(record: ContactRecord) -> Acquaintance:
    if record.invite:
        return Acquaintance.USED
    if record.introduced:
        return Acquaintance.INTRODUCED
    return Acquaintance.JOINING if record.invite_psk else Acquaintance.IN_CONTACT


class Observer:
    """Sees each change of state in a walk, event by event."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._moves: dict[str, Moves] = {}
        self._last: dict[tuple[Person, str], tuple[Enum, bytes]] = {}
        apply = Person.apply

        def observed(person: Person, machine: Machine, event: events.Event) -> None:
            self.look(person)
            apply(person, machine, event)
            self.look(person)

        monkeypatch.setattr(Person, "apply", observed)

    def look(self, person: Person) -> None:
        if person.contact is None:
            if person.invitation is not None:
                self._see(person, "acquaintance", Acquaintance.OPEN)
            return
        record, talk = person.record, person.talk
        self._see(person, "acquaintance", acquaintance(record))
        held = Holding.LOST if talk.lost else Holding.HELD
        self._see(person, "session", held if record.session else Holding.NONE, record.session)
        for name, window in (("mine", talk.terms.mine), ("theirs", talk.terms.theirs)):
            running = Bulk.RUNNING if window is not None and window.open else Bulk.PROPOSED
            self._see(person, name, Bulk.NONE if window is None else running)
        for message in [message for message in talk.timeline if message.mine]:
            state = Text.LEAVING if talk.outbox.ever_left(message.id) else Text.QUEUED
            if message.id in talk.timeline.sent:
                state = Text.SENT
            self._see(person, message.id.hex(), Text.DELIVERED if message.delivered else state)
        for one, name in list(self._last):
            if one is person and len(name) == 32 and talk.timeline.get(bytes.fromhex(name)) is None:
                self._see(person, name, Text.GONE)

    def _see(self, person: Person, name: str, state: Enum, which: bytes = b"") -> None:
        now = (state, which)
        before = self._last.get((person, name), now)
        self._last[person, name] = now
        if before != now:
            self._moves.setdefault(name, set()).add((before[0], state))

    def of(self, kind: type[Enum], name: str = "") -> Moves:
        """All moves of this kind, or those of one name alone."""
        moves = self._moves.get(name, set()) if name else set().union(*self._moves.values())
        return {move for move in moves if isinstance(move[0], kind)}


def test_long_lives_move_along_these_arrows_and_along_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    observer = Observer(monkeypatch)
    for seed in range(10):
        walk = Walk(seed, forgetful=seed % 2 == 1)
        walk.live()
        walk.settle()
    assert observer.of(Acquaintance) == set(ACQUAINTANCE)
    assert observer.of(Holding) == set(HOLDING)
    assert observer.of(Text) == set(TEXT)


@pytest.mark.parametrize("name", ["mine", "theirs"])
def test_windows_move_along_these_arrows_and_along_all_of_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = Observer(monkeypatch)
    world, ada, ben = friends()

    def propose() -> None:
        world.until(lambda: ada.online and ben.online)
        world.run(90)  # two links at once have settled
        ada.ask(events.WindowAsked(id=ada.around.random(16), seconds=16))
        world.until(lambda: ben.talk.terms.theirs is not None)

    def agree() -> None:
        ben.ask(events.WindowAnswered(agree=True))
        world.until(lambda: ada.talk.terms.mine is not None and ada.talk.terms.mine.open)

    def over() -> None:
        world.until(lambda: ada.talk.terms.mine is None and ben.talk.terms.theirs is None)

    def cut() -> None:
        for wire in world.wires:
            wire.cut()

    ends = [
        lambda: ben.ask(events.WindowAnswered(agree=False)),
        lambda: ada.ask(events.WindowWithdrawn()),
        lambda: world.run(700),
        cut,
    ]
    for end in ends:
        propose()
        end()
        over()
    for end in (lambda: ada.ask(events.WindowEnded(link=ada.known.links[0])), cut):
        propose()
        agree()
        end()
        over()
    assert observer.of(Bulk, name) == set(BULK)
