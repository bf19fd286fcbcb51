"""A contact whose program was changed: it can end the link, and nothing else."""

from __future__ import annotations

import os
from random import Random

import msgspec
import pytest

from onionchat.protocol import body, delivery, events, talk
from onionchat.protocol import commands as do
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.constants import (
    AHEAD_SECONDS,
    CELL_PLAIN,
    ENVELOPE_BODY,
    ENVELOPE_SIZE,
    MAX_ACKS,
    MAX_PARTIALS,
    MAX_TEXT_BYTES,
)
from onionchat.protocol.delivery import Inbox

from .test_body import packed
from .world import TICK, Person, World, can_talk, friends, introduced

ID = b"m" * 16


def text(data: bytes, *, name: bytes = ID, offset: int = 0, total: int | None = None) -> body.TextPart:
    return body.TextPart(
        id=name, offset=offset, total=total or len(data), lifetime=3600, written=1_700_000_000, data=data
    )


def ended(world: World, ada: Person, ben: Person) -> None:
    """Ada has closed the link, and all is well with the next one."""
    (number,) = ada.known.links
    world.run(1)
    assert do.CloseLink(link=number) in ada.log
    assert number not in ada.known.links
    world.until(lambda: introduced(ada, ben))
    can_talk(world, ada, ben)


def contents(person: Person, *kinds: str) -> dict[do.Key, bytes]:
    return {key: value for key, value in person.vault.items() if key.kind not in kinds}


def head(kind: int, size: int, content: bytes = b"") -> bytes:
    return (bytes([kind]) + size.to_bytes(2, "big") + content).ljust(CELL_PLAIN, b"\0")


@pytest.mark.parametrize(
    "plaintext",
    [
        head(4, 0),
        head(255, 65535),
        head(CellType.COVER, 1),
        head(CellType.COVER, 0, b"\x01"),
        head(CellType.CLOSE, 1),
        head(CellType.ENVELOPE, ENVELOPE_SIZE - 1),
        head(CellType.HAVE, 15),
        head(CellType.HAVE, 121 * 16),
        head(CellType.HAVE, 0),  # a second one on this link
        lay_out(CellType.HAVE, ID),
    ],
)
def test_a_cell_that_is_not_laid_out_as_it_must_be_ends_the_link(plaintext: bytes) -> None:
    world, ada, ben = friends()
    before = contents(ada)
    ben.speak(plaintext)
    world.run(0.4)
    assert contents(ada) == before
    world, ada, ben = friends()
    ben.speak(plaintext)
    ended(world, ada, ben)
    assert ada.lines() == ben.lines() == []


@pytest.mark.parametrize("size", [0, 1, 1951, 1952, 1953, 4000])
def test_bytes_that_are_no_cell_end_the_link(size: int) -> None:
    world, ada, ben = friends()
    before = contents(ada)
    (number,) = ben.known.links
    ben.wires[number].carry(ben, os.urandom(size))
    world.run(0.4)
    assert not ada.online
    assert contents(ada) == before
    world.until(lambda: introduced(ada, ben))


def test_a_cell_that_comes_twice_ends_the_link() -> None:
    world, ada, ben = friends()
    (number,) = ben.known.links
    wire = ben.wires[number]
    wire.carry(ben, [cell for writer, cell in wire.cells if writer is ben][-1])
    ended(world, ada, ben)


@pytest.mark.parametrize(
    "content",
    [
        bytes(ENVELOPE_BODY),
        b"\xff" * ENVELOPE_BODY,
        packed([[99, ID]]),
        packed([[4, ID, "more"]]),
        packed([[1, ID, 0, MAX_TEXT_BYTES + 1, 60, 1, b"x"]]),
        packed([[1, ID, 0, 1, 1, 1, b"x"]]),
        packed([[1, ID, 0, 2, 60, 1, b"\xff\xff"]]),
        packed([[1, ID, 0, 3, 60, 1, b"\xed\xa0\x80"]]),
        packed([[4, ID]] * 16),
        packed([[6, 7, b"k" * 1184]]),
        packed([[7, 1, b"c" * 1088]]),
        packed([[7, 2**32 - 1, b"c" * 1088]]),
    ],
)
def test_a_body_that_says_nonsense_ends_the_link_and_leaves_the_session_as_it_is(content: bytes) -> None:
    world, ada, ben = friends()
    before = contents(ada, "session")
    ben.slip(content)
    world.run(0.4)
    assert contents(ada, "session") == before
    assert not ada.online
    world.until(lambda: introduced(ada, ben))
    can_talk(world, ada, ben)
    assert ada.lines() == ben.lines() == []


