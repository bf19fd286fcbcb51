"""Vectors of several steps: a handshake, and a session between two ratchets.

Randomness stands in the vectors, in the order in which it is drawn; each byte of it must be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.handshake import PAYLOAD_SIZES, Handshake, LinkSecrets, prologue
from onionchat.crypto.kem import KemPair
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.ratchet import BODY_SIZE, Ratchet
from onionchat.errors import DecryptionError

from .replay import fill, recorded, seed_of
from .vector import Vector


class Tape:
    """Randomness that was written down."""

    def __init__(self, data: bytes = b"") -> None:
        self.left = data

    def __call__(self, size: int) -> bytes:
        data, self.left = self.left[:size], self.left[size:]
        assert len(data) == size
        return data


def replay_handshake(vector: Vector) -> None:
    """Both sides of a link handshake."""
    tapes = [Tape(vector.octets(name)) for name in ("initiator-random", "responder-random")]
    statics = [KeyPair.from_secret(vector.octets(name)) for name in ("initiator-static", "responder-static")]
    psk = vector.octets("psk")
    held = [bytes.fromhex(one) for one in vector.all("responder-psk")] or [psk]
    meeting = prologue(vector.octets("onion"))
    sides = [
        Handshake.initiator(
            prologue=meeting, static=statics[0], remote_static=statics[1].public, psk=psk, random=tapes[0]
        ),
        Handshake.responder(prologue=meeting, static=statics[1], psks=held, random=tapes[1]),
    ]
    payloads = [
        fill(bytes.fromhex(payload), size)
        for payload, size in zip(vector.all("payload"), PAYLOAD_SIZES, strict=True)
    ]
    good = vector.blocks if vector.expect in {"ok", "local-protocol"} else vector.blocks[:-1]
    with recorded(
        seed=vector.octets("initiator-random")[32:],
        secret=vector.octets("kem-secret"),
        ciphertext=vector.octets("kem-ciphertext"),
    ):
        for step, block in enumerate(good):
            assert sides[step % 2].write(payloads[step]) == block
            assert sides[1 - step % 2].read(block) == payloads[step]
        if len(good) < len(vector.blocks):
            reader = sides[1 - len(good) % 2]
            reader.read(vector.blocks[-1])
            reader.write(payloads[len(good) + 1])
        elif vector.expect == "local-protocol":
            sides[len(good) % 2].write(payloads[len(good)])
    if vector.expect == "ok":
        assert [tape.left for tape in tapes] == [b"", b""]
        assert outcome(*(side.secrets() for side in sides)) == {name: vector.octets(name) for name in OUTCOME}


OUTCOME = (
    "initiator-key",
    "responder-key",
    "root",
    "header-initiator",
    "header-responder",
    "session-id",
    "resume-psk",
    "recovery-psk",
)


def outcome(initiator: LinkSecrets, responder: LinkSecrets) -> dict[str, bytes]:
    """What a handshake leaves, by its names in a vector; both sides have the same."""
    found = []
    for side, keys in (
        (initiator, (initiator.sending, initiator.receiving)),
        (responder, (responder.receiving, responder.sending)),
    ):
        session = side.session
        names = (session.root, session.header_initiator, session.header_next_responder, session.session_id)
        found.append(dict(zip(OUTCOME, (*keys, *names, side.resume_psk, side.recovery_psk), strict=True)))
    assert found[0] == found[1]
    return found[0]


class Session:
    """Two ratchets, and the steps that a vector takes them through."""

    def __init__(self, vector: Vector) -> None:
        self.vector = vector
        self.now = vector.number("begun")
        self.kems = [[bytes.fromhex(word) for word in line.split()] for line in vector.all("kem")]
        self.bodies: dict[int, bytes] = {}
        self.block = 0
        self.made: list[bytes] = []
        """Every envelope that was sent or, in a vector, forged."""
        seed = seed_of(vector)
        first, second = (vector.octets(f"{name}-ratchet") for name in ("initiator", "responder"))
        own = KeyPair.from_secret(second)
        self.sides = {
            "initiator": Ratchet.initiate(seed, peer_ratchet=own.public, random=Tape(first), now=self.now),
            "responder": Ratchet.respond(seed, own_ratchet=own, now=self.now),
        }

    def step(self, line: str) -> None:
        """One line of the head."""
        name, *words = line.split()
        getattr(self, f"do_{name.replace('-', '_')}")(*words)

    def do_time(self, seconds: str) -> None:
        self.now = int(seconds)

    def do_send(self, side: str, nonce: str, body: str) -> None:
        whole = fill(bytes.fromhex(body), BODY_SIZE)
        envelope = self.sides[side].encrypt(whole, random=Tape(bytes.fromhex(nonce)), now=self.now)
        self.bodies[len(self.made)] = whole
        self.made.append(envelope)

    def do_forged(self) -> None:
        self.made.append(self.vector.blocks[len(self.made)])

    def do_receive(self, side: str, number: str, ratchet: str = "") -> None:
        tape = Tape(bytes.fromhex(ratchet))
        body = self.sides[side].decrypt(self.made[int(number)], random=tape, now=self.now)
        assert tape.left == b""
        assert body == self.bodies[int(number)]

    def do_refuse(self, side: str, number: str) -> None:
        before = self.sides[side].to_bytes()
        with pytest.raises(DecryptionError):
            self.sides[side].decrypt(self.made[int(number)], random=Tape(bytes(32)), now=self.now)
        assert self.sides[side].to_bytes() == before

    def do_offer(self, side: str, number: str) -> None:
        with self.drawing(number) as (pair, _):
            part = self.sides[side].rekey_part(self.now)
        assert isinstance(part, KemKey)
        assert part.key == pair.public

    def do_encapsulate(self, side: str, number: str) -> None:
        ratchet = self.sides[side]
        with self.drawing(number) as (pair, ciphertext):
            ratchet.accept_rekey(KemKey(epoch=int(number) + 1, key=pair.public), now=self.now)
        part = KemCiphertext(epoch=int(number) + 1, ciphertext=ciphertext)
        assert ratchet.rekey_part(self.now) == part

    def do_decapsulate(self, side: str, number: str) -> None:
        part = KemCiphertext(epoch=int(number) + 1, ciphertext=self.kems[int(number)][2])
        self.sides[side].accept_rekey(part, now=self.now)

    @contextmanager
    def drawing(self, number: str) -> Iterator[tuple[KemPair, bytes]]:
        """The KEM as it was when the vector was made: the pair and the ciphertext of this epoch."""
        seed, secret, ciphertext = self.kems[int(number)]
        with recorded(seed=seed, secret=secret, ciphertext=ciphertext):
            yield KemPair.from_seed(seed), ciphertext


def replay_session(vector: Vector) -> None:
    """Every step, every envelope, and both states at the end."""
    session = Session(vector)
    for line in vector.all("step"):
        session.step(line)
    assert tuple(session.made) == vector.blocks
    for name, ratchet in session.sides.items():
        assert ratchet.to_bytes() == vector.octets(f"{name}-state")
