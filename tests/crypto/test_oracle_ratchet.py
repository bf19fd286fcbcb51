"""Our ratchet against another implementation of the Double Ratchet, message key by message key.

The other one gets our derivations, our exchange and our randomness. It has no header encryption and no KEM:
headers are compared as they are before they are sealed, and the second secret enters it where its exchange
does. When that happens is worked out here, from the rules and from what was delivered, never from our state.
"""

from __future__ import annotations

from collections.abc import Coroutine
from hashlib import blake2b
from random import Random
from typing import Any, Final, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from doubleratchet import (
    AEAD,
    KDF,
    AuthenticationFailedException,
    DiffieHellmanRatchet,
    DoubleRatchet,
    EncryptedMessage,
    Header,
)
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as unseal
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as seal
from nacl.exceptions import CryptoError as SodiumError

from onionchat.crypto.chain import chain_step
from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.header import pack_header
from onionchat.crypto.kem import KemPair
from onionchat.crypto.keys import KeyPair, exchange
from onionchat.crypto.ratchet import BODY_SIZE, Ratchet
from onionchat.crypto.root import root_step

from .pairs import NOW, session_seed

STEPS: Final = 1500
WINDOW: Final = 4
"""How far an envelope may be overtaken: well within the chains that we keep; the other keeps all."""

_T = TypeVar("_T")
Part = KemKey | KemCiphertext


