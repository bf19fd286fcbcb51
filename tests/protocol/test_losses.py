"""Every loss: cells that do not arrive, either way, at each point of a first contact and of a resume."""

from __future__ import annotations

from random import Random

import pytest

from onionchat.protocol.keyring import MAX_PSKS

from .world import Cutter, Person, Wire, World, can_talk, dials, friends, introduced, meeting

FIRST_CELLS = 12
"""What a first contact takes in one direction: handshake, have-list, hello, address, acknowledgements."""


def losing(dialler: int, other: int, wires: int = 1) -> Cutter:
    """The first wires from now on carry so many cells of who dialled, so many of the other, and no more."""
    hurt: list[Wire] = []

    def cutter(wire: Wire, writer: Person, carried: int) -> bool:
        if wire not in hurt and len(hurt) < wires:
            hurt.append(wire)
        return wire in hurt and carried >= (dialler if writer is wire.dialler else other)

    return cutter


def converges(world: World, ada: Person, ben: Person) -> None:
    world.until(lambda: introduced(ada, ben))
    world.cutter = None
    assert ada.kinds() == ben.kinds() == {"contact", "session", "seen", "message"}
    assert not ada.invites
    assert ada.record.invite_psk == ben.record.invite_psk == b""
    assert ada.texts() == ["from Ben"]
    assert ben.texts() == ["from Ada"]
    assert ada.lines() == ben.lines() == []
    can_talk(world, ada, ben)
    assert len(ada.shown()) == len(set(ada.shown())) == 2
    assert len(ben.shown()) == len(set(ben.shown())) == 2


def first_words(world: World, ada: Person, ben: Person) -> None:
    ben.write("from Ben")
    world.until(lambda: ada.contact is not None)
    ada.write("from Ada")


@pytest.mark.parametrize("lost", range(1, FIRST_CELLS))
def test_a_first_contact_survives_a_wire_that_breaks_after_any_cell(lost: int) -> None:
    world, ada, ben = meeting(lost)
    world.cutter = losing(lost, lost)
    first_words(world, ada, ben)
    converges(world, ada, ben)


@pytest.mark.parametrize("dialler", range(6))
def test_a_first_contact_survives_losses_that_differ_by_direction(dialler: int) -> None:
    for other in range(6):
        world, ada, ben = meeting(10 * dialler + other)
        world.cutter = losing(dialler, other)
        first_words(world, ada, ben)
        converges(world, ada, ben)


@pytest.mark.parametrize("seed", range(24))
def test_a_first_contact_survives_many_losses_in_a_row(seed: int) -> None:
    random = Random(seed)
    world, ada, ben = meeting(seed)
    limits: dict[tuple[Wire, Person], int] = {}
    end = world.now + 200

    def cutter(wire: Wire, writer: Person, carried: int) -> bool:
        return world.now < end and carried >= limits.setdefault(
            (wire, writer), random.choice((0, 1, 1, 2, 4))
        )

    world.cutter = cutter
    world.notice = None if seed % 3 == 0 else lambda: random.uniform(0, 8)
    world.delay = lambda wire, reader: random.uniform(0.1, 2.0)
    first_words(world, ada, ben)
    world.run(200)
    converges(world, ada, ben)


def reunion(seed: int, dials: str) -> tuple[World, Person, Person]:
    """Two friends who have lost each other and have something to say; who dials is given."""
    world, ada, ben = friends(seed)
    ada.reachable = "Ben" in dials
    ben.reachable = "Ada" in dials
    for wire in world.wires:
        wire.cut()
    world.run(0.4)
    assert not ada.online
    assert not ben.online
    ada.write("from Ada")
    ben.write("from Ben")
    return world, ada, ben


@pytest.mark.parametrize("dials", ["Ada", "Ben", "Ada and Ben"])
@pytest.mark.parametrize("dialler", range(5))
def test_a_resume_survives_every_loss(dials: str, dialler: int) -> None:
    for other in range(5):
        world, ada, ben = reunion(10 * dialler + other, dials)
        world.cutter = losing(dialler, other)
        converges(world, ada, ben)


@pytest.mark.parametrize("dials", ["Ada", "Ben", "Ada and Ben"])
@pytest.mark.parametrize(("dialler", "other"), [(1, 1), (1, 9), (2, 0), (2, 1), (9, 1), (9, 0)])
def test_nobody_is_locked_out_by_the_same_loss_again_and_again(dials: str, dialler: int, other: int) -> None:
    """Message 3, the first cell either way: each lost so often that no list of keys could hold them all."""
    world, ada, ben = reunion(7, dials)
    ada.record.recovery_psk = ben.record.recovery_psk = b""  # without which nobody is locked out either
    world.cutter = losing(dialler, other, wires=12)
    world.run(3600)
    converges(world, ada, ben)


