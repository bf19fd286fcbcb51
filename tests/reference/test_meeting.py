"""The reference meets the program: how the two are brought together, and their first contact.

Everything between them is the wire of `tests/protocol/world.py`: cells in order, delays, breaks, a clock. The
program's person performs its machine's commands as the engine does; `Second` does for the reference what a
small engine of its own would do.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onionchat.crypto.keys import KeyPair
from onionchat.protocol import events
from onionchat.protocol.commands import Key
from onionchat.protocol.invitation import join
from onionchat.protocol.invite import Invite as RealInvite
from onionchat.protocol.invite import decode
from onionchat.protocol.record import pack

from ..protocol.world import Person, Wire, World
from .contact import Contact
from .invite import Invite, read_invite
from .link import Link
from .side import Side

ROLES = ("inviter", "joiner")
"""What the reference may be."""


class Mixed(World):
    """A world in which the reference lives too."""

    def service(self, onion: bytes) -> tuple[Person, bool] | None:
        for person in self.people:
            if isinstance(person, Second) and person.serves(onion):
                return person, onion != person.side.contact.pair_onion
        return super().service(onion)


class Second(Person):
    """A person whose program is the reference."""

    def __init__(self, world: World, name: str, side: Side) -> None:
        super().__init__(world, name)
        self.side = side
        self.ends: dict[int, Link] = {}
        self.dial_at = world.now
        self.window_left = 0.0
        """Cells until the end of a bulk window."""
        self.why: list[str] = []
        """Why links were ended here, as far as they were."""

    def serves(self, onion: bytes) -> bool:
        contact = self.side.contact
        if onion == contact.pair_onion:
            return not contact.is_inviter or contact.is_in_contact
        return contact.is_inviter and contact.invite is not None and onion == contact.invite.onion

    def texts(self) -> list[str]:
        return [m.content.decode() for m in self.side.delivery.messages.values() if m.received]

    def write(self, text: str, lifetime: int | None = None) -> bytes:
        return self.side.delivery.write(text, self.world.now)

    @property
    def online(self) -> bool:
        return self.side.active is not None

    def idle(self) -> bool:
        return not self.side.delivery.outbox

    # --- time ---

    @property
    def next_deadline(self) -> float:
        if self.away:
            return float("inf")
        due = [self.dial_at] if self._may_dial else []
        return min([*due, *(link.ends_at() for link in self.ends.values())], default=float("inf"))

    @property
    def _may_dial(self) -> bool:
        if self.side.active or any(link.dialled for link in self.ends.values()):
            return False
        return not self.side.contact.is_inviter or self.side.contact.is_in_contact

    def time_passed(self) -> None:
        self.side.pass_time(self.world.now)
        self.bury()
        if self._may_dial and self.dial_at <= self.world.now:
            self.dial()

    def dial(self) -> Link:
        link = self.side.dial(self.world.now)
        number = next(self.around.numbers)
        self.ends[number] = link
        self.dial_at = float("inf")
        self._dial(number, link.onion)
        return link

    def bury(self) -> None:
        for number, link in [(number, link) for number, link in self.ends.items() if link.is_closed]:
            self.why.append(link.why)
            del self.ends[number]
            if number in self.wires:
                self.wires[number].cut()
        if self._may_dial and self.dial_at == float("inf"):
            self.dial_at = self.world.now + self.world.random.uniform(1, 8)

    # --- the wire ---

    def accept(self, wire: Wire, *, at_invite: bool) -> None:
        number = next(self.around.numbers)
        wire.ends[self] = number
        self.wires[number] = wire
        contact = self.side.contact
        onion = contact.invite.onion if at_invite and contact.invite else contact.pair_onion
        self.ends[number] = self.side.accept(onion, self.world.now)

    def deliver(self, number: int, event: events.Event) -> None:
        link = self.ends.get(number)
        if link is None or self.away:
            return
        carried = link.carries_cells
        if isinstance(event, events.CellReceived):
            self.side.read(link, event.cell, self.world.now)
        elif isinstance(event, events.LinkEnded):
            self.side.lose_connection(link)
            del self.ends[number]
        while link.out and number in self.wires:
            self.wires[number].carry(self, link.out.pop(0))
        if link.carries_cells and not carried:
            self.world.later(link.own_pace.tick_ms / 1000, lambda: self._beat(number, link))
        self.bury()

    def _beat(self, number: int, link: Link) -> None:
        if self.ends.get(number) is not link or not link.carries_cells:
            return
        batch, gap = self._slot(link)
        for _ in range(batch):
            self.wires[number].carry(self, self.side.next_cell(link, self.world.now))
        self.world.later(gap, lambda: self._beat(number, link))

    def _slot(self, link: Link) -> tuple[int, float]:
        """How many cells leave now, and in how many seconds the next do."""
        terms = self.side.terms
        if link is not self.side.active:
            return link.own_pace.batch, link.own_pace.tick_ms / 1000
        if terms.window:
            self.window_left = self.window_left or terms.window / 0.05
            self.window_left -= 1
            if self.window_left > 0:
                return 1, 0.05
            terms.end()
        return terms.pace.batch, terms.pace.tick_ms / 1000

    # --- what happens to it ---

    def close(self) -> None:
        """End every link in order."""
        for number, link in list(self.ends.items()):
            if link.carries_cells:
                self.wires[number].carry(self, self.side.last_cell(link))
        self.bury()

    def restart(self) -> None:
        """The process ends and begins again: what waits in memory alone is gone."""
        for link in list(self.ends.values()):
            self.side.lose_connection(link)
        self.side.delivery.acknowledging.clear()
        self.bury()


def mixed(role: str, seed: int = 1) -> tuple[Mixed, Person, Second]:
    """The program's person and the reference's, just before the joiner dials."""
    world = Mixed(seed)
    real = Person(world, "Real")
    if role == "inviter":
        second = Second(world, "Second", Side(Contact.inviting()))
        invite = second.side.contact.invite
        assert invite is not None
        use(real, decode(invite.text()))
    else:
        code = real.invite().invite.encode()
        second = Second(world, "Second", Side(Contact.joining(read_invite(code))))
    return world, real, second


def use(person: Person, invite: RealInvite) -> None:
    """The program's person joins."""
    contact = join(
        invite, identity=bytes(8), name="them", now=person.world.now, around=person.around, pace=person.pace
    )
    person.vault[Key(kind="contact", key=contact.record.id)] = pack(contact.record)
    person.contact = contact
    contact.start(person.world.now)


