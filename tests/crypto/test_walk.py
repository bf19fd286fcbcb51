"""Two ratchets over a bad link, for a long time, from many seeds."""

from __future__ import annotations

from random import Random

import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as seal

from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.ratchet import BODY_SIZE, Ratchet
from onionchat.errors import DecryptionError

from .pairs import Side, exchange_turns, sides

STEPS = 1500
WINDOW = 4
"""How far an envelope may be overtaken: well within five chains, however short they are."""

Sealed = tuple[bytes, bytes, KemKey | KemCiphertext | None]


class Walk:
    """One seeded walk: sends, losses, repetitions, reordering, flipped bits, restarts and passing time."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.sides = sides(seed)
        self.flying: tuple[list[Sealed], list[Sealed]] = ([], [])
        self.delivered: list[Sealed] = []
        self.count = 0

    def run(self) -> None:
        for _ in range(STEPS):
            index = self.random.randrange(2)
            side, other = self.sides[index], self.sides[1 - index]
            if self.random.random() < 0.1:
                side.restart()
            side.now += self.random.choice((0, 0, 1, 30))
            if self.random.random() < 0.45 and side.ratchet.can_send:
                self.send(side, self.flying[index])
            elif self.flying[index]:
                self.deliver(other, self.flying[index])

    def send(self, side: Side, flying: list[Sealed]) -> None:
        part = side.ratchet.rekey_part(side.now)
        body = self.random.randbytes(BODY_SIZE)
        flying.append((side.send(body), body, part))

    def deliver(self, side: Side, flying: list[Sealed]) -> None:
        sealed = flying.pop(self.random.randrange(min(len(flying), WINDOW)))
        fate = self.random.random()
        if fate < 0.05:
            return
        if fate < 0.25:
            self.refuse(side, self.flip(sealed[0]))
        assert side.receive(sealed[0]) == sealed[1]
        if sealed[2] is not None:
            side.ratchet.accept_rekey(sealed[2], now=side.now)
        self.count += 1
        self.refuse(side, sealed[0])
        self.delivered.append(sealed)
        if self.random.random() < 0.2:
            self.refuse(side, self.random.choice(self.delivered)[0])

    def flip(self, envelope: bytes) -> bytes:
        damaged = bytearray(envelope)
        damaged[self.random.randrange(len(damaged))] ^= 1 << self.random.randrange(8)
        return bytes(damaged)

    def refuse(self, side: Side, envelope: bytes) -> None:
        before = side.ratchet.to_bytes()
        with pytest.raises(DecryptionError):
            side.receive(envelope)
        assert side.ratchet.to_bytes() == before


@pytest.mark.parametrize("seed", range(6))
def test_everything_that_arrives_opens_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[tuple[bytes, bytes]] = set()

    def recording(message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
        assert (key, nonce) not in used
        used.add((key, nonce))
        return seal(message, aad, nonce, key)

    monkeypatch.setattr("onionchat.crypto.ratchet._seal", recording)
    walk = Walk(seed)
    walk.run()
    assert walk.count > STEPS / 3
    assert len(used) > STEPS / 2
    epochs = [side.ratchet._state.epoch.number for side in walk.sides]
    assert min(epochs) >= 5
    assert max(epochs) - min(epochs) <= 1


def test_the_key_of_an_opened_envelope_is_in_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes both states opens nothing that was delivered before; what is still missing, he can."""
    sealed_under: dict[bytes, bytes] = {}

    def recording(message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
        if len(message) == BODY_SIZE:
            sealed_under[nonce] = key
        return seal(message, aad, nonce, key)

    monkeypatch.setattr("onionchat.crypto.ratchet._seal", recording)
    initiator, responder = sides(11)
    missing = initiator.send()
    opened = []
    for _ in range(40):
        for sender, receiver in ((initiator, responder), (responder, initiator)):
            envelope = sender.send()
            receiver.receive(envelope)
            opened.append(envelope)
            states = sender.ratchet.to_bytes() + receiver.ratchet.to_bytes()
            assert not any(sealed_under[done[:24]] in states for done in opened)
            assert sealed_under[missing[:24]] in states
    thief = Side(Ratchet.from_bytes(responder.ratchet.to_bytes()))
    for envelope in opened[::2]:
        with pytest.raises(DecryptionError):
            thief.receive(envelope)
    assert len(thief.receive(missing)) == BODY_SIZE


def test_a_stolen_state_is_of_no_use_after_a_round_trip() -> None:
    initiator, responder = sides(12)
    exchange_turns(initiator, responder, 2)
    stolen = [Side(Ratchet.from_bytes(side.ratchet.to_bytes()), 99) for side in (initiator, responder)]
    before = initiator.send()
    responder.receive(before)
    assert len(stolen[1].receive(before)) == BODY_SIZE
    exchange_turns(initiator, responder, 2)
    for sender, receiver in ((initiator, responder), (responder, initiator)):
        envelope = sender.send()
        receiver.receive(envelope)
        for thief in stolen:
            with pytest.raises(DecryptionError):
                thief.receive(envelope)
