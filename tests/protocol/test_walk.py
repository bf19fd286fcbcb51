"""Long random lives of two machines, over wires that break and in processes that die: what holds after."""

from __future__ import annotations

import os
from random import Random

import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as seal

from onionchat.crypto import ratchet
from onionchat.protocol import events
from onionchat.protocol.keyring import MAX_PSKS

from .world import Person, can_talk, introduced, meeting

WALKS = int(os.environ.get("ONIONCHAT_WALKS", "14"))
STEPS = 220
LENGTHS = (1, 3, 40, 200, 800, 1700, 1830, 4000, 12_000)


class MessageKeys:
    """Which message key sealed which envelope, as seen from below the ratchet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sealed: dict[bytes, bytes] = {}
        monkeypatch.setattr(ratchet, "_seal", self._seal)

    def _seal(self, plaintext: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
        sealed: bytes = seal(plaintext, aad, nonce, key)
        if len(plaintext) == ratchet.BODY_SIZE:
            self._sealed[sealed] = key
        return sealed

    def used_once(self, left: list[bytes]) -> bool:
        """Whether all these envelopes have keys of their own."""
        distinct = set(left)
        keys = {self._sealed[envelope[-ratchet.BODY_SIZE - 16 :]] for envelope in distinct}
        return len(keys) == len(distinct) == len(left)


def forget_session(person: Person) -> None:
    person.leave()
    for key in [key for key in person.vault if key.kind == "session"]:
        del person.vault[key]
    person.come_back()


class Walk:
    """One seeded life."""

    def __init__(self, seed: int, *, forgetful: bool = False) -> None:
        self.forgetful = forgetful
        self.random = Random(seed)
        self.world, self.ada, self.ben = meeting(seed)
        self.loss = 0.0
        self.world.cutter = lambda wire, writer, carried: self.random.random() < self.loss
        self.world.delay = lambda wire, reader: self.random.uniform(0.05, 3.0)
        self.written: dict[Person, list[bytes]] = {self.ada: [], self.ben: []}
        self.burned: set[bytes] = set()

    def live(self) -> None:
        for _ in range(STEPS):
            self.loss = self.random.choice((0.0, 0.0, 0.02, 0.2))
            self.something(self.random.choice((self.ada, self.ben)))
            self.world.run(self.random.choice((0.0, 0.5, 3.0, 20.0)))

    def something(self, person: Person) -> None:
        if person.contact is None:
            return
        if self.forgetful and self.random.random() < 0.04:
            forget_session(person)
        match self.random.randrange(12):
            case 0 | 1 | 2 | 3 | 4:
                self.write(person, "x" * self.random.choice(LENGTHS))
            case 5:
                person.fuse = self.random.randrange(12)
            case 6:
                person.restart()
            case 7:
                for wire in list(person.wires.values()):
                    wire.cut()
            case 8 if self.written[person]:
                self.burn(person, self.random.choice(self.written[person]))
            case 9:
                person.ask(events.LifetimeChosen(lifetime=self.random.choice((3600 * 24, 3600 * 24 * 7))))
            case 10:
                self.loss = 1.0
            case _:
                pass

    def write(self, person: Person, text: str) -> None:
        message = person.write(text)
        if person.stored(message):
            self.written[person].append(message)

    def burn(self, person: Person, message: bytes) -> None:
        if person.talk.timeline.get(message) is not None:
            person.burn(message)
            if person.talk.timeline.get(message) is None:
                self.burned.add(message)

    def settle(self) -> None:
        self.loss = 0.0
        self.ada.fuse = self.ben.fuse = None
        self.world.until(lambda: introduced(self.ada, self.ben), seconds=7200)
        self.world.run(30)


def delivered(walk: Walk) -> None:
    """Everything written and not burned stands on both sides, once, in order; the first contact is over."""
    for writer, reader in ((walk.ada, walk.ben), (walk.ben, walk.ada)):
        kept = [message for message in walk.written[writer] if message not in walk.burned]
        assert [m.id for m in writer.talk.timeline if m.mine] == kept
        assert all(m.delivered for m in writer.talk.timeline if m.mine)
        assert [m.id for m in reader.talk.timeline if not m.mine and not m.system] == kept
        assert len(reader.shown()) == len(set(reader.shown()))
        assert len(reader.record.psks) <= MAX_PSKS
    shared = {psk.key for psk in walk.ada.record.psks} & {psk.key for psk in walk.ben.record.psks}
    assert shared
    assert walk.ada.kinds() & {"invite", "outgoing"} == walk.ben.kinds() & {"invite", "outgoing"} == set()
    assert not walk.ada.invites
    can_talk(walk.world, walk.ada, walk.ben)


@pytest.mark.parametrize("seed", range(WALKS))
def test_whatever_happens_each_message_arrives_exactly_once_and_in_order(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = MessageKeys(monkeypatch)
    walk = Walk(seed)
    walk.live()
    walk.settle()
    delivered(walk)
    for person in (walk.ada, walk.ben):
        assert keys.used_once(person.left)
        assert person.lines() == []


@pytest.mark.parametrize("seed", range(WALKS))
def test_the_same_holds_where_sessions_are_lost_again_and_again(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = MessageKeys(monkeypatch)
    walk = Walk(seed, forgetful=True)
    walk.live()
    walk.settle()
    delivered(walk)
    assert keys.used_once(walk.ada.left)
    assert keys.used_once(walk.ben.left)