def settled(real: Person, second: Second) -> bool:
    """Both have each other's address and know it, are on line, and have nothing left to say."""
    known = second.side.contact
    return (
        known.is_introduced
        and real.contact is not None
        and real.record.introduced
        and real.online
        and second.online
        and real.idle()
        and second.idle()
    )


def together(role: str, seed: int = 1) -> tuple[Mixed, Person, Second]:
    """The same two, introduced to each other."""
    world, real, second = mixed(role, seed)
    world.until(lambda: settled(real, second))
    return world, real, second


def hang_up(world: World) -> None:
    """Every wire breaks, and both sides notice."""
    for wire in world.wires:
        wire.cut()
    world.run(1)


def both_talk(world: World, real: Person, second: Second) -> None:
    """Fails unless each can still say something to the other."""
    pairs: tuple[tuple[Person, Person], ...] = ((real, second), (second, real))
    for writer, reader in pairs:
        text = f"{writer} at {world.now}"
        writer.write(text)
        world.until(lambda r=reader, t=text: t in r.texts())  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        world.until(writer.idle)


def losing(dialler: int, other: int) -> Callable[[Wire, Person, int], bool]:
    """The first wire from now on carries so many cells of who dialled, so many of the other, and no more."""
    hurt: list[Wire] = []

    def cutter(wire: Wire, writer: Person, carried: int) -> bool:
        if not hurt:
            hurt.append(wire)
        return wire in hurt and carried >= (dialler if writer is wire.dialler else other)

    return cutter


# --- first contact ---


@pytest.mark.parametrize("role", ROLES)
def test_an_invite_brings_them_together(role: str) -> None:
    world, real, second = together(role)
    contact = second.side.contact
    assert contact.their_onion == real.known.onion.public
    assert real.record.peer_onion == contact.pair_onion
    assert real.record.peer_statics[0] == contact.pair_static
    assert not real.invites
    assert set(second.why) <= {"another link was chosen"}
    both_talk(world, real, second)