def test_what_was_valid_before_the_nonsense_is_kept() -> None:
    world, ada, ben = friends()
    good = msgspec.to_builtins(text(b"good"), builtin_types=(bytes,))
    ben.slip(packed([good, [1, b"n" * 16, 0, 2, 60, 1, b"\xff\xff"]]))
    ended(world, ada, ben)
    assert ada.texts()[0] == "good"


def test_an_envelope_of_no_session_makes_a_new_one_and_says_so() -> None:
    world, ada, ben = friends()
    ada.write("x" * 5000)
    ben.speak(lay_out(CellType.ENVELOPE, os.urandom(ENVELOPE_SIZE)))
    ended(world, ada, ben)
    assert len(ada.lines()) == len(ben.lines()) == 1
    assert ben.texts()[0] == "x" * 5000


def test_an_envelope_of_no_session_does_the_same_on_a_link_that_was_not_chosen() -> None:
    world, ada, ben = friends()
    world.run(1)
    spare = ada.known._active
    assert spare is not None
    spoken = lay_out(CellType.ENVELOPE, os.urandom(ENVELOPE_SIZE))
    ada.known._active = None  # as if another link were the chosen one
    ben.speak(spoken)
    world.run(1)
    assert ada.record.session_lost
    world.until(lambda: introduced(ada, ben))
    can_talk(world, ada, ben)
    assert len(ada.lines()) == len(ben.lines()) == 1


def test_fragments_of_many_texts_take_a_bounded_room() -> None:
    world, ada, ben = friends()
    before = contents(ada, "session")
    for number in range(20):
        ben.slip(body.pack([text(b"x" * 1700, name=number.to_bytes(16, "big"), total=MAX_TEXT_BYTES)]))
    world.run(1)
    assert len(ada.talk.inbox._partial) == MAX_PARTIALS
    assert contents(ada, "session") == before
    can_talk(world, ada, ben)


def test_acknowledgements_that_wait_are_bounded() -> None:
    inbox = Inbox(b"c" * 8)
    for number in range(MAX_ACKS + 10):
        inbox.acknowledge(number.to_bytes(16, "big"))
    assert len(inbox._acks) == MAX_ACKS


def test_a_peer_that_sends_faster_than_its_own_schedule_loses_the_link() -> None:
    world, ada, ben = friends()
    (number,) = ada.known.links
    allowed = int(AHEAD_SECONDS / TICK)
    for _ in range(allowed + 2):
        ben.speak(lay_out(CellType.COVER))
    world.run(1)
    assert do.CloseLink(link=number) in ada.log
    world.until(lambda: introduced(ada, ben))
    can_talk(world, ada, ben)


def test_what_is_late_may_come_at_once() -> None:
    world, ada, ben = friends()
    for _ in range(int(AHEAD_SECONDS / TICK) - 5):
        ben.speak(lay_out(CellType.COVER))
    world.run(60)
    assert ada.online
    can_talk(world, ada, ben)


def test_more_ids_than_may_be_remembered_wait_at_their_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ada, ben = friends()
    monkeypatch.setattr(delivery, "MAX_SEEN", len(ada.talk.inbox._seen) + 2)
    for words in ("one", "two", "three"):
        ben.write(words)
    world.run(60)
    assert ada.texts() == ["one", "two"]
    assert len(ben.talk.outbox) == 1
    monkeypatch.setattr(delivery, "MAX_SEEN", 100)
    for wire in list(ada.wires.values()):
        wire.cut()
    world.until(lambda: ada.texts() == ["one", "two", "three"])


def test_more_text_than_may_be_held_waits_at_its_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ada, ben = friends()
    monkeypatch.setattr(talk, "MAX_HELD", 10)
    first = ben.write("x" * 11)
    world.until(lambda: len(ada.texts()) == 1)
    ben.write("later")
    world.run(60)
    assert ada.texts() == ["x" * 11]
    ada.ask(events.DeletionAsked(message=first, both=False, id=b"d" * 16))
    for wire in list(ada.wires.values()):
        wire.cut()
    world.until(lambda: ada.texts() == ["later"])


