"""The door of a link: a cell, from its seal to the parts of the envelope in it.

Laws: each cell meets a fresh copy of the same receiver, whose making is not timed.
"""

from __future__ import annotations

from os import urandom

from ..crypto.handshake import SessionSeed
from ..crypto.keys import KEY_SIZE, KeyPair
from ..crypto.link import ReceivingCipher, SendingCipher
from ..crypto.ratchet import BODY_SIZE, ENVELOPE_SIZE, Ratchet
from ..crypto.skipped import MAX_OLD_CHAINS, MAX_SKIPPED_PER_STEP
from ..protocol import body
from ..protocol.cell import CellType, lay_out, take_apart
from .door import Door, flipped, refusing
from .stopwatch import Contestant, Work

_NOW = 1_700_000_000


class _Peers:
    """A receiver for which everything was made as expensive as the rules allow, and its peer.

    Keys are missing from five chains before the present one, 1,000 envelopes from that, and 1,000 from the
    next, which the envelope at hand begins.
    """

    def __init__(self) -> None:
        seed = SessionSeed(**{name: urandom(KEY_SIZE) for name in SessionSeed.__slots__})
        own = KeyPair.generate(urandom)
        self.sender = Ratchet.initiate(seed, peer_ratchet=own.public, random=urandom, now=_NOW)
        receiver = Ratchet.respond(seed, own_ratchet=own, now=_NOW)
        for _ in range(MAX_OLD_CHAINS):
            self.envelope()
            receiver.decrypt(self.envelope(), random=urandom, now=_NOW)
            self._answer(receiver)
        receiver.decrypt(self.envelope(), random=urandom, now=_NOW)
        answer = receiver.encrypt(bytes(BODY_SIZE), random=urandom, now=_NOW)
        self._lose()
        self.sender.decrypt(answer, random=urandom, now=_NOW)
        self._lose()
        self._receiver = receiver.to_bytes()
        self._sender = self.sender.to_bytes()
        self._link = urandom(KEY_SIZE)

    def envelope(self, packed: bytes = bytes(BODY_SIZE)) -> bytes:
        """The sender's next."""
        return self.sender.encrypt(packed, random=urandom, now=_NOW)

    def costliest(self, packed: bytes) -> bytes:
        """The envelope at hand, with this body."""
        return Ratchet.from_bytes(self._sender).encrypt(packed, random=urandom, now=_NOW)

    def cell(self, plaintext: bytes) -> bytes:
        """The first of a link."""
        return SendingCipher(self._link).seal(plaintext)

    def take(self, cell: bytes) -> Work:
        """Everything that is done with a cell, from its seal to the parts in its envelope."""
        cipher, ratchet = ReceivingCipher(self._link), Ratchet.from_bytes(self._receiver)

        def work() -> None:
            kind, content = take_apart(cipher.open(cell))
            if kind is CellType.ENVELOPE:
                body.unpack(ratchet.decrypt(content, random=urandom, now=_NOW))

        return work

    def _lose(self) -> None:
        for _ in range(MAX_SKIPPED_PER_STEP):
            self.envelope()

    def _answer(self, receiver: Ratchet) -> None:
        answer = receiver.encrypt(bytes(BODY_SIZE), random=urandom, now=_NOW)
        self.sender.decrypt(answer, random=urandom, now=_NOW)


def cell_door() -> Door:
    """A cell, at a receiver who must skip as many envelopes as the rules allow."""
    peers = _Peers()
    acks = body.AckPart(ids=[bytes(16)] * 101)
    whole = body.pack([acks])
    costliest = peers.costliest(whole)
    envelope = lay_out(CellType.ENVELOPE, costliest)
    one_too_many = Ratchet.from_bytes(peers.sender.to_bytes())
    one_too_many.encrypt(whole, random=urandom, now=_NOW)
    too_far = one_too_many.encrypt(whole, random=urandom, now=_NOW)
    bad = {
        "changed": flipped(-1)(peers.cell(envelope)),
        "too short": peers.cell(envelope)[:-1],
        "of no type": peers.cell(b"\x09" + envelope[1:]),
        "with padding that is not zero": peers.cell(lay_out(CellType.COVER)[:-1] + b"\x01"),
        "with a stranger's envelope": peers.cell(lay_out(CellType.ENVELOPE, urandom(ENVELOPE_SIZE))),
        "with a changed body": peers.cell(lay_out(CellType.ENVELOPE, flipped(-1)(costliest))),
        "too far ahead": peers.cell(lay_out(CellType.ENVELOPE, too_far)),
        "with a body that is none": _with_body(peers, b"\x07\x00" + b"\x91" * (BODY_SIZE - 2)),
        "with parts that go wrong at the end": _with_body(peers, _wrong_at_the_end()),
    }
    return Door(
        name="cell",
        taken={"costliest": _taking_cell(peers, peers.cell(envelope))},
        refused={name: _taking_cell(peers, cell, refused=True) for name, cell in bad.items()},
    )


def _with_body(peers: _Peers, packed: bytes) -> bytes:
    return peers.cell(lay_out(CellType.ENVELOPE, peers.costliest(packed)))


def _taking_cell(peers: _Peers, cell: bytes, *, refused: bool = False) -> Contestant:
    def prepare() -> Work:
        work = peers.take(cell)
        return refusing(work) if refused else work

    return Contestant(prepare=prepare)


def _wrong_at_the_end() -> bytes:
    """Acknowledgements of which the last has a byte too few."""
    whole = body.pack([body.AckPart(ids=[bytes(16)] * 101)])
    used = 2 + int.from_bytes(whole[:2], "big")
    return whole[: used - 18] + b"\xc4\x0f" + bytes(BODY_SIZE - used + 16)
