"""Targets: a ratchet's stored state, the header and body of an envelope, and the parts of a KEM epoch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Final

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as seal

from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.handshake import SessionSeed
from onionchat.crypto.header import NONCE_SIZE
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.ratchet import BODY_SIZE, ENVELOPE_SIZE, Ratchet
from onionchat.errors import CryptoError, DecryptionError, LocalProtocolError, RemoteProtocolError

from .handshake import changed
from .structure import bend_packed
from .target import Refused, Run, Target, attempt, guarded, head, require

_NOW: Final = 1_700_000_000
_HEADER: Final = 44


class _Side:
    """A ratchet with its own randomness."""

    def __init__(self, ratchet: Ratchet, seed: int) -> None:
        self.ratchet = ratchet
        self.random = Random(seed).randbytes

    def send(self, fill: bytes = b"") -> bytes:
        return self.ratchet.encrypt(fill.ljust(BODY_SIZE, b"\0"), random=self.random, now=_NOW)

    def receive(self, envelope: bytes) -> bytes:
        return self.ratchet.decrypt(envelope, random=self.random, now=_NOW)


def sides() -> tuple[_Side, _Side]:
    """Initiator and responder of a session."""
    random = Random(1).randbytes
    seed = SessionSeed(**{name: random(32) for name in SessionSeed.__slots__})
    own = KeyPair.generate(random)
    initiator = Ratchet.initiate(seed, peer_ratchet=own.public, random=random, now=_NOW)
    return _Side(initiator, 2), _Side(Ratchet.respond(seed, own_ratchet=own, now=_NOW), 3)


class _Scene:
    """A receiver that has skipped keys in an older chain and in the present one, and its peer."""

    def __init__(self) -> None:
        self.sender, receiver = sides()
        for _ in range(2):
            self.sender.send()
            receiver.receive(self.sender.send())
            self.sender.receive(receiver.send())
        self.sender.send()
        receiver.receive(self.sender.send())
        state = self.sender.ratchet._state
        if state.sending is None:
            raise AssertionError("the sender has a chain")
        self.receiver = receiver.ratchet.to_bytes()
        old = receiver.ratchet._state.skipped[0].header_key
        self.header_keys = (state.sending.header_key, state.next_sending_header, old, bytes(32))
        self.sender_state = self.sender.ratchet.to_bytes()
        self.dh = state.own_public
        self.empty = self.genuine(bytes(BODY_SIZE))

    def genuine(self, body: bytes) -> bytes:
        return Ratchet.from_bytes(self.sender_state).encrypt(body, random=Random(4).randbytes, now=_NOW)


def _make_envelope() -> Run:
    scene, bytes_of = _Scene(), Random(5).randbytes
    receiver = Ratchet.from_bytes(scene.receiver)

    def run(data: bytes) -> str:
        nonlocal receiver
        envelope, honest = _envelope(scene, data)
        ratchet, state = receiver, receiver._state
        try:
            body = attempt(lambda: ratchet.decrypt(envelope, random=bytes_of, now=_NOW), DecryptionError)
        except Refused:
            require(ratchet._state is state, "an envelope that does not open changes nothing")
            raise
        receiver = Ratchet.from_bytes(scene.receiver)
        require(honest is not None and body == honest, "an envelope opens to what was sealed")
        kept = ratchet.to_bytes()
        try:
            ratchet.decrypt(envelope, random=bytes_of, now=_NOW)
        except DecryptionError:
            require(ratchet.to_bytes() == kept, "an envelope that was opened before changes nothing")
            return "taken"
        require(holds=False, law="an envelope opens once")
        return ""

    return guarded(run)


def _envelope(scene: _Scene, data: bytes) -> tuple[bytes, bytes | None]:
    """An envelope, and what it opens to if it is honest.

    The first byte says what kind it is: 0 these bytes, 1 a genuine one with this body, 2 a genuine one that
    is changed, above a header of one's choice under one of four keys, before a body that no key opens.
    """
    kind, rest = head(data), data[1:]
    if kind == 0:
        return rest, None
    if kind == 1:
        body = rest[:BODY_SIZE].ljust(BODY_SIZE, b"\0")
        return scene.genuine(body), body
    if kind == 2:
        bent = changed(scene.empty, rest)
        return bent, bytes(BODY_SIZE) if bent == scene.empty else None
    nonce = bytes(NONCE_SIZE)
    header = rest[:_HEADER].ljust(_HEADER, b"\0")
    if kind & 4:
        header = scene.dh + header[: _HEADER - 32]
    sealed = seal(header, None, nonce, scene.header_keys[kind % 4])
    return nonce + sealed + bytes(ENVELOPE_SIZE - NONCE_SIZE - len(sealed)), None


def _envelope_seeds() -> Sequence[bytes]:
    numbers = [(0, 1), (1, 0), (0, 30), (1, 33), (2**32 - 1, 0), (0, 2**32 - 1)]
    headers = [
        previous.to_bytes(4, "big") + number.to_bytes(4, "big") + bytes(4) for previous, number in numbers
    ]
    return [
        b"\0" + bytes(ENVELOPE_SIZE),
        b"\0",
        b"\1hello",
        b"\2\0\0\0",
        b"\2\0\0\1",
        b"\2\0\x30\1",
        b"\2\7\x8c\1",
        *(bytes((kind,)) + header for kind in (4, 5, 6, 7) for header in headers[:3]),
        *(b"\5" + header for header in headers),
        b"\x09" + bytes(32) + headers[0],
    ]


def _make_state() -> Run:
    envelope, random = _Scene().genuine(bytes(BODY_SIZE)), Random(7).randbytes

    def run(data: bytes) -> str:
        ratchet = attempt(lambda: Ratchet.from_bytes(data), CryptoError)
        kept = ratchet.to_bytes()
        require(Ratchet.from_bytes(kept).to_bytes() == kept, "a state comes back as it was")
        outcome = "taken"
        try:
            ratchet.encrypt(bytes(BODY_SIZE), random=random, now=_NOW)
            outcome += " sent"
        except LocalProtocolError:
            require(
                not ratchet.can_send or ratchet.sent_in_chain == 2**32 - 1, "a chain sends while it lasts"
            )
        try:
            ratchet.decrypt(envelope, random=random, now=_NOW)
            outcome += " opened"
        except DecryptionError:
            pass
        return f"{outcome} {ratchet._state.epoch.proposer} {min(len(ratchet._state.skipped), 3)}"

    return guarded(run)


@cache
def _states() -> Sequence[bytes]:
    """States in every phase of an epoch, without and with skipped keys."""
    first, second = sides()
    found = [first.ratchet.to_bytes(), second.ratchet.to_bytes()]
    for _ in range(11):
        second.receive(first.send())
        first.receive(second.send())
    for writer, reader in ((first, second), (second, first), (first, second)):
        part = writer.ratchet.rekey_part(_NOW)
        found += [writer.ratchet.to_bytes()]
        reader.receive(writer.send())
        if part is not None:
            reader.ratchet.accept_rekey(part, now=_NOW)
        found += [reader.ratchet.to_bytes()]
    return [*found, _Scene().receiver]


def _make_rekey() -> Run:
    states = _states()
    genuine = [part for state in states if (part := Ratchet.from_bytes(state).rekey_part(_NOW)) is not None]
    keys = [part for part in genuine if isinstance(part, KemKey)]
    ciphertexts = [part for part in genuine if isinstance(part, KemCiphertext)]

    def run(data: bytes) -> str:
        kind, epoch, lie = head(data), int.from_bytes(data[1:5], "big"), data[5:]
        state = states[(kind >> 1) % len(states)]
        ratchet = Ratchet.from_bytes(state)
        part: KemKey | KemCiphertext
        if kind & 1:
            part = KemKey(epoch=epoch, key=changed(keys[0].key, lie))
        else:
            part = KemCiphertext(epoch=epoch, ciphertext=changed(ciphertexts[0].ciphertext, lie))
        taken = False
        try:
            attempt(lambda: ratchet.accept_rekey(part, now=_NOW), RemoteProtocolError)
            taken = True
        finally:
            require(taken or ratchet.to_bytes() == state, "a part that is refused changes nothing")
        kept = ratchet.to_bytes()
        require(Ratchet.from_bytes(kept).to_bytes() == kept, "a state comes back as it was")
        ratchet.rekey_part(_NOW)
        return f"taken {kept != state}"

    return guarded(run)


def _rekey_seeds() -> Sequence[bytes]:
    places = range(2 * len(_states()))
    return [bytes((place, 0, 0, 0, epoch)) for place in places for epoch in (0, 1)] + [
        bytes((place, 0, 0, 0, 1, 0, 0, 255, 255)) for place in places
    ]


TARGETS: Final = (
    Target(name="envelope", make=_make_envelope, seeds=_envelope_seeds, longest=ENVELOPE_SIZE + 16),
    Target(name="state", make=_make_state, seeds=_states, longest=8_192, mutate=bend_packed),
    Target(name="rekey", make=_make_rekey, seeds=_rekey_seeds, longest=1_200),
)