def test_our_own_address_is_not_taken_for_the_peers() -> None:
    world, ada, ben = friends()
    before = ada.record.peer_onion
    own = ada.known.onion.public
    ben.slip(body.pack([body.AddressPart(id=b"a" * 16, onion=own, static=b"s" * 32)]))
    world.run(1)
    assert ada.record.peer_onion == before


def test_a_peer_can_neither_overwrite_nor_end_what_is_ours() -> None:
    world, ada, ben = friends()
    ours = ada.write("ours")
    world.until(lambda: ben.texts() == ["ours"] and ada.idle())
    queued = ada.write("y" * 30_000)
    for part in (
        text(b"theirs", name=ours),
        text(b"theirs", name=queued),
        body.DeletePart(id=b"d" * 16, target=ours),
        body.DeletePart(id=b"e" * 16, target=queued),
    ):
        ben.slip(body.pack([part]))
    world.run(2)
    mine = [(m.id, m.text) for m in ada.talk.timeline]
    assert mine == [(ours, "ours"), (queued, "y" * 30_000)]
    assert ada.online
    world.until(lambda: len(ben.texts()) == 2)


def test_a_deletion_of_what_never_came_keeps_it_from_coming() -> None:
    world, ada, ben = friends()
    ben.slip(body.pack([body.DeletePart(id=b"d" * 16, target=ID)]))
    ben.slip(body.pack([text(b"too late")]))
    world.run(2)
    assert ada.texts() == []


def test_the_same_text_twice_is_shown_once_also_over_a_restart_and_after_it_was_deleted() -> None:
    world, ada, ben = friends()
    for _ in range(2):
        ben.slip(body.pack([text(b"again")]))
        world.run(1)
    ada.restart()
    world.until(lambda: introduced(ada, ben))
    ben.slip(body.pack([text(b"again")]))
    world.run(1)
    assert ada.texts() == ["again"]
    assert ada.shown() == [ID]
    ada.burn(ID, both=False)
    ada.restart()
    world.until(lambda: introduced(ada, ben))
    ben.slip(body.pack([text(b"again")]))
    world.run(1)
    assert ada.texts() == []
    assert ada.shown() == [ID]


def test_acknowledgements_of_what_nobody_said_do_nothing() -> None:
    world, ada, ben = friends()
    before = contents(ada, "session")
    ben.slip(body.pack([body.AckPart(ids=[os.urandom(16) for _ in range(50)])]))
    world.run(1)
    assert contents(ada, "session") == before
    assert ada.online


def test_a_silent_peer_is_given_up() -> None:
    world, ada, ben = friends()
    (number,) = ben.known.links
    del ben.metronomes[number]  # it holds the connection and says nothing
    world.run(20 + 5 * 2 + 2)
    assert do.CloseLink(link=number) in ada.log


def test_a_peer_who_opens_link_after_link_holds_few_of_them() -> None:
    world, ada, ben = friends()
    for _ in range(30):
        ben.known._active = None
        ben.known._links.clear()  # it forgets its links without closing them
        ben.known.start(world.now)
        world.run(3)
        assert len(ada.known.links) <= 3
    world.until(lambda: introduced(ada, ben))


def test_random_bytes_at_any_moment_never_break_the_machine() -> None:
    random = Random(1)
    for seed in range(20):
        world, ada, ben = friends(seed)
        for _ in range(20):
            for number, wire in list(ben.wires.items()):
                if random.random() < 0.5:
                    wire.carry(ben, random.randbytes(random.choice((10, 1952))))
                elif number in ben.metronomes:
                    wire.carry(ben, ben.metronomes[number].seal(random.randbytes(CELL_PLAIN)))
            world.run(random.choice((0.1, 1.0, 5.0)))
        world.until(lambda a=ada, b=ben: introduced(a, b))  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        can_talk(world, ada, ben)


def test_what_is_said_again_is_acknowledged_again_and_acts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ada, ben = friends()
    message = ben.write("burnt once")
    world.until(lambda: ada.stored(message))
    acknowledged: list[bytes] = []
    monkeypatch.setattr(ada.talk.inbox, "acknowledge", acknowledged.append)
    for times in (1, 2, 3):
        ben.slip(body.pack([body.DeletePart(id=ID, target=message)]))
        world.run(1)
        assert acknowledged == [ID] * times
        assert [told.what for told in ada.told if told.message == message] == ["arrived", "deleted-by-peer"]
