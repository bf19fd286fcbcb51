"""Sessions to be measured: two ratchets that know each other.

Laws: their keys are made anew each time; nothing here is timed.
"""

from __future__ import annotations

from os import urandom
from typing import Final

from ..crypto.handshake import SessionSeed
from ..crypto.keys import KEY_SIZE, KeyPair
from ..crypto.ratchet import BODY_SIZE, Ratchet
from ..crypto.skipped import MAX_SKIPPED_PER_STEP

NOW: Final = 1_700_000_000


def ratchets() -> tuple[Ratchet, Ratchet]:
    """Initiator and responder of a new session."""
    seed = SessionSeed(
        root=urandom(KEY_SIZE),
        header_initiator=urandom(KEY_SIZE),
        header_next_responder=urandom(KEY_SIZE),
        session_id=urandom(KEY_SIZE),
        initiator_static=urandom(KEY_SIZE),
        responder_static=urandom(KEY_SIZE),
    )
    own = KeyPair.generate(urandom)
    initiator = Ratchet.initiate(seed, peer_ratchet=own.public, random=urandom, now=NOW)
    return initiator, Ratchet.respond(seed, own_ratchet=own, now=NOW)


def carry(sender: Ratchet, receiver: Ratchet, body: bytes) -> None:
    """Send one envelope that arrives."""
    receiver.decrypt(sender.encrypt(body, random=urandom, now=NOW), random=urandom, now=NOW)


def full_ratchet() -> Ratchet:
    """A receiver that holds as many skipped keys as it may."""
    sender, receiver = ratchets()
    for _ in range(3):
        for _ in range(MAX_SKIPPED_PER_STEP):
            sender.encrypt(bytes(BODY_SIZE), random=urandom, now=NOW)
        carry(sender, receiver, bytes(BODY_SIZE))
        carry(receiver, sender, bytes(BODY_SIZE))
    return receiver
