"""«Ratchet»: a Double Ratchet with header encryption, and the epochs of its KEM.

It opens and seals bodies; what stands in them, and when the parts of an epoch are said, is decided elsewhere.
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, field

from .handshake import Outcome
from .primitives import (
    Refused,
    blake2b,
    check_kem_key,
    decapsulate,
    encapsulate,
    hkdf,
    kem_pair,
    new_secret,
    public_key,
    x25519,
    xaead_open,
    xaead_seal,
)

HEADER_SIZE, SEALED_HEADER_SIZE, NONCE_SIZE = 44, 60, 24
MAX_SKIP = MAX_UNANSWERED = 1_000
MAX_SKIPPED, MAX_OLD_CHAINS, SKIPPED_LIFE = 2_000, 5, 32 * 86_400
EPOCH_ENVELOPES, EPOCH_SECONDS = 20, 3_600


@dataclass
class Chain:
    """A chain of one direction; `skipped` is used by receiving chains alone."""

    ck: bytes
    hk: bytes
    n: int = 0
    skipped: dict[int, tuple[bytes, float]] = field(default_factory=dict)

    def step(self) -> bytes:
        """KDF_CK: the message key; the chain key moves on."""
        out = blake2b(b"\x01", 64, key=self.ck, person=b"onionchat/1 ck")
        self.ck, self.n = out[:32], self.n + 1
        return out[32:]

    def skip_to(self, n: int, now: float) -> None:
        if n - self.n > MAX_SKIP:
            raise Refused("too many skipped at once")
        if n < self.n:
            raise Refused("a chain that is said to be shorter than it was")
        while self.n < n:
            place = self.n
            self.skipped[place] = (self.step(), now)


@dataclass(frozen=True)
class Header:
    key: bytes
    pn: int
    n: int
    epoch: int

    def encoded(self) -> bytes:
        return self.key + b"".join(number.to_bytes(4, "big") for number in (self.pn, self.n, self.epoch))


def read_header(data: bytes) -> Header:
    pn, n, epoch = (int.from_bytes(data[at : at + 4], "big") for at in (32, 36, 40))
    return Header(data[:32], pn, n, epoch)


class Ratchet:
    """One side's state of a session."""

    def __init__(self, outcome: Outcome, *, initiator: bool, own: bytes, now: float) -> None:
        self.ad = blake2b(
            b"onionchat/1 session ad"
            + outcome.session_id
            + outcome.initiator_static
            + outcome.responder_static,
            64,
        )
        self.rk = outcome.sk
        self.own = own
        self.nhks, self.nhkr = (outcome.hk_a, outcome.nhk_b) if initiator else (outcome.nhk_b, outcome.hk_a)
        self.sending: Chain | None = None
        self.receiving: Chain | None = None
        self.older: list[Chain] = []
        self.pn = 0
        self.epoch = 0
        self.proposes = initiator
        self.kem_seed = b""  # offering
        self.kem_key = b""
        self.ciphertext = b""  # answering: what is said
        self.mix = b""  # secret ‖ binding: ready, or answering
        self.counted = 0
        self.since = now

    @classmethod
    def initiator(cls, outcome: Outcome, their_key: bytes, now: float) -> Ratchet:
        ratchet = cls(outcome, initiator=True, own=new_secret(), now=now)
        ratchet._turn_to_sending(their_key, now)
        return ratchet

    @classmethod
    def responder(cls, outcome: Outcome, own: bytes, now: float) -> Ratchet:
        return cls(outcome, initiator=False, own=own, now=now)

    # --- envelopes ---

    @property
    def unanswered(self) -> bool:
        return self.sending is not None and self.sending.n >= MAX_UNANSWERED

    @property
    def can_send(self) -> bool:
        return self.sending is not None and not self.unanswered

    def seal(self, body: bytes) -> bytes:
        chain = self.sending
        if chain is None or not self.can_send:
            raise ValueError("there is no chain to send in")
        header = Header(public_key(self.own), self.pn, chain.n, self.epoch).encoded()
        nonce = os.urandom(NONCE_SIZE)
        sealed = xaead_seal(chain.hk, nonce, b"", header)
        self.counted += 1
        return nonce + sealed + xaead_seal(chain.step(), nonce, self.ad + sealed, body)

    def open(self, envelope: bytes, now: float) -> bytes:
        """The body; the state changes only where it opens."""
        draft = copy.deepcopy(self)
        body = draft._open(envelope, now)
        draft._forget(now)
        draft.counted += 1
        self.__dict__ = draft.__dict__
        return body

    def _open(self, envelope: bytes, now: float) -> bytes:
        nonce, sealed = envelope[:NONCE_SIZE], envelope[NONCE_SIZE : NONCE_SIZE + SEALED_HEADER_SIZE]
        mk = self._message_key(nonce, sealed, now)
        return xaead_open(mk, nonce, self.ad + sealed, envelope[NONCE_SIZE + SEALED_HEADER_SIZE :])

    def _message_key(self, nonce: bytes, sealed: bytes, now: float) -> bytes:
        if self.receiving and (header := _peek(self.receiving.hk, nonce, sealed)):
            if header.n < self.receiving.n:
                return _take_skipped(self.receiving, header.n)
            self.receiving.skip_to(header.n, now)
            return self.receiving.step()
        if header := _peek(self.nhkr, nonce, sealed):
            chain = self._turn_to_receiving(header, now)
            chain.skip_to(header.n, now)
            return chain.step()
        for chain in self.older:
            if header := _peek(chain.hk, nonce, sealed):
                return _take_skipped(chain, header.n)
        raise Refused("the header opens under no key")

    def _forget(self, now: float) -> None:
        """What is kept of the keys that were skipped: chains, time, number."""
        self.older = self.older[-MAX_OLD_CHAINS:]
        chains = [*self.older, *([self.receiving] if self.receiving else [])]
        for chain in chains:
            chain.skipped = {n: kept for n, kept in chain.skipped.items() if now - kept[1] < SKIPPED_LIFE}
        too_many = sum(len(chain.skipped) for chain in chains) - MAX_SKIPPED
        for chain in chains:
            for n in list(chain.skipped)[: max(0, too_many)]:
                del chain.skipped[n]
                too_many -= 1
        self.older = [chain for chain in self.older if chain.skipped]

    # --- turns ---

    def _turn(self, their_key: bytes, *, with_kem: bool, now: float) -> tuple[bytes, bytes]:
        """KDF_RK: RK moves on; CK and NHK. The KEM's secret begins the next epoch."""
        ikm, label = x25519(self.own, their_key), b"onionchat/1 root"
        if with_kem:
            ikm, label = ikm + self.mix, b"onionchat/1 root with kem"
            self.epoch += 1
            self.proposes = not self.proposes
            self.mix = self.ciphertext = b""
            self.counted, self.since = 0, now
        out = hkdf(salt=self.rk, ikm=ikm, info=label, size=96)
        self.rk = out[:32]
        return out[32:64], out[64:]

    def _turn_to_sending(self, their_key: bytes, now: float) -> None:
        with_kem = self.proposes and bool(self.mix)
        self.pn = self.sending.n if self.sending else 0
        ck, nhk = self._turn(their_key, with_kem=with_kem, now=now)
        self.sending, self.nhks = Chain(ck, self.nhks), nhk

    def _turn_to_receiving(self, header: Header, now: float) -> Chain:
        if self.receiving:
            self.receiving.skip_to(header.pn, now)
            self.older.append(self.receiving)
        next_epoch = not self.proposes and bool(self.mix) and header.epoch == self.epoch + 1
        if header.epoch != self.epoch and not next_epoch:
            raise Refused("a chain of an epoch that is not due")
        ck, nhk = self._turn(header.key, with_kem=next_epoch, now=now)
        chain = self.receiving = Chain(ck, self.nhkr)
        self.nhkr = nhk
        self.own = new_secret()
        self._turn_to_sending(header.key, now)
        return chain

    # --- epochs ---

    def is_due(self, now: float) -> bool:
        return self.counted >= EPOCH_ENVELOPES or now - self.since >= EPOCH_SECONDS

    def propose(self, now: float) -> bool:
        """Begin to offer a key, where this side proposes and it is due; whether a key stands."""
        if self.proposes and not self.kem_seed and not self.mix and self.is_due(now):
            self.kem_seed, self.kem_key = kem_pair()
        return bool(self.kem_seed)

    def take_key(self, epoch: int, key: bytes) -> None:
        if epoch <= self.epoch:
            return
        check_kem_key(key)
        if self.proposes or epoch != self.epoch + 1:
            raise Refused("a KEM key from the wrong side or for a later epoch")
        if self.mix:
            return
        secret, self.ciphertext = encapsulate(key)
        self.mix = secret + binding(epoch, key, self.ciphertext)

    def take_ciphertext(self, epoch: int, ciphertext: bytes) -> None:
        if epoch <= self.epoch:
            return
        if not self.proposes or epoch != self.epoch + 1:
            raise Refused("a KEM ciphertext from the wrong side or for a later epoch")
        if self.mix:
            return
        if not self.kem_seed:
            raise Refused("a KEM ciphertext that nobody asked for")
        secret = decapsulate(self.kem_seed, ciphertext)
        self.mix = secret + binding(epoch, self.kem_key, ciphertext)
        self.kem_seed = self.kem_key = b""


def binding(epoch: int, key: bytes, ciphertext: bytes) -> bytes:
    return blake2b(epoch.to_bytes(4, "big") + key + ciphertext, 32, person=b"onionchat/1 kem")


def _peek(hk: bytes, nonce: bytes, sealed: bytes) -> Header | None:
    try:
        return read_header(xaead_open(hk, nonce, b"", sealed))
    except Refused:
        return None


def _take_skipped(chain: Chain, n: int) -> bytes:
    if n not in chain.skipped:
        raise Refused("this envelope was opened before")
    return chain.skipped.pop(n)[0]
