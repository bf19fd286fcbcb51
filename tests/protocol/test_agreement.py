"""A contact never speaks a lower version or suite than it did: docs/protocol.md, «Versions and suites»."""

from __future__ import annotations

import pytest

from onionchat.protocol import greeting
from onionchat.protocol.record import ContactRecord, unpack

from .world import Person, World, can_talk, friends


def speak(monkeypatch: pytest.MonkeyPatch, *versions: int) -> None:
    """From now on the program has these, as versions and as suites alike."""
    monkeypatch.setattr(greeting, "VERSIONS", versions)
    monkeypatch.setattr(greeting, "SUITES", versions)


def part(world: World) -> None:
    for wire in world.wires:
        wire.cut()


def kept(person: Person) -> tuple[int, int]:
    """What the vault remembers."""
    (record,) = [unpack(value, ContactRecord) for key, value in person.vault.items() if key.kind == "contact"]
    return record.version, record.suite


def test_old_contacts_come_to_what_both_have_learnt_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ada, ben = friends()
    assert kept(ada) == kept(ben) == (1, 1)
    speak(monkeypatch, 1, 2)
    part(world)
    world.until(lambda: kept(ada) == kept(ben) == (2, 2))
    can_talk(world, ada, ben)


@pytest.mark.parametrize("field", ["version", "suite"])
@pytest.mark.parametrize("dials", [True, False])
def test_a_contact_that_steps_down_gets_no_further_than_the_handshake(field: str, dials: bool) -> None:
    world, ada, ben = friends()
    setattr(ada.record, field, 2)
    ada.reachable, ben.reachable = not dials, dials
    before = len(world.wires)
    part(world)
    world.run(60)
    made = [wire for wire in world.wires[before:] if len(wire.cells) > 1]
    assert len(made) > 1
    for wire in made:
        assert [writer for writer, _ in wire.cells if writer is ada] == [ada]
        assert not wire.whole
    assert not ada.online
    assert not ben.online
    assert "update" in ada.known.problem
    assert ben.known.problem == ""
