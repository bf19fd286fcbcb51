"""A session that one side has lost: made anew, said to both, nothing queued is lost, and no loop."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec
import pytest

from onionchat.errors import LocalProtocolError
from onionchat.protocol import body, greeting
from onionchat.protocol import commands as do
from onionchat.protocol.batch import Batch
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.greeting import ResponderGreeting
from onionchat.protocol.lines import SESSION_RENEWED
from onionchat.protocol.link import Link
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import SessionRecord, pack

from .test_losses import losing
from .world import Person, World, can_talk, dials, friends, introduced

Loss = Callable[[Person], None]


def session_key(person: Person) -> do.Key:
    return next(key for key in person.vault if key.kind == "session")


def missing(person: Person) -> None:
    del person.vault[session_key(person)]


def damaged(person: Person) -> None:
    person.vault[session_key(person)] = pack(SessionRecord(ratchet=b"not a ratchet"))


def lose_session(person: Person, loss: Loss) -> None:
    person.leave()
    loss(person)
    person.come_back()


def renewed(world: World, ada: Person, ben: Person) -> None:
    """It was said once on each side, everything queued has arrived, and peace is back."""
    before = dials(ada) + dials(ben)
    world.until(lambda: introduced(ada, ben))
    assert dials(ada) + dials(ben) < before + 20
    assert ada.lines() == ben.lines() == [SESSION_RENEWED]
    world.run(600)
    assert introduced(ada, ben)
    assert len(ada.lines()) == 1
    can_talk(world, ada, ben)
    assert len(ben.shown()) == len(set(ben.shown()))


@pytest.mark.parametrize("loss", [missing, damaged])
@pytest.mark.parametrize("loser", ["Ada", "Ben"])
@pytest.mark.parametrize("dialler", ["Ada", "Ben", "Ada and Ben"])
def test_either_side_may_lose_the_session(loser: str, dialler: str, loss: Loss) -> None:
    world, ada, ben = friends()
    ada.reachable, ben.reachable = "Ben" in dialler, "Ada" in dialler
    person = ada if loser == "Ada" else ben
    lose_session(person, loss)
    ada.write("from Ada")
    ben.write("from Ben")
    renewed(world, ada, ben)
    assert ada.texts()[0] == "from Ben"
    assert ben.texts()[0] == "from Ada"


def test_both_sides_may_lose_it_at_once() -> None:
    for seed in range(12):
        world, ada, ben = friends(seed)
        world.delay = lambda wire, reader, w=world: w.random.uniform(0.1, 1.5)  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        lose_session(ada, missing)
        lose_session(ben, missing)
        ada.write("from Ada")
        renewed(world, ada, ben)
        assert ben.texts()[0] == "from Ada"


def test_what_was_on_its_way_when_the_session_was_lost_arrives_once() -> None:
    world, ada, ben = friends()
    ada.write("x" * 20_000)
    world.run(6)
    lose_session(ben, missing)
    world.until(lambda: ben.texts() == ["x" * 20_000])
    renewed(world, ada, ben)


def test_a_state_that_was_rolled_back_is_noticed_and_made_anew() -> None:
    world, ada, ben = friends()
    old = ben.vault[session_key(ben)]
    for _ in range(3):
        can_talk(world, ada, ben)
    ben.leave()
    ben.vault[session_key(ben)] = old
    ben.come_back()
    can_talk(world, ada, ben)
    assert ada.lines() == ben.lines() == [SESSION_RENEWED]


@pytest.mark.parametrize("dialler", range(7))
def test_a_reset_survives_every_loss(dialler: int) -> None:
    for other in range(7):
        world, ada, ben = friends(10 * dialler + other)
        lose_session(ada if other % 2 else ben, missing)
        world.cutter = losing(dialler, other)
        ada.write("from Ada")
        world.until(lambda b=ben: "from Ada" in b.texts())  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        world.cutter = None
        can_talk(world, ada, ben)
        assert SESSION_RENEWED in ada.lines()
        assert SESSION_RENEWED in ben.lines()
        assert len(ada.lines()) <= 2
        assert len(ben.lines()) <= 2


def test_a_peer_who_never_answers_gets_a_new_session_before_it_could_not_skip_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("onionchat.protocol.talk.MAX_UNANSWERED", 30)
    world, ada, ben = friends()
    text = "y" * 40_000
    ada.write(text)
    world.cutter = lambda wire, writer, carried: writer is ben and carried > 4
    session = ada.talk._session
    assert session is not None
    world.run(400)
    assert session.sent_in_chain == 30
    world.cutter = None
    world.until(lambda: text in ben.texts() and ada.idle())
    assert ben.texts().count(text) == 1
    assert SESSION_RENEWED in ada.lines()


def test_an_envelope_for_a_session_that_is_not_held_does_nothing() -> None:
    world, ada, ben = friends()
    active = ada.known._active
    assert active is not None
    before = dict(ada.vault)
    active.session_handle = b"another."
    ben.slip(body.pack([body.HelloPart(id=b"h" * 16)]))
    world.run(1)
    assert ada.vault == before
    assert ada.online
    left = len(ada.left)
    ada.write("not on this link")
    world.run(10)
    assert len(ada.left) == left


def test_a_link_that_was_chosen_with_a_session_that_we_gave_up_makes_a_new_one() -> None:
    world, ada, ben = friends()
    active = ada.known._active
    assert active is not None
    active.session_handle = b"another."
    ada.talk.open(active, ada.pace, world.now, Batch())
    world.run(3)
    renewed(world, ada, ben)


def test_a_peer_who_goes_on_though_we_asked_for_a_new_session_gets_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, ada, ben = friends()
    ada.reachable, ben.reachable = True, False
    lose_session(ada, missing)
    read = greeting.read

    def deaf(payload: bytes, kind: type[greeting.Greeting]) -> greeting.Greeting:
        made = read(payload, kind)
        return msgspec.structs.replace(made, reset=False) if isinstance(made, ResponderGreeting) else made

    monkeypatch.setattr(greeting, "read", deaf)
    world.until(lambda: any(link.alive for link in ada.known._links.values()))
    (number,) = [number for number in ben.known.links if number in ben.metronomes]
    session = ben.talk._session
    assert session is not None
    envelope = session.encrypt(body.pack([]), random=os.urandom, now=int(world.now))
    ben.wires[number].carry(ben, ben.metronomes[number].seal(lay_out(CellType.ENVELOPE, envelope)))
    world.run(60)
    assert not ada.online
    assert "session" not in ada.kinds()
    monkeypatch.undo()
    renewed(world, ada, ben)


def test_a_loss_is_known_also_after_a_restart_and_one_hello_is_enough() -> None:
    world, ada, ben = friends()
    ben.speak(lay_out(CellType.ENVELOPE, os.urandom(1933)))
    world.run(0.4)
    ada.leave()
    ada.come_back()
    assert ada.talk.lost
    for _ in range(3):
        made = Link.dial(99, pace=Pace(), now=world.now)
        made.session = ben.talk._session
        ben.talk.begin(made, world.now, Batch())
    assert [item.kind for item in ben.talk.outbox] == ["hello"]
    renewed(world, ada, ben)


def test_a_session_begins_only_with_a_link_that_made_one() -> None:
    _, ada, _ = friends()
    active = ada.known._active
    assert active is not None
    with pytest.raises(LocalProtocolError):
        ada.talk.begin(active, 0.0, Batch())


def test_a_hello_that_arrived_in_a_session_before_is_said_anew() -> None:
    """Its acknowledgement was lost with that session; and who dialled has nothing else to say."""
    world, ada, ben = friends()
    ada.reachable, ben.reachable = False, True
    lose_session(ada, missing)

    def came() -> bool:
        session = ben.talk._session
        return bool(ben.lines()) and session is not None and session.can_send

    world.cutter = lambda wire, writer, carried: writer is ben and came()
    world.until(came)
    assert [item.kind for item in ada.talk.outbox] == ["hello"]
    lose_session(ada, missing)
    world.cutter = None
    ben.write("is anybody there?")
    world.until(lambda: ada.texts() == ["is anybody there?"], seconds=120)
    assert ben.texts() == []
