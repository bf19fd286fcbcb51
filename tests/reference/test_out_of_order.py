"""The two ratchets under each other, without a link: envelopes lost, late and forged, epochs in between."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest

from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.handshake import SessionSeed
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.ratchet import Ratchet as RealRatchet
from onionchat.errors import DecryptionError

from . import ratchet
from .body import BODY_SIZE
from .handshake import Outcome
from .primitives import Refused, new_secret, public_key
from .ratchet import MAX_SKIP, Ratchet

NOW = 1_700_000_000
STEPS = 700
LATE = 4
"""How many envelopes may be overtaken by one."""


def outcome() -> Outcome:
    names = ("k_i", "k_r", "sk", "hk_a", "nhk_b", "session_id", "resume_psk", "recovery_psk")
    statics = {"initiator_static": os.urandom(32), "responder_static": os.urandom(32)}
    return Outcome(**{name: os.urandom(32) for name in names}, **statics)


def pair(role: str) -> tuple[Ratchet, RealRatchet]:
    """The reference in the role, the program in the other."""
    begin = outcome()
    seed = SessionSeed(
        root=begin.sk,
        header_initiator=begin.hk_a,
        header_next_responder=begin.nhk_b,
        session_id=begin.session_id,
        initiator_static=begin.initiator_static,
        responder_static=begin.responder_static,
    )
    secret = new_secret()
    if role == "initiator":
        reference = Ratchet.initiator(begin, public_key(secret), NOW)
        return reference, RealRatchet.respond(seed, own_ratchet=KeyPair.from_secret(secret), now=NOW)
    reference = Ratchet.responder(begin, secret, NOW)
    real = RealRatchet.initiate(seed, peer_ratchet=public_key(secret), random=os.urandom, now=NOW)
    return reference, real


class Talk:
    """Two ratchets, and what is under way to each."""

    def __init__(self, role: str, seed: int) -> None:
        self.random = Random(seed)
        self.reference, self.real = pair(role)
        self.to_reference: list[tuple[bytes, bytes]] = []
        self.to_real: list[tuple[bytes, bytes]] = []
        self.opened = 0

    def step(self) -> None:
        body = self.random.randbytes(BODY_SIZE)
        match self.random.randrange(9):
            case 0 | 1 if self.reference.can_send:
                self.to_real.append((self.reference.seal(body), body))
            case 2 | 3 if self.real.can_send:
                self.to_reference.append((self.real.encrypt(body, random=os.urandom, now=NOW), body))
            case 4 | 5 if self.to_real:
                envelope, body = self.one_of(self.to_real)
                assert self.real.decrypt(envelope, random=os.urandom, now=NOW) == body
                self.opened += 1
            case 6 | 7 if self.to_reference:
                envelope, body = self.one_of(self.to_reference)
                assert self.reference.open(envelope, NOW) == body
                self.opened += 1
            case 8:
                self.epoch()

    def one_of(self, under_way: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
        """Not always the first; what would be overtaken too often is lost."""
        del under_way[: max(0, len(under_way) - LATE)]
        return under_way.pop(self.random.randrange(len(under_way)))

    def epoch(self) -> None:
        """Each hears what the other says of an epoch."""
        match self.real.rekey_part(NOW):
            case KemKey(epoch=number, key=key):
                self.reference.take_key(number, key)
            case KemCiphertext(epoch=number, ciphertext=ciphertext):
                self.reference.take_ciphertext(number, ciphertext)
        number = self.reference.epoch + 1
        if self.reference.propose(NOW):
            self.real.accept_rekey(KemKey(epoch=number, key=self.reference.kem_key), now=NOW)
        elif self.reference.ciphertext:
            self.real.accept_rekey(KemCiphertext(epoch=number, ciphertext=self.reference.ciphertext), now=NOW)


@pytest.mark.parametrize("role", ["initiator", "responder"])
@pytest.mark.parametrize("seed", range(4))
def test_late_and_lost_envelopes(role: str, seed: int) -> None:
    talk = Talk(role, seed)
    for _ in range(STEPS):
        talk.step()
    assert talk.opened > STEPS / 8
    assert talk.reference.epoch >= 2


@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_a_forged_or_repeated_envelope_opens_on_neither_side_and_changes_nothing(role: str) -> None:
    talk = Talk(role, 9)
    for _ in range(60):
        talk.step()
    reference, real = talk.reference, talk.real
    body = os.urandom(BODY_SIZE)
    for at in (0, 23, 24, 83, 84, 1_900, 1_932):
        envelope = bytearray(reference.seal(body))
        envelope[at] ^= 1
        with pytest.raises(DecryptionError):
            real.decrypt(bytes(envelope), random=os.urandom, now=NOW)
        envelope = bytearray(real.encrypt(body, random=os.urandom, now=NOW))
        envelope[at] ^= 1
        with pytest.raises(Refused):
            reference.open(bytes(envelope), NOW)
    to_real, to_reference = reference.seal(body), real.encrypt(body, random=os.urandom, now=NOW)
    assert real.decrypt(to_real, random=os.urandom, now=NOW) == reference.open(to_reference, NOW) == body
    with pytest.raises(DecryptionError):
        real.decrypt(to_real, random=os.urandom, now=NOW)
    with pytest.raises(Refused):
        reference.open(to_reference, NOW)


@pytest.mark.parametrize("skipped", [MAX_SKIP, MAX_SKIP + 1])
@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_so_many_are_skipped_and_no_more(role: str, skipped: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratchet, "MAX_UNANSWERED", 2 * MAX_SKIP)  # the sender is one that keeps no bound
    reference, real = pair(role)
    body = bytes(BODY_SIZE)
    for _ in range(skipped):
        lost = reference.seal(body) if role == "initiator" else real.encrypt(body, random=os.urandom, now=NOW)
    if role == "initiator":
        envelope = reference.seal(body)
        opens = _opens(lambda: real.decrypt(envelope, random=os.urandom, now=NOW))
    else:
        envelope = real.encrypt(body, random=os.urandom, now=NOW)
        opens = _opens(lambda: reference.open(envelope, NOW))
    assert opens is (skipped <= MAX_SKIP)
    assert len(lost) == len(envelope) == 1_933


@pytest.mark.parametrize("shorter", [True, False])
def test_a_chain_was_not_shorter_than_what_came_of_it(shorter: bool) -> None:
    reference, real = pair("initiator")
    for _ in range(3):
        real.decrypt(reference.seal(bytes(BODY_SIZE)), random=os.urandom, now=NOW)
    reference.open(real.encrypt(bytes(BODY_SIZE), random=os.urandom, now=NOW), NOW)
    assert reference.pn == 3
    reference.pn = 2 if shorter else 4
    envelope = reference.seal(bytes(BODY_SIZE))
    assert _opens(lambda: real.decrypt(envelope, random=os.urandom, now=NOW)) is not shorter


@pytest.mark.parametrize("marked", [-1, 0, 1, 2])
def test_a_chain_begins_in_the_present_epoch_and_its_other_headers_are_not_asked(marked: int) -> None:
    talk = Talk("initiator", 3)
    while talk.reference.epoch < 1:
        talk.step()
    reference, real, body = talk.reference, talk.real, bytes(BODY_SIZE)
    for _ in range(2):  # what is still under way is lost; each begins a new chain
        real.decrypt(reference.seal(body), random=os.urandom, now=NOW)
        reference.open(real.encrypt(body, random=os.urandom, now=NOW), NOW)
    present = reference.epoch
    reference.epoch = present + marked
    first = reference.seal(body)
    reference.epoch = present
    assert _opens(lambda: real.decrypt(first, random=os.urandom, now=NOW)) is (marked == 0)
    assert _opens(lambda: real.decrypt(reference.seal(body), random=os.urandom, now=NOW))
    reference.epoch = present + 5
    assert _opens(lambda: real.decrypt(reference.seal(body), random=os.urandom, now=NOW))


def _opens(opening: Callable[[], bytes]) -> bool:
    try:
        return opening() == bytes(BODY_SIZE)
    except (DecryptionError, Refused):
        return False
