"""Two sides of everything, made from a seed, so that a failure can be repeated."""

from __future__ import annotations

from random import Random

from onionchat.crypto import RandomSource
from onionchat.crypto.handshake import PAYLOAD_SIZES, Handshake, SessionSeed, prologue
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.onion import OnionKey
from onionchat.crypto.ratchet import BODY_SIZE, Ratchet

NOW = 1_700_000_000


def source(seed: int) -> RandomSource:
    return Random(seed).randbytes


class Meeting:
    """The keys of two sides, before they shake hands."""

    def __init__(self, seed: int = 1, psks: int = 1) -> None:
        self.random = source(seed)
        self.onion = OnionKey.generate(self.random)
        self.ours = KeyPair.generate(self.random)
        self.theirs = KeyPair.generate(self.random)
        self.psks = [self.random(32) for _ in range(psks)]

    def initiator(self, psk: bytes | None = None) -> Handshake:
        return Handshake.initiator(
            prologue=prologue(self.onion.public),
            static=self.ours,
            remote_static=self.theirs.public,
            psk=self.psks[-1] if psk is None else psk,
            random=self.random,
        )

    def responder(self) -> Handshake:
        return Handshake.responder(
            prologue=prologue(self.onion.public), static=self.theirs, psks=self.psks, random=self.random
        )


def payloads(seed: int = 2) -> list[bytes]:
    random = source(seed)
    return [random(size) for size in PAYLOAD_SIZES]


def shaken(meeting: Meeting) -> tuple[Handshake, Handshake]:
    initiator, responder = meeting.initiator(), meeting.responder()
    sides = [initiator, responder]
    for step, payload in enumerate(payloads()):
        writer, reader = sides[step % 2], sides[1 - step % 2]
        assert reader.read(writer.write(payload)) == payload
    return initiator, responder


def session_seed(random: RandomSource) -> SessionSeed:
    return SessionSeed(
        root=random(32),
        header_initiator=random(32),
        header_next_responder=random(32),
        session_id=random(32),
        initiator_static=random(32),
        responder_static=random(32),
    )


def ratchets(seed: int = 1) -> tuple[Ratchet, Ratchet]:
    random = source(seed)
    session = session_seed(random)
    own = KeyPair.generate(random)
    initiator = Ratchet.initiate(session, peer_ratchet=own.public, random=random, now=NOW)
    return initiator, Ratchet.respond(session, own_ratchet=own, now=NOW)


class Side:
    """A ratchet with its own randomness and clock."""

    def __init__(self, ratchet: Ratchet, seed: int = 7) -> None:
        self.ratchet = ratchet
        self.random = source(seed)
        self.now = NOW

    def send(self, body: bytes | None = None) -> bytes:
        return self.ratchet.encrypt(
            self.random(BODY_SIZE) if body is None else body, random=self.random, now=self.now
        )

    def receive(self, envelope: bytes) -> bytes:
        return self.ratchet.decrypt(envelope, random=self.random, now=self.now)

    def restart(self) -> None:
        self.ratchet = Ratchet.from_bytes(self.ratchet.to_bytes())


def sides(seed: int = 1) -> tuple[Side, Side]:
    initiator, responder = ratchets(seed)
    return Side(initiator, seed + 1), Side(responder, seed + 2)


def exchange_turns(initiator: Side, responder: Side, turns: int = 1) -> None:
    """One envelope each way, ``turns`` times."""
    for _ in range(turns):
        responder.receive(initiator.send())
        initiator.receive(responder.send())


def carry_parts(sender: Side, receiver: Side) -> None:
    """One envelope with the rekeying part that it would carry."""
    part = sender.ratchet.rekey_part(sender.now)
    receiver.receive(sender.send())
    if part is not None:
        receiver.ratchet.accept_rekey(part, now=receiver.now)