def test_the_one_key_that_both_hold_is_never_pushed_out_by_keys_that_only_one_holds() -> None:
    """Ada has erased the older key, Ben could not yet; then every message 3 of Ben's is lost."""
    world, ada, ben = reunion(5, "Ada")
    world.cutter = losing(2, 9)
    world.until(lambda: ada.online)
    world.until(lambda: not ada.online)
    assert len(ada.record.psks) == 1
    assert ada.record.psks[0] in ben.record.psks[:-1]
    ada.reachable, ben.reachable = True, False
    world.cutter = lambda wire, writer, carried: writer is wire.dialler and carried > 0
    before = dials(ben)
    world.until(lambda: dials(ben) > before + 20, seconds=9000)
    assert len(ben.record.psks) == MAX_PSKS
    assert ada.record.psks[0] in ben.record.psks
    world.cutter = None
    converges(world, ada, ben)
    assert ben.known._dialling.refusals == 0


@pytest.mark.parametrize("dials", ["Ada", "Ben"])
def test_keys_that_were_replaced_are_gone_on_both_sides(dials: str) -> None:
    world, ada, ben = reunion(3, dials)
    before = {psk.key for psk in (*ada.record.psks, *ben.record.psks)}
    world.until(lambda: introduced(ada, ben))
    assert ada.record.psks == ben.record.psks
    assert len(ada.record.psks) == 1
    assert before.isdisjoint(psk.key for psk in ada.record.psks)


def test_a_wire_that_dies_unnoticed_is_given_up_by_both() -> None:
    world, ada, ben = friends()
    world.notice = None
    world.cutter = lambda wire, writer, carried: wire is world.wires[0]
    first = world.wires[0]
    ada.write("into the void")
    world.until(lambda: "into the void" in ben.texts(), seconds=120)
    assert not first.whole
    world.until(lambda: introduced(ada, ben))


def test_an_inviter_whose_address_arrived_unacknowledged_can_still_dial() -> None:
    """It goes on to prove the invite's key, for it cannot know that the joiner has the newer one."""
    world, ada, ben = meeting(4)
    first_words(world, ada, ben)
    world.until(lambda: ben.record.introduced)
    assert not ada.record.introduced
    ada.reachable = False
    for wire in world.wires:
        wire.cut()
    converges(world, ada, ben)


@pytest.mark.parametrize("dialler", ["Ada", "Ben"])
def test_who_was_let_in_but_was_not_told_the_address_yet_is_found_by_either(dialler: str) -> None:
    """At the invite with the pair's key, or at the joiner's address with the invite's static key."""
    world, ada, ben = meeting(6)
    first_words(world, ada, ben)
    world.until(lambda: not ben.record.invite_psk and ada.online)
    assert not ben.record.introduced
    ada.reachable, ben.reachable = dialler == "Ben", dialler == "Ada"
    for wire in world.wires:
        wire.cut()
    world.cutter = None
    converges(world, ada, ben)


@pytest.mark.parametrize("late", [2, 3])
def test_a_handshake_whose_key_was_dropped_meanwhile_counts_for_nothing(late: int) -> None:
    """Both dial with one key; one handshake is held back until the other's link is complete on both sides."""
    world, ada, ben = friends()
    held: list[Wire] = []

    def delay(wire: Wire, reader: Person) -> float:
        waits = wire in held and reader is (ada if late == 2 else ben) and len(wire.cells) == late
        return 20.0 if waits else 0.3

    world.delay = delay
    before = len(world.wires)
    for wire in world.wires:
        wire.cut()
    world.until(lambda: not ada.online and not ben.online)
    ada.known._dialling.due = ben.known._dialling.due = world.now
    world.until(lambda: len(world.wires) == before + 2)
    held += [wire for wire in world.wires[before:] if wire.dialler is ada]
    world.until(lambda: ada.online and ben.online)
    assert all(wire.whole for wire in held)
    world.run(12)
    kept = list(ada.record.psks), list(ben.record.psks), ada.record.session, ben.record.session
    world.run(12)
    assert not held[0].whole
    silent = ada if late == 2 else ben  # who reads the late message, and answers nothing to it
    assert [writer for writer, _ in held[0].cells].count(silent) == 1
    assert kept == (list(ada.record.psks), list(ben.record.psks), ada.record.session, ben.record.session)
    assert ada.lines() == ben.lines() == []
    can_talk(world, ada, ben)
