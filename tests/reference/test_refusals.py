"""What the text forbids ends the link, whichever of the two says it; what it lets pass does not.

The program's `Person` can say any plaintext and any body, the reference is bent by replacing one of its
functions. «Errors» of the text says what is expected: the end, without a byte, and usually another link.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from ..protocol.world import Person, Wire
from . import cell, handshake, side
from .body import (
    Acknowledgement,
    Address,
    Deletion,
    Hello,
    KemCiphertext,
    KemKey,
    Part,
    Text,
    encode_part,
    write_body,
)
from .greeting import CONTACT, RESET, RESUME, InitiatorGreeting, ResponderGreeting, pad, read_responder
from .handshake import Initiator
from .messagepack import Value, encode
from .primitives import kem_pair, new_secret
from .test_meeting import Mixed, Second, both_talk, hang_up, mixed, settled, together
from .test_resets import forget

NUMBERS: list[Value] = [1]
SPEAKERS = ("Real", "Second")


# --- greetings and versions ---


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
    own = InitiatorGreeting(intent=RESUME if later else CONTACT, tick_ms=2_000, onion=onion)
    return replace(own, **changes).payload()  # type: ignore[arg-type]  # the table below names the fields


def responders(**changes: object) -> bytes:
    return replace(ResponderGreeting(ratchet=b"\7" * 32, tick_ms=2_000), **changes).payload()  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(
    "payload",
    [
        initiators(versions=(2,)),
        initiators(versions=()),
        initiators(suites=(2, 3)),
        initiators(tick_ms=249),
        initiators(tick_ms=30_001),
        initiators(intent=RESUME),
        initiators(intent=RESET),
        initiators(intent=3),
        initiators(onion=bytes(32)),
        initiators(onion=bytes(31)),
        initiators()[:-1] + b"\1",
        pad(encode([1, 2_000, b"\7" * 32, NUMBERS, NUMBERS, [], 0]), 1888),
        pad(encode([1]), 1888),
        pad(encode([1, 2_000, b"\7" * 32]) + b"\0", 1888),
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
        responders(tick_ms=0),
        responders(ratchet=bytes(33)),
        responders(ratchet=bytes(32)),
        responders()[:-1] + b"\1",
        pad(encode([b"\7" * 32, 2_000, 0]), 800),
        pad(encode([b"\7" * 32, 2_000, False, NUMBERS, NUMBERS, [], 0]), 800),
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
        pad(encode([RESUME, 2_000]), 1888),
        pad(encode([RESUME, 2_000, b"\7" * 32]), 1888),
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


@pytest.mark.parametrize("spoiled", SPEAKERS)
def test_a_wrong_psk_gets_no_answer(spoiled: str) -> None:
    world, real, second = together("joiner")
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


# --- cells and bodies ---


def speak(speaker: str, real: Person, second: Second, plaintext: bytes) -> Wire:
    """Any plaintext in the next cell; the wire that it goes over."""
    number, link = next((number, link) for number, link in second.ends.items() if link is second.side.active)
    wire = second.wires[number]
    if speaker == "Real":
        real.speak(plaintext)
    else:
        assert link.sending is not None
        wire.carry(second, link.sending.seal(plaintext))
    return wire


def slip(speaker: str, real: Person, second: Second, body: bytes) -> Wire:
    """Any body in a good envelope."""
    session = second.side.session
    assert session is not None
    if speaker == "Second":
        return speak(speaker, real, second, cell.write_cell(cell.ENVELOPE, session.ratchet.seal(body)))
    wire = second.wires[next(number for number, end in second.ends.items() if end is second.side.active)]
    real.slip(body)
    return wire


def plain(kind: int, length: int, rest: bytes = b"") -> bytes:
    return (bytes([kind]) + length.to_bytes(2, "big") + rest).ljust(1_936, b"\0")


@pytest.mark.parametrize(
    "plaintext",
    [
        plain(4, 0),
        plain(255, 0),
        plain(cell.COVER, 1),
        plain(cell.COVER, 0, b"\1"),
        plain(cell.COVER, 0).removesuffix(b"\0") + b"\1",
        plain(cell.CLOSE, 16),
        plain(cell.ENVELOPE, 0),
        plain(cell.ENVELOPE, 1_932),
        plain(cell.ENVELOPE, 1_934),
        plain(cell.HAVE_LIST, 15),
        plain(cell.HAVE_LIST, 121 * 16 - 4),
        plain(cell.HAVE_LIST, 16, bytes(16) + b"\1"),
        plain(cell.HAVE_LIST, 0),  # it is the second one on this link
        plain(cell.HAVE_LIST, 16),
    ],
)
@pytest.mark.parametrize("speaker", SPEAKERS)
def test_such_a_cell_ends_the_link(speaker: str, plaintext: bytes) -> None:
    world, real, second = together("joiner")
    wire = speak(speaker, real, second, plaintext)
    world.run(1)
    _goes_on(world, real, second, wire)


def _goes_on(world: Mixed, real: Person, second: Second, wire: Wire) -> None:
    """That link has ended, and the session has not."""
    assert not wire.whole
    world.until(lambda: settled(real, second))
    both_talk(world, real, second)
    assert real.lines() == []
    assert second.side.resets == 0


@pytest.mark.parametrize("fault", ["flipped", "repeated", "left out"])
def test_a_cell_that_does_not_open_ends_the_link(fault: str) -> None:
    world, real, second = together("joiner")
    number, link = next((number, link) for number, link in second.ends.items() if link is second.side.active)
    wire = second.wires[number]
    good = second.side.next_cell(link, world.now)
    if fault == "flipped":
        wire.carry(second, good[:-1] + bytes([good[-1] ^ 1]))
    elif fault == "repeated":
        wire.carry(second, good)
        wire.carry(second, good)
    else:
        wire.carry(second, second.side.next_cell(link, world.now))
    world.run(1)
    _goes_on(world, real, second, wire)


def text(**changes: object) -> Text:
    own = Text(id=os.urandom(16), offset=0, total=5, lifetime=60, written=1_700_000_000, data=b"hello")
    return replace(own, **changes)  # type: ignore[arg-type]  # the table below names the fields


def raw(*parts: Value) -> bytes:
    return pad(encode(list(parts)), 1_833)


def write_too_many(count: int) -> bytes:
    hello: Value = [4, bytes(16)]
    return raw(*[hello] * count)


def key(epoch: int) -> KemKey:
    return KemKey(epoch=epoch, key=kem_pair()[1])


def ciphertext(epoch: int) -> KemCiphertext:
    return KemCiphertext(epoch=epoch, ciphertext=bytes(1_088))


FORBIDDEN: dict[str, bytes] = {
    "an unknown tag": raw([8, bytes(16)]),
    "tag 0": raw([0]),
    "no tag": raw([]),
    "not a part": raw(5),
    "a field too many": raw([4, bytes(16), 0]),
    "a field too few": raw([3, bytes(16)]),
    "a short id": raw([4, bytes(15)]),
    "no ids": raw([2, []]),
    "16 parts": write_too_many(16),
    "a lifetime that is too short": write_body([text(lifetime=4)]),
    "a lifetime that is too long": write_body([text(lifetime=28 * 86_400 + 1)]),
    "a text of nothing": write_body([text(data=b"")]),
    "a text beyond the bound": write_body([text(total=65_537)]),
    "no UTF-8": write_body([text(data=b"\xff" * 5)]),
    "half a character": write_body([text(data="hällo".encode()[:2], total=2)]),
    "padding": write_body([text()])[:-1] + b"\1",
    "a length beyond": b"\xff\xff".ljust(1_833, b"\0"),
    "bytes behind": pad(encode([[4, bytes(16)]]) + b"\0", 1_833),
    "nothing at all": bytes(1_833),
    "a key of a later epoch": write_body([key(7)]),
    "a ciphertext that nobody asked for": write_body([ciphertext(1)]),
    "a ciphertext of a later epoch": write_body([ciphertext(7)]),
    "a malformed key": write_body([KemKey(epoch=1, key=b"\xff" * 1_184)]),
}


@pytest.mark.parametrize("speaker", SPEAKERS)
@pytest.mark.parametrize("name", FORBIDDEN)
def test_such_a_body_ends_the_link(speaker: str, name: str) -> None:
    world, real, second = together("joiner")
    wire = slip(speaker, real, second, FORBIDDEN[name])
    world.run(1)
    _goes_on(world, real, second, wire)


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_a_key_from_the_wrong_side_ends_the_link(speaker: str) -> None:
    """The joiner began the session, so the first proposal is its own."""
    world, real, second = together("joiner" if speaker == "Real" else "inviter")
    wire = slip(speaker, real, second, write_body([key(1)]))
    world.run(1)
    _goes_on(world, real, second, wire)


IGNORED: dict[str, list[Part]] = {
    "no parts": [],
    "acknowledgements of what was never said": [
        Acknowledgement(ids=tuple(bytes([i] * 16) for i in range(99)))
    ],
    "a key of the present epoch": [key(0)],
    "a ciphertext of the present epoch": [ciphertext(0)],
    "a hello that comes again": [Hello(id=b"\1" * 16), Hello(id=b"\1" * 16)],
    "a deletion of what was never said": [Deletion(id=b"\1" * 16, target=b"\2" * 16)],
    "a fragment without a beginning": [text(id=b"\3" * 16, offset=100, total=200)],
    "a text that stops": [text(id=b"\3" * 16, total=200)],
    "a text that begins again": [text(id=b"\3" * 16, total=200), text(id=b"\3" * 16, total=200)],
    "a gap": [text(id=b"\3" * 16, total=200), text(id=b"\3" * 16, offset=6, total=200)],
    "an overlap": [text(id=b"\3" * 16, total=10), text(id=b"\3" * 16, offset=4, total=10)],
    "a fragment of another length": [
        text(id=b"\3" * 16, total=10),
        text(id=b"\3" * 16, offset=5, total=11),
    ],
    "a text beyond its end": [text(data=b"hello!")],
    "a fragment beyond its text's end": [
        text(id=b"\3" * 16, total=8),
        text(id=b"\3" * 16, total=8, offset=5),
    ],
    "many that stop": [text(id=bytes([i] * 16), total=200) for i in range(15)],
}


@pytest.mark.parametrize("speaker", SPEAKERS)
@pytest.mark.parametrize("name", IGNORED)
def test_such_a_body_changes_nothing(speaker: str, name: str) -> None:
    world, real, second = together("joiner")
    wire = slip(speaker, real, second, write_body(IGNORED[name]))
    world.run(10)
    assert wire.whole
    both_talk(world, real, second)
    assert len(real.texts()) == len(second.texts()) == 1


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_a_deletion_that_comes_before_its_text_keeps_it_away(speaker: str) -> None:
    world, real, second = together("joiner")
    late = text()
    body = write_body([Deletion(id=b"\1" * 16, target=late.id), late])
    slip(speaker, real, second, body)
    world.run(10)
    assert real.texts() == second.texts() == []
    both_talk(world, real, second)


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_nobody_deletes_what_the_other_wrote(speaker: str) -> None:
    world, real, second = together("joiner")
    written = real.write("from Real"), second.write("from Second")
    world.until(lambda: settled(real, second))
    targets = [Deletion(id=os.urandom(16), target=target) for target in written]
    slip(speaker, real, second, write_body(targets))
    world.run(10)
    here = {message.id for message in real.talk.timeline}, set(second.side.delivery.messages)
    assert here == (
        ({written[0], written[1]}, {written[1]}) if speaker == "Real" else ({written[0]}, set(written))
    )


@pytest.mark.parametrize("speaker", SPEAKERS)
@pytest.mark.parametrize("count", [1, 15])
def test_pieces_of_any_size_make_the_text(speaker: str, count: int) -> None:
    world, real, second = together("joiner")
    data = "ünïcödé wörds"[:12].encode()[:15].ljust(15, b".")
    whole = text(data=data, total=15)
    size = 15 // count
    pieces = [replace(whole, offset=at, data=data[at : at + size]) for at in range(0, 15, size)]
    slip(speaker, real, second, write_body(pieces))
    world.run(10)
    listener: Person = second if speaker == "Real" else real
    assert listener.texts() == [data.decode()]


def test_the_joiner_takes_a_new_address_at_any_time() -> None:
    for speaker, role in (("Real", "joiner"), ("Second", "inviter")):
        world, real, second = together(role)
        onion, static = os.urandom(32), os.urandom(32)
        slip(speaker, real, second, write_body([Address(id=os.urandom(16), onion=onion, static=static)]))
        world.run(10)
        if speaker == "Real":
            assert (second.side.contact.their_onion, second.side.contact.their_statics[0]) == (onion, static)
        else:
            assert (real.record.peer_onion, real.record.peer_statics[0]) == (onion, static)


def test_every_part_fits_a_body() -> None:
    parts: list[Part] = [key(1), ciphertext(1), text(data=b"x" * 1_775, total=65_536, written=2**33 - 1)]
    for part in parts:
        assert len(encode_part(part)) <= 1_830
    _: Callable[[list[Part]], bytes] = write_body