@pytest.mark.parametrize("role", ROLES)
def test_afterwards_they_meet_at_their_pair_onions(role: str) -> None:
    world, real, second = together(role)
    pairs: tuple[tuple[Person, Person], ...] = ((real, second), (second, real))
    for dialler, dialled in pairs:
        dialler.reachable, dialled.reachable = False, True
        hang_up(world)
        world.until(lambda: settled(real, second))
        assert {wire.dialler for wire in world.wires if wire.whole} == {dialler}
        both_talk(world, real, second)
    assert real.record.peer_statics == [second.side.contact.pair_static]
    assert second.side.contact.their_statics == [KeyPair.from_secret(real.record.static_secret).public]
    assert second.side.resets == 0
    assert real.lines() == []


@pytest.mark.parametrize("role", ROLES)
def test_an_inviter_who_does_not_know_that_its_address_came_is_met_by_the_invites_key(role: str) -> None:
    world, real, second = mixed(role)
    pairs: tuple[tuple[Person, Person], ...] = ((real, second), (second, real))
    inviter, joiner = pairs[role == "inviter"]
    world.cutter = lambda wire, writer, carried: writer is joiner and was_told()

    def was_told() -> bool:
        """Whether the joiner has the address; its acknowledgement is lost then."""
        if joiner is second:
            return second.side.contact.is_introduced
        return real.record.introduced

    world.until(was_told)
    world.run(1)
    inviter.reachable = False
    hang_up(world)
    world.cutter = None
    before = len(world.wires)
    world.until(lambda: settled(real, second))
    assert {wire.dialler for wire in world.wires[before:] if wire.cells} == {inviter}
    both_talk(world, real, second)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dialler", range(6))
def test_a_first_contact_survives_every_loss(role: str, dialler: int) -> None:
    for other in range(6):
        world, real, second = mixed(role, 10 * dialler + other)
        world.cutter = losing(dialler, other)
        world.until(lambda r=real, s=second: settled(r, s))  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        both_talk(world, real, second)
        assert second.side.resets == 0
        assert real.lines() == []


def test_one_invite_makes_one_contact_whoever_gave_it() -> None:
    world, real, second = mixed("joiner")
    assert real.invitation is not None
    invite = read_invite(real.invitation.invite.encode())
    world.until(lambda: settled(real, second))
    late = Second(world, "Late", Side(Contact.joining(invite)))
    world.run(120)
    assert not late.online
    assert real.record.peer_onion == second.side.contact.pair_onion
    both_talk(world, real, second)


def test_the_same_of_an_invite_of_the_reference() -> None:
    world, real, second = mixed("inviter")
    invite = second.side.contact.invite
    assert invite is not None
    world.until(lambda: settled(real, second))
    late = Person(world, "Late")
    use(late, decode(invite.text()))
    world.run(120)
    assert not late.online
    both_talk(world, real, second)


@pytest.mark.parametrize("wrong", ["secret", "static"])
@pytest.mark.parametrize("role", ROLES)
def test_a_wrong_key_of_an_invite_is_answered_with_nothing(role: str, wrong: str) -> None:
    world = Mixed()
    real = Person(world, "Real")
    if role == "inviter":
        second = Second(world, "Second", Side(Contact.inviting()))
        right = second.side.contact.invite
        assert right is not None
        use(real, decode(_spoiled(right, wrong).text()))
    else:
        right = read_invite(real.invite().invite.encode())
        second = Second(world, "Second", Side(Contact.joining(_spoiled(right, wrong))))
    world.run(120)
    assert len(world.wires) > 1
    for wire in world.wires:
        assert [writer for writer, _ in wire.cells] == [wire.dialler]
    assert not real.online
    assert not second.online


def _spoiled(invite: Invite, field: str) -> Invite:
    secret, static = invite.secret, invite.static
    if field == "secret":
        secret = bytes([secret[0] ^ 1]) + secret[1:]
    else:
        static = bytes([static[0] ^ 1]) + static[1:]
    return Invite(expiry=invite.expiry, onion=invite.onion, static=static, secret=secret)