def done(call: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that waits for nothing."""
    try:
        call.send(None)
    except StopIteration as end:
        value: _T = end.value
        return value
    raise AssertionError("it waits")


class RootKdf(KDF):
    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        assert length == 64
        step = root_step(key, data[:32], data[32:] or None)
        return step.root + step.chain


class ChainKdf(KDF):
    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        assert (data, length) == (b"", 64)
        return b"".join(chain_step(key))


class Keys:
    """Every message key that either implementation sealed or opened with, in order."""

    ours: list[bytes]
    theirs: list[bytes]
    headers: list[tuple[bytes, int, int]]

    def __init__(self) -> None:
        self.ours, self.theirs, self.headers = [], [], []


class Mixing:
    """The second secrets: what one side waits to mix in, and where it was mixed in.

    Attributes:
        waiting: an epoch and the bytes that enter the root key with it, at the side that proposed it.
        offers: seed and key of each epoch that this side proposed.
        completed: the last epoch that this side has begun.
    """

    def __init__(self) -> None:
        self.waiting: tuple[int, bytes] | None = None
        self.offers: dict[int, tuple[bytes, bytes]] = {}
        self.completed = 0

    def take(self, part: KemCiphertext) -> None:
        """What the rules say about a ciphertext that arrived."""
        if part.epoch != self.completed + 1 or self.waiting is not None:
            return
        seed, key = self.offers[part.epoch]
        secret = MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(part.ciphertext)
        binding = blake2b(
            part.epoch.to_bytes(4, "big") + key + part.ciphertext, digest_size=32, person=b"onionchat/1 kem"
        ).digest()
        self.waiting = part.epoch, secret + binding


class Whole(DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return associated_data + pack_header(
            header.ratchet_pub, header.previous_sending_chain_length, header.sending_chain_length, 0
        )


Marks = dict[frozenset[bytes], tuple[int, bytes]]
"""Where a proposer mixed: the two public keys of that exchange, the epoch, and what was mixed in. Our headers
carry the epoch; this is how the other implementation's receivers learn it."""


class Other:
    """One side, played by the other implementation."""

    def __init__(self, keys: Keys, marks: Marks) -> None:
        self.mixing = Mixing()
        self.privates: list[bytes] = []
        """Ratchet keys that we drew and it has not asked for."""
        self.ratchet: DoubleRatchet | None = None
        self.parts: dict[str, Any] = {
            "diffie_hellman_ratchet_class": exchanging(self.privates, self.mixing, marks),
            "root_chain_kdf": RootKdf,
            "message_chain_kdf": ChainKdf,
            "message_chain_constant": b"",
            "dos_protection_threshold": 1000,
            "max_num_skipped_message_keys": 2000,
            "aead": sealing(keys),
        }


def exchanging(privates: list[bytes], mixing: Mixing, marks: Marks) -> type[DiffieHellmanRatchet]:
    """Our exchange and our ratchet keys, with the second secrets where they belong."""

    class Exchange(DiffieHellmanRatchet):
        @staticmethod
        def _generate_priv() -> bytes:
            return privates.pop(0)

        @staticmethod
        def _derive_pub(priv: bytes) -> bytes:
            return KeyPair.from_secret(priv).public

        @staticmethod
        def _perform_diffie_hellman(own_priv: bytes, other_pub: bytes) -> bytes:
            pair = frozenset((KeyPair.from_secret(own_priv).public, other_pub))
            shared = exchange(own_priv, other_pub)
            if pair in marks:
                mixing.completed, mixed = marks[pair]
                return shared + mixed
            receiving = bool(privates)  # the exchange for sending comes after the key that we drew was taken
            if mixing.waiting is None or receiving:
                return shared
            marks[pair] = mixing.waiting
            mixing.completed, mixed = mixing.waiting
            mixing.waiting = None
            return shared + mixed

    return Exchange


def sealing(keys: Keys) -> type[AEAD]:
    """Our AEAD, which writes its keys down."""

    class Sealing(AEAD):
        @staticmethod
        async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
            keys.theirs.append(key)
            return seal(plaintext, associated_data, bytes(24), key)

        @staticmethod
        async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
            keys.theirs.append(key)
            try:
                return unseal(ciphertext, associated_data, bytes(24), key)
            except SodiumError:
                raise AuthenticationFailedException from None

    return Sealing


class Side:
    """Both implementations in the place of one side."""

    def __init__(self, seed: int, ratchet: Ratchet, other: Other) -> None:
        self.rng = Random(seed)
        self.ratchet = ratchet
        self.other = other
        self.now = NOW

    def random(self, size: int) -> bytes:
        """For us, and the ratchet keys among it for the other implementation, which asks later."""
        data = self.rng.randbytes(size)
        if size == 32:
            self.other.privates.append(data)
        return data


Sealed = tuple[bytes, EncryptedMessage, bytes, Part | None]
"""Our envelope, the other's message, the body of both, and the part that goes with it."""


class Walk:
    """A walk of both implementations: sends, losses, reordering, passing time, and epochs on the way."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rng = Random(seed)
        self.keys = Keys()
        self.flying: tuple[list[Sealed], list[Sealed]] = ([], [])
        self.delivered = 0
        self.watch(monkeypatch)
        session = session_seed(self.rng.randbytes)
        own = KeyPair.generate(self.rng.randbytes)
        marks: Marks = {}
        others = [Other(self.keys, marks) for _ in range(2)]
        self.root, self.first = session.root, own
        responder = Ratchet.respond(session, own_ratchet=own, now=NOW)
        drawn = self.rng.randbytes(32)
        initiator = Ratchet.initiate(session, peer_ratchet=own.public, random=lambda _: drawn, now=NOW)
        others[0].privates.append(drawn)
        self.sides = [Side(seed + 1, initiator, others[0]), Side(seed + 2, responder, others[1])]

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Write down the keys of bodies, the headers before they are sealed, and the KEM's seeds."""

        def sealing(message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
            if len(message) == BODY_SIZE:
                self.keys.ours.append(key)
            return seal(message, aad, nonce, key)

        def opening(ciphertext: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
            self.keys.ours.append(key)
            return unseal(ciphertext, aad, nonce, key)

        def packing(dh: bytes, previous: int, number: int, epoch: int) -> bytes:
            self.keys.headers.append((dh, previous, number))
            return pack_header(dh, previous, number, epoch)

        monkeypatch.setattr("onionchat.crypto.ratchet._seal", sealing)
        monkeypatch.setattr("onionchat.crypto.ratchet._open", opening)
        monkeypatch.setattr("onionchat.crypto.ratchet.pack_header", packing)
        monkeypatch.setattr(KemPair, "generate", lambda: KemPair.from_seed(self.rng.randbytes(64)))

    def run(self) -> None:
        for _ in range(STEPS):
            index = self.rng.randrange(2)
            side, other = self.sides[index], self.sides[1 - index]
            side.now += self.rng.choice((0, 0, 1, 30))
            if self.rng.random() < 0.5 and side.ratchet.can_send:
                self.send(side, self.flying[index])
            elif self.flying[index]:
                sealed = self.flying[index].pop(self.rng.randrange(min(len(self.flying[index]), WINDOW)))
                if self.rng.random() > 0.07:
                    self.deliver(other, sealed)

    def send(self, side: Side, flying: list[Sealed]) -> None:
        part = side.ratchet.rekey_part(side.now)
        if isinstance(part, KemKey) and part.epoch not in side.other.mixing.offers:
            seed = side.ratchet._state.epoch.seed
            assert seed is not None
            side.other.mixing.offers[part.epoch] = (seed, part.key)
        body = self.rng.randbytes(BODY_SIZE)
        envelope = side.ratchet.encrypt(body, random=side.random, now=side.now)
        theirs = self.seal_theirs(side.other, body)
        assert self.keys.ours.pop() == self.keys.theirs.pop()
        header = theirs.header
        assert self.keys.headers.pop() == (
            header.ratchet_pub,
            header.previous_sending_chain_length,
            header.sending_chain_length,
        )
        flying.append((envelope, theirs, body, part))

    def seal_theirs(self, other: Other, body: bytes) -> EncryptedMessage:
        if other.ratchet is not None:
            return done(other.ratchet.encrypt_message(body, b"ad"))
        other.ratchet, message = done(
            Whole.encrypt_initial_message(
                shared_secret=self.root,
                recipient_ratchet_pub=self.first.public,
                message=body,
                associated_data=b"ad",
                **other.parts,
            )
        )
        return message

    def deliver(self, side: Side, sealed: Sealed) -> None:
        envelope, theirs, body, part = sealed
        assert side.ratchet.decrypt(envelope, random=side.random, now=side.now) == body
        other = side.other
        if other.ratchet is None:
            other.ratchet, opened = done(
                Whole.decrypt_initial_message(
                    shared_secret=self.root,
                    own_ratchet_priv=self.first.secret(),
                    message=theirs,
                    associated_data=b"ad",
                    **other.parts,
                )
            )
        else:
            opened = done(other.ratchet.decrypt_message(theirs, b"ad"))
        assert opened == body
        assert self.keys.ours.pop() == self.keys.theirs.pop()
        assert not other.privates
        if part is not None:
            side.ratchet.accept_rekey(part, now=side.now)
            if isinstance(part, KemCiphertext):
                other.mixing.take(part)
        self.delivered += 1


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_every_message_key_is_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(seed, monkeypatch)
    walk.run()
    assert walk.delivered > STEPS / 3
    assert (walk.keys.ours, walk.keys.theirs, walk.keys.headers) == ([], [], [])
    epochs = [side.other.mixing.completed for side in walk.sides]
    assert epochs == [side.ratchet._state.epoch.number for side in walk.sides]
    assert min(epochs) >= 3


def test_a_second_secret_that_one_of_them_leaves_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(1, monkeypatch)
    monkeypatch.setattr(Mixing, "take", lambda *_: None)
    with pytest.raises(AssertionError):
        walk.run()
    assert walk.delivered > 0
