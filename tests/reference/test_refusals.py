"""Handshakes that the text forbids: other versions, other keys, greetings that say what they must not.

The reference is bent by replacing one of its functions. «Errors» of the text says what is expected: the end,
without a byte of answer.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from msgspec import structs

from ..protocol.world import Person, Wire
from . import handshake, side
from .greeting import (
    CONTACT,
    RESET,
    RESUME,
    InitiatorGreeting,
    Pace,
    ResponderGreeting,
    pad,
    read_responder,
)
from .handshake import Initiator
from .messagepack import Value, encode
from .primitives import new_secret
from .test_meeting import Mixed, both_talk, hang_up, mixed, settled, together
from .test_resets import forget

NUMBERS: list[Value] = [1]
SPEAKERS = ("Real", "Second")


def written_by(world: Mixed) -> list[list[Person]]:
    """Of each connection, who wrote on it, in order."""
    return [[writer for writer, _ in wire.cells] for wire in world.wires]


def whole(world: Mixed) -> list[Wire]:
    return [wire for wire in world.wires if wire.whole]


def bend(monkeypatch: pytest.MonkeyPatch, greeting: type, payload: bytes) -> None:
    monkeypatch.setattr(greeting, "payload", lambda self: payload)


def initiators(*, later: bool = False, **changes: object) -> bytes:
    """A first greeting's payload; the onion is any that is not zero."""
    onion = bytes(32) if later else b"\7" * 32
    own = InitiatorGreeting(intent=RESUME if later else CONTACT, onion=onion)
    return replace(own, **changes).payload()  # type: ignore[arg-type]  # the table below names the fields


