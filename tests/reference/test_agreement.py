"""«Versions and suites»: what two agree on, remember, and never take back.

There is one version and one suite. A later program is played by one that says in its greetings that it has
others as well; what it would do with them is its own affair.
"""

from __future__ import annotations

import pytest

from onionchat.protocol import greeting
from onionchat.protocol.greeting import Agreed
from onionchat.protocol.record import ContactRecord, unpack

from ..protocol.world import Person
from . import handshake
from .test_meeting import ROLES, Mixed, Second, both_talk, hang_up, mixed, settled

OLD = ((1,), (1,))
LATER = ((1, 2), (1, 3))
HIGHER_SUITE = ((1,), (3, 1))
UNEQUAL = ((1, 4), (1, 9))

Spoken = tuple[tuple[int, ...], tuple[int, ...]]


def speak(monkeypatch: pytest.MonkeyPatch, person: Person, spoken: Spoken) -> None:
    """From now on the person's program has these versions and suites."""
    if isinstance(person, Second):
        person.side.versions, person.side.suites = spoken
    else:
        monkeypatch.setattr(greeting, "VERSIONS", spoken[0])
        monkeypatch.setattr(greeting, "SUITES", spoken[1])


def met(monkeypatch: pytest.MonkeyPatch, role: str, of_real: Spoken, of_second: Spoken) -> Met:
    world, real, second = mixed(role)
    speak(monkeypatch, real, of_real)
    speak(monkeypatch, second, of_second)
    world.until(lambda: settled(real, second))
    return world, real, second


Met = tuple[Mixed, Person, Second]


def remembered(real: Person, second: Second) -> set[tuple[int, int]]:
    """What both have in mind, and the real one in its vault."""
    (kept,) = [unpack(value, ContactRecord) for key, value in real.vault.items() if key.kind == "contact"]
    contact = second.side.contact
    return {
        (real.record.version, real.record.suite),
        (kept.version, kept.suite),
        (contact.version, contact.suite),
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("of_real", "of_second", "agreed"),
    [
        (OLD, OLD, (1, 1)),
        (OLD, LATER, (1, 1)),
        (LATER, OLD, (1, 1)),
        (LATER, LATER, (2, 3)),
        (LATER, HIGHER_SUITE, (1, 3)),
        (LATER, UNEQUAL, (1, 1)),
    ],
)
def test_both_remember_the_highest_that_both_have(
    role: str, of_real: Spoken, of_second: Spoken, agreed: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, real, second = met(monkeypatch, role, of_real, of_second)
    assert remembered(real, second) == {agreed}
    both_talk(world, real, second)


@pytest.mark.parametrize("dialler", ["Real", "Second"])
@pytest.mark.parametrize("lowered", ["Real", "Second"])
@pytest.mark.parametrize("spoken", [OLD, HIGHER_SUITE, ((1, 2), (1,))])
def test_who_steps_down_is_met_with_the_end(
    lowered: str, dialler: str, spoken: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either number is enough, and nothing that was sealed for the contact leaves after that."""
    world, real, second = met(monkeypatch, "joiner", LATER, LATER)
    who_dials, who_answers = (real, second) if dialler == "Real" else (second, real)
    who_dials.reachable, who_answers.reachable = False, True
    before = len(world.wires)
    hang_up(world)
    speak(monkeypatch, real if lowered == "Real" else second, spoken)
    real.write("from Real")
    second.write("from Second")
    world.run(90)
    wires = [wire for wire in world.wires[before:] if wire.dialler is who_dials and wire.cells]
    assert len(wires) > 2
    for wire in wires:
        # the side that dials sees it first, in message 2; here both remember, so it goes no further
        assert [writer for writer, _ in wire.cells] in ([who_dials], [who_dials, who_answers])
    assert real.texts() == second.texts() == []
    assert remembered(real, second) == {(2, 3)}
    speak(monkeypatch, real if lowered == "Real" else second, LATER)
    world.until(lambda: settled(real, second))
    assert (real.texts(), second.texts()) == (["from Second"], ["from Real"])


@pytest.mark.parametrize("remembers", ["Real", "Second"])
def test_who_alone_remembers_ends_the_link_of_a_dialler_that_steps_down(
    remembers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dialler has forgotten, as one would whose vault was put back: message 3 is met with the end."""
    world, real, second = met(monkeypatch, "joiner", LATER, LATER)
    who_answers, who_dials = (real, second) if remembers == "Real" else (second, real)
    who_dials.reachable, who_answers.reachable = False, True
    before = len(world.wires)
    hang_up(world)
    speak(monkeypatch, who_dials, OLD)
    if isinstance(who_dials, Second):
        who_dials.side.contact.version = who_dials.side.contact.suite = 1
    else:
        who_dials.record.version = who_dials.record.suite = 1
    world.run(90)
    wires = [wire for wire in world.wires[before:] if wire.dialler is who_dials and wire.cells]
    order = [[writer for writer, _ in wire.cells] for wire in wires]
    assert [who_dials, who_answers, who_dials] in [writers[:3] for writers in order]
    assert all(who_answers not in writers[3:] for writers in order)
    assert not real.online
    assert not second.online


def test_a_lost_message_3_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dialler remembers already, the other side not yet; they agree on the next link."""
    world, real, second = met(monkeypatch, "joiner", OLD, OLD)
    speak(monkeypatch, real, LATER)
    speak(monkeypatch, second, LATER)
    real.reachable, second.reachable = False, True
    world.cutter = lambda wire, writer, carried: writer is real and carried == 1
    hang_up(world)
    world.until(lambda: real.record.version == 2)
    assert second.side.contact.version == 1
    world.cutter = None
    real.reachable = True
    world.until(lambda: settled(real, second))
    assert remembered(real, second) == {(2, 3)}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("version", [1, 2])
def test_a_handshake_of_another_suite_is_a_strangers(
    role: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a later program would make it, which has no other way to say what it is."""
    name = handshake.NAME.replace(b"MLKEM768", b"MLKEM1024")
    assert name != handshake.NAME
    monkeypatch.setattr(handshake, "NAME", name)
    monkeypatch.setattr(handshake, "PROLOGUE", b"onionchat/%d" % version)
    world, real, second = mixed(role)
    world.run(30)
    assert len(world.wires) > 1
    assert all(len(wire.cells) <= 1 for wire in world.wires)
    assert not real.online
    assert not second.online


@pytest.mark.parametrize(
    ("one", "other", "is_below"),
    [
        (Agreed(1, 1), Agreed(1, 1), False),
        (Agreed(2, 1), Agreed(1, 1), False),
        (Agreed(1, 2), Agreed(1, 1), False),
        (Agreed(1, 1), Agreed(2, 1), True),
        (Agreed(1, 1), Agreed(1, 2), True),
        (Agreed(2, 1), Agreed(1, 2), True),
        (Agreed(1, 2), Agreed(2, 1), True),
    ],
)
def test_lower_is_what_is_lower_in_either(one: Agreed, other: Agreed, is_below: bool) -> None:
    assert one.below(other) is is_below
