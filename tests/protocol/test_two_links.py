"""Both dial at once: both choose the same link, whatever arrives first. docs/protocol.md, «Two links»."""

from __future__ import annotations

import itertools

import pytest

from onionchat.crypto.keys import KeyPair
from onionchat.errors import LocalProtocolError
from onionchat.protocol import commands as do
from onionchat.protocol import contact, events
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.constants import SETTLE_SECONDS
from onionchat.protocol.link import Link, LinkState, wins
from onionchat.protocol.pace import Pace

from .world import Person, Wire, World, can_talk, friends, introduced

QUICK, SLOW = 0.1, 1.3
ORDERS = list(itertools.product((QUICK, SLOW), repeat=4))


def static(person: Person) -> bytes:
    return KeyPair.from_secret(person.record.static_secret).public


def forget_session(person: Person) -> None:
    for key in [key for key in person.vault if key.kind == "session"]:
        del person.vault[key]


def crossing(
    seed: int, delays: tuple[float, ...], forgetful: tuple[bool, bool] = (False, False)
) -> tuple[World, Person, Person]:
    """Friends who start at the same moment and dial; each wire has its own delay in each direction."""
    world, ada, ben = friends(seed)
    people = (ada, ben)
    of = dict(zip(itertools.product(people, repeat=2), delays, strict=True))
    for person, forgets in zip(people, forgetful, strict=True):
        person.leave()
        if forgets:
            forget_session(person)
    world.wires.clear()
    world.delay = lambda wire, reader: of[wire.dialler, reader]
    for person in people:
        person.come_back()
        person.write(f"from {person}")
    return world, ada, ben


def shaken(wire: Wire) -> bool:
    """Whether the handshake on it was done on both sides."""
    numbers = {person: {c.link for c in person.log if isinstance(c, do.BeginSending)} for person in wire.ends}
    return all(number in numbers[person] for person, number in wire.ends.items())


def settled(world: World, ada: Person, ben: Person) -> None:
    """One wire is left, both send on it, and whoever dialled the other closed it."""
    assert len(ada.known.links) == len(ben.known.links) == 1
    kept = ada.wires[ada.known.links[0]]
    assert ben.wires[ben.known.links[0]] is kept
    for wire in world.wires:
        if wire is not kept and shaken(wire):
            for person, number in wire.ends.items():
                assert (do.CloseLink(link=number) in person.log) is (person is wire.dialler)
    assert ada.texts() == ["from Ben"]
    assert ben.texts() == ["from Ada"]
    assert len(ada.shown()) == len(ben.shown()) == 1


@pytest.mark.parametrize("delays", ORDERS)
def test_both_choose_the_link_of_the_smaller_key_in_every_order_of_completion(
    delays: tuple[float, ...],
) -> None:
    """A link that is so slow that the other was complete before its own handshake ended is no match."""
    crossed = False
    for seed in range(4):
        world, ada, ben = crossing(seed, delays)
        world.run(60)
        settled(world, ada, ben)
        assert len(world.wires) == 2
        assert all(len(wire.ends) == 2 for wire in world.wires)
        (kept,) = [wire for wire in world.wires if wire.whole]
        if all(shaken(wire) for wire in world.wires):
            assert kept.dialler is min((ada, ben), key=static)
            crossed = True
        assert ada.lines() == ben.lines() == []
        can_talk(world, ada, ben)
    assert crossed or delays[:2].count(SLOW) != delays[2:].count(SLOW)