def responders(**changes: object) -> bytes:
    return replace(ResponderGreeting(ratchet=b"\7" * 32), **changes).payload()  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(
    "payload",
    [
        initiators(versions=(2,)),
        initiators(versions=()),
        initiators(suites=(2, 3)),
        initiators(pace=Pace(tick_ms=24)),
        initiators(pace=Pace(tick_ms=30_001)),
        initiators(intent=RESUME),
        initiators(intent=RESET),
        initiators(intent=3),
        initiators(onion=bytes(32)),
        initiators(onion=bytes(31)),
        initiators()[:-1] + b"\1",
        pad(encode([1, [0, 2_000, 1], b"\7" * 32, NUMBERS, NUMBERS, [], 0]), 1888),
        pad(encode([1]), 1888),
        pad(encode([1, [0, 2_000, 1], b"\7" * 32]) + b"\0", 1888),
        b"\x07\x5f".ljust(1888, b"\0"),
        bytes(1888),
    ],
)
def test_such_an_initiators_greeting_is_answered_with_the_end(
    payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bend(monkeypatch, InitiatorGreeting, payload)
    world, real, second = mixed("joiner")
    world.run(30)
    for writers in written_by(world)[:-1]:
        assert [writer is second for writer in writers[:3]] == [True, False, True]
        assert real not in writers[3:]
    assert real.contact is None
    assert not second.online


@pytest.mark.parametrize(
    "payload",
    [
        responders(versions=(2,)),
        responders(suites=()),
        responders(pace=Pace(batch=3)),
        responders(ratchet=bytes(33)),
        responders(ratchet=bytes(32)),
        responders()[:-1] + b"\1",
        pad(encode([b"\7" * 32, [0, 2_000, 1], 0]), 800),
        pad(encode([b"\7" * 32, [0, 2_000, 1], False, NUMBERS, NUMBERS, [], 0]), 800),
        pad(encode([b"\7" * 32]), 800),
        b"\x03\x1f".ljust(800, b"\0"),
    ],
)
def test_such_a_responders_greeting_is_answered_with_the_end(
    payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bend(monkeypatch, ResponderGreeting, payload)
    world, real, second = mixed("inviter")
    world.run(30)
    for writers in written_by(world)[:-1]:
        assert [writer is real for writer in writers] == [True, False]
    assert not real.online
    assert not second.online


@pytest.mark.parametrize(
    "payload",
    [
        initiators(later=True, versions=(3, 2, 1), suites=(1, 255), capabilities=tuple(range(16))),
        pad(encode([RESUME, [0, 2_000, 1]]), 1888),
        pad(encode([RESUME, [0, 2_000, 1], b"\7" * 32]), 1888),
    ],
)
def test_such_an_initiators_greeting_is_good(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    world, real, second = together("joiner")
    real.reachable, second.reachable = True, False
    bend(monkeypatch, InitiatorGreeting, payload)
    hang_up(world)
    world.until(lambda: settled(real, second))
    both_talk(world, real, second)
    assert real.lines() == []


@pytest.mark.parametrize("version", [b"onionchat/2", b"onionchat/0", b"onionchat/10"])
@pytest.mark.parametrize("role", ["inviter", "joiner"])
def test_a_program_of_another_version_gets_no_answer(
    role: str, version: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "PROLOGUE", version)
    world, real, second = mixed(role)
    world.run(30)
    assert len(world.wires) > 1
    assert all(len(writers) <= 1 for writers in written_by(world))
    assert not real.online
    assert not second.online


def test_message_1_carries_zeros_or_gets_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    write_1 = Initiator.write_1
    monkeypatch.setattr(Initiator, "write_1", lambda self, payload: write_1(self, payload[:-1] + b"\1"))
    world, real, _ = mixed("joiner")
    world.run(30)
    assert len(world.wires) > 1
    assert all(len(writers) <= 1 for writers in written_by(world))
    assert real.contact is None


@pytest.mark.parametrize("impostor", SPEAKERS)
def test_another_static_key_is_met_with_the_end_after_message_3(impostor: str) -> None:
    """Both psks and addresses are right, but who dials is somebody else."""
    world, real, second = together("inviter")
    real.reachable, second.reachable = impostor == "Second", impostor == "Real"
    before = len(world.wires)
    hang_up(world)
    if impostor == "Real":
        real.record.static_secret = new_secret()
    else:
        second.side.contact.pair_secret = new_secret()
    world.run(60)
    wires = written_by(world)[before:-1]
    dialler, dialled = (real, second) if impostor == "Real" else (second, real)
    assert [dialler, dialled, dialler] in [writers[:3] for writers in wires]
    for writers in wires:
        assert writers[:3] in (
            [],
            [dialler],
            [dialler, dialled, dialler],
        )  # [dialler]: with the psk that it just made
        assert dialled not in writers[3:]
    assert not real.online
    assert not second.online


def test_contact_with_a_resume_psk_is_met_with_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the invite's service, where CONTACT is good with the invite's psk alone."""
    world, real, second = mixed("joiner")
    world.cutter = lambda wire, writer, carried: writer is second and carried > 2
    world.until(lambda: second.side.contact.is_in_contact and real.contact is not None)
    real.reachable, second.reachable = True, False
    hang_up(world)
    world.cutter = None
    before = len(world.wires)
    with monkeypatch.context() as bent:
        bend(bent, InitiatorGreeting, initiators())
        world.run(30)
    assert real.invites
    assert [second, real, second] in [writers[:3] for writers in written_by(world)[before:]]
    assert all(real not in writers[3:] for writers in written_by(world)[before:])
    world.until(lambda: settled(real, second))


@pytest.mark.parametrize("spoiled", SPEAKERS)
def test_a_wrong_psk_gets_no_answer(spoiled: str) -> None:
    world, real, second = together("joiner")
    real.record.recovery_psk = second.side.recovery = b""  # or else that one is tried in the end
    before = len(world.wires)
    hang_up(world)
    if spoiled == "Real":
        real.record.psks = [structs.replace(psk, key=os.urandom(32)) for psk in real.record.psks]
    else:
        held = second.side.psks.held
        second.side.psks.held = [replace(psk, key=os.urandom(32)) for psk in held]
    world.run(60)
    assert len(world.wires) > before + 2
    assert all(len(writers) <= 1 for writers in written_by(world)[before:])


@pytest.mark.parametrize("late", SPEAKERS)
def test_a_psk_that_was_dropped_meanwhile_is_too_late(late: str) -> None:
    """Message 3 of one dial comes after another link with the same psk was complete."""
    world, real, second = together("joiner")
    hang_up(world)
    before = len(world.wires)
    dialler, dialled = (real, second) if late == "Real" else (second, real)

    def delay(wire: Wire, reader: Person) -> float:
        is_late = wire.dialler is dialler and reader is dialled and len(wire.cells) == 3
        return 20.0 if is_late and wire is first[0] else 0.3

    first: list[Wire] = []
    world.delay = delay
    second.dial_at = real.known._dialling.due = world.now
    world.until(lambda: len(world.wires) == before + 2)
    first.append(next(wire for wire in world.wires[before:] if wire.dialler is dialler))
    world.until(lambda: settled(real, second))
    assert first[0] in whole(world)
    world.run(25)
    assert first[0] not in whole(world)
    assert dialled not in [writer for writer, _ in first[0].cells[3:]]
    both_talk(world, real, second)
    assert real.lines() == []


def test_who_resumes_what_the_other_has_lost_gets_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    world, real, second = together("joiner")
    forget(real)
    real.reachable, second.reachable = True, False
    with monkeypatch.context() as bent:
        bent.setattr(side, "read_responder", lambda payload: replace(read_responder(payload), reset=False))
        real.write("from Real")
        second.write("from Second")
        world.run(60)
        assert real.texts() == second.texts() == []
        assert real.lines() == []
    world.until(lambda: settled(real, second))
    assert (real.texts(), second.texts()) == (["from Second"], ["from Real"])
    assert len(real.lines()) == second.side.resets == 1
