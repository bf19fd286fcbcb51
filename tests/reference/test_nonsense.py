"""Cells and bodies that the text forbids end the link, whichever of the two says them; others do not.

The program's `Person` and the reference can both put any plaintext into a cell, any body into an envelope.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ..protocol.world import Person, Wire
from . import cell
from .body import (
    Acknowledgement,
    Address,
    Deletion,
    Hello,
    KemCiphertext,
    KemKey,
    Part,
    Text,
    write_body,
)
from .greeting import pad
from .messagepack import Value, encode
from .primitives import kem_pair
from .test_meeting import Mixed, Second, both_talk, settled, together
from .test_refusals import SPEAKERS


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


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_nobody_is_given_his_own_address(speaker: str) -> None:
    world, real, second = together("joiner" if speaker == "Real" else "inviter")
    onion = second.side.contact.pair_onion if speaker == "Real" else real.known.onion.public
    wire = slip(
        speaker,
        real,
        second,
        write_body([Address(id=os.urandom(16), onion=onion, static=os.urandom(32))]),
    )
    world.run(1)
    _goes_on(world, real, second, wire)


@pytest.mark.parametrize("seconds", [50, 70])
def test_cells_may_come_at_once_but_not_without_end(seconds: int) -> None:
    world, real, second = together("joiner")
    world.run(60)
    number, link = next((number, link) for number, link in second.ends.items() if link is second.side.active)
    wire = second.wires[number]
    for _ in range(seconds // 2):
        wire.carry(second, second.side.next_cell(link, world.now))
    world.run(1)
    if seconds > 60:
        _goes_on(world, real, second, wire)
    else:
        assert wire.whole
        both_talk(world, real, second)


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