@pytest.mark.parametrize("forgetful", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("delays", ORDERS)
def test_two_resets_at_once_are_settled_by_the_same_rule(
    delays: tuple[float, ...], forgetful: tuple[bool, bool]
) -> None:
    world, ada, ben = crossing(1, delays, forgetful)
    world.run(90)
    settled(world, ada, ben)
    assert ada.record.session == ben.record.session
    can_talk(world, ada, ben)
    for wire in world.wires:  # keys of both handshakes may still be held: the next link takes the right one
        wire.cut()
    world.run(3)
    world.until(lambda: introduced(ada, ben))
    can_talk(world, ada, ben)
    assert len(ada.lines()) == len(ben.lines()) == 1


@pytest.mark.parametrize("delays", ORDERS)
def test_nothing_is_lost_where_the_chosen_link_breaks_at_once(delays: tuple[float, ...]) -> None:
    for cells in range(1, 6):
        world, ada, ben = crossing(cells, delays)
        chosen = min((ada, ben), key=static)
        hurt: list[object] = []

        def cutter(wire: object, writer: Person, carried: int, limit: int = cells) -> bool:
            if not hurt and getattr(wire, "dialler", None) is chosen:  # noqa: B023  # called within this turn
                hurt.append(wire)  # noqa: B023  # the same
            return wire in hurt and carried >= limit  # noqa: B023  # the same

        world.cutter = cutter
        world.until(lambda a=ada, b=ben: introduced(a, b))  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        world.run(SETTLE_SECONDS + 30)
        assert len(ada.known.links) == len(ben.known.links) == 1
        assert ada.texts() == ["from Ben"]
        assert ben.texts() == ["from Ada"]
        can_talk(world, ada, ben)


def test_a_text_on_a_link_that_was_not_chosen_is_left_for_the_one_that_was() -> None:
    """An earlier one may have been lost on that link, and would come after it."""
    world, ada, ben = friends()
    chosen, ada.known._active = ada.known._active, None
    ben.write("too early")
    world.run(5)
    assert len(ben.left) > 0
    assert ada.texts() == []
    assert not ada.talk.inbox.pending
    ada.known._active = chosen
    ben.restart()
    world.until(lambda: introduced(ada, ben))
    assert ada.texts() == ["too early"]


def test_a_have_list_on_a_link_that_was_not_chosen_says_nothing() -> None:
    world, ada, ben = friends()
    chosen, ada.known._active = ada.known._active, None
    assert chosen is not None
    ada.talk.outbox.open = False
    ben.speak(lay_out(CellType.HAVE))
    world.run(1)
    assert not ada.talk.outbox.open
    assert chosen.alive


def test_the_link_that_is_used_stays_until_a_cell_has_come_on_the_newer_one() -> None:
    world, ada, ben = friends()
    (old,) = ada.known.links
    dead = ada.wires[old]
    world.notice = None
    world.cutter = lambda wire, writer, carried: wire is dead
    ben.wire_ended(dead.ends[ben])
    world.until(lambda: any(link.state is LinkState.OPEN for link in ada.known._links.values()))
    assert old in ada.known.links
    world.until(lambda: ben.online and old not in ada.known.links)
    can_talk(world, ada, ben)


def test_a_connection_that_has_proved_nothing_is_not_taken_for_one_that_the_peer_has_given_up() -> None:
    world, ada, ben = friends()
    (old,) = ada.known.links
    ben.wire_ended(ada.wires[old].ends[ben])
    stranger = next(ada.around.numbers)
    ada.apply(ada.machine, events.ConnectionAccepted(link=stranger))
    world.until(lambda: any(link.state is LinkState.OPEN for link in ada.known._links.values()))
    assert stranger in ada.known.links


def test_a_newer_link_replaces_one_that_has_been_dead_for_long() -> None:
    world, ada, ben = friends()
    world.run(SETTLE_SECONDS + 1)
    dead = ada.known.links[0]
    ben.leave()
    ben.come_back()
    world.until(lambda: ben.online and ada.known.links != (dead,) and ada.online, seconds=30)
    world.run(10)
    assert len(ada.known.links) == 1
    can_talk(world, ada, ben)


def test_who_dials_anew_has_given_up_the_link_before_and_it_is_closed_at_once() -> None:
    world, ada, ben = friends()
    (wire,) = [wire for wire in world.wires if wire.whole]
    assert wire.dialler is ben
    world.notice = None
    world.cutter = lambda hurt, writer, carried: hurt is wire
    world.run(3)
    ben.wire_ended(wire.ends[ben])  # only Ben notices
    world.until(lambda: ben.online)
    world.run(5)
    assert do.CloseLink(link=wire.ends[ada]) in ada.log
    assert len(ada.known.links) == 1
    can_talk(world, ada, ben)


def test_two_who_choose_differently_come_together_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the very edge of the settling time: Ada takes the newer one, Ben the older."""
    world, ada, ben = crossing(3, (0.4, 0.4, QUICK, QUICK))
    monkeypatch.setattr(contact, "wins", lambda newer, older: newer in ada.known._links.values())
    world.run(20)
    assert len(ada.known.links) == len(ben.known.links) == 2
    monkeypatch.undo()
    world.until(lambda: introduced(ada, ben), seconds=2 * SETTLE_SECONDS)
    assert ada.texts() == ["from Ben"]
    assert ben.texts() == ["from Ada"]


def test_a_link_that_its_dialler_does_not_close_is_closed_in_the_end() -> None:
    """At the very edge of the settling time the two sides may choose differently."""
    world, ada, ben = friends()
    link = ada.known._active or ben.known._active
    assert link is not None
    link.replaced = world.now  # as if another link had been chosen, and broke before the peer saw that
    world.run(SETTLE_SECONDS + 1)
    assert link.state is LinkState.CLOSED
    world.until(lambda: introduced(ada, ben))
    can_talk(world, ada, ben)


def link(*, dialled: bool, static: bytes, completed: float | None) -> Link:
    made = Link(1, LinkState.DIALLING if dialled else LinkState.AWAIT_MESSAGE_1, Pace(), 0.0)
    made.initiator_static, made.completed = static, completed
    return made


SMALL, LARGE = b"\x01" * 32, b"\x02" * 32


BEGUN = 1_700_000_000.0


@pytest.mark.parametrize("apart", [0.0, 1.0, SETTLE_SECONDS])
def test_links_that_cross_are_settled_by_the_static_key_on_either_side_and_in_either_order(
    apart: float,
) -> None:
    for first, second in ((BEGUN, BEGUN + apart), (BEGUN + apart, BEGUN)):
        for small_is_ours in (True, False):
            small = link(dialled=small_is_ours, static=SMALL, completed=first)
            large = link(dialled=not small_is_ours, static=LARGE, completed=second)
            assert wins(small, large)
            assert not wins(large, small)


def test_later_the_newer_one_stays() -> None:
    old = link(dialled=True, static=SMALL, completed=BEGUN)
    new = link(dialled=False, static=LARGE, completed=BEGUN + SETTLE_SECONDS + 0.1)
    assert wins(new, old)


def test_who_dials_anew_replaces_their_own_link() -> None:
    old = link(dialled=False, static=SMALL, completed=0.0)
    new = link(dialled=False, static=SMALL, completed=1.0)
    assert wins(new, old)


def test_only_complete_links_are_compared() -> None:
    unfinished = link(dialled=True, static=SMALL, completed=None)
    complete = link(dialled=False, static=LARGE, completed=BEGUN)
    for pair in ((unfinished, complete), (complete, unfinished)):
        with pytest.raises(LocalProtocolError, match="complete"):
            wins(*pair)
