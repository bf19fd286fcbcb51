"""The message ratchet: docs/protocol.md, «Ratchet».

Double Ratchet with header encryption (Signal's specification, revision 3, section 4) and a sparse ML-KEM
step.

Laws: every call works on a copy of the state, which replaces it only after everything held: an envelope
that does not open changes nothing. A key that was used is no longer in the state. Every random value but
those of the KEM comes from the argument; the time is an argument, in whole seconds since 1970.
"""

from __future__ import annotations

from copy import copy
from typing import Final

import msgspec
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as _open
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as _seal
from nacl.exceptions import CryptoError as _SodiumError

from ..errors import CryptoError, DecryptionError, LocalProtocolError
from . import RandomSource
from .chain import chain_step
from .epoch import Epoch, KemCiphertext, KemKey
from .handshake import SessionSeed
from .header import MAX_NUMBER, NONCE_SIZE, SEALED_HEADER_SIZE, pack_header
from .keys import KeyPair
from .secret import Secret
from .session import EPOCH_SECONDS, ChainState, SessionState, associated_data
from .skipped import expire
from .turn import count, message_key, turn_to_sending

BODY_SIZE: Final = 1833
"""Bytes that an envelope carries."""

ENVELOPE_SIZE: Final = 1933
"""Bytes of an envelope: nonce 24, sealed header 60, sealed body 1849."""

MAX_STATE_SIZE: Final = 160_000
"""Bytes that a serialised state may have, with all the skipped keys that may be stored."""

_HEADER_END: Final = NONCE_SIZE + SEALED_HEADER_SIZE

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SessionState)


class Ratchet(Secret):
    """One side of a session. Made by ``initiate``, ``respond`` or ``from_bytes``."""

    __slots__ = ("_state",)

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @classmethod
    def initiate(cls, seed: SessionSeed, *, peer_ratchet: bytes, random: RandomSource, now: int) -> Ratchet:
        """The side that initiated the handshake; it can send at once, and proposes the first KEM epoch.

        Args:
            seed: of the handshake.
            peer_ratchet: the 32-byte ratchet key that the responder gave inside the handshake.
            random: gives our first ratchet key.
            now: seconds since 1970.

        Raises:
            CryptoError: ``peer_ratchet`` is unusable.
        """
        own = KeyPair.generate(random)
        state = SessionState(
            ad=associated_data(seed),
            root=seed.root,
            own_secret=own.secret(),
            own_public=own.public,
            next_sending_header=seed.header_initiator,
            next_receiving_header=seed.header_next_responder,
            epoch=Epoch(number=0, proposer=True),
            due_at=now + EPOCH_SECONDS,
        )
        turn_to_sending(state, peer_ratchet, now)
        return cls(state)

    @classmethod
    def respond(cls, seed: SessionSeed, *, own_ratchet: KeyPair, now: int) -> Ratchet:
        """The side that answered the handshake; it can send once the initiator's first envelope arrived.

        Args:
            seed: of the handshake.
            own_ratchet: the pair whose public key went to the initiator inside the handshake.
            now: seconds since 1970.
        """
        return cls(
            SessionState(
                ad=associated_data(seed),
                root=seed.root,
                own_secret=own_ratchet.secret(),
                own_public=own_ratchet.public,
                next_sending_header=seed.header_next_responder,
                next_receiving_header=seed.header_initiator,
                epoch=Epoch(number=0, proposer=False),
                due_at=now + EPOCH_SECONDS,
            )
        )

    @property
    def can_send(self) -> bool:
        """Whether there is a sending chain."""
        return self._state.sending is not None

    @property
    def sent_in_chain(self) -> int:
        """Envelopes sent since the peer's last answer; no more than 1,000 in a row may be lost for good."""
        return self._state.sent

    def encrypt(self, body: bytes, *, random: RandomSource, now: int) -> bytes:
        """The next envelope: 1,833 bytes in, 1,933 out. The state must be kept before the envelope leaves.

        Raises:
            LocalProtocolError: ``body`` has another length, there is no sending chain yet, or it is used up.
        """
        state = self._next(now)
        if len(body) != BODY_SIZE:
            raise LocalProtocolError("the body of an envelope has 1,833 bytes")
        sending = state.sending
        if sending is None:
            raise LocalProtocolError("nothing can be sent before the initiator's first envelope arrived")
        number = state.sent
        if number >= MAX_NUMBER:
            raise LocalProtocolError("this sending chain is used up")
        state.sent = number + 1
        next_key, key = chain_step(sending.key)
        state.sending = ChainState(next_key, sending.header_key)
        count(state, now)
        nonce = random(NONCE_SIZE)
        header = pack_header(state.own_public, state.previous, number, state.epoch.number)
        sealed = _seal(header, None, nonce, sending.header_key)
        envelope = nonce + sealed + _seal(body, state.ad + sealed, nonce, key)
        self._state = state
        return envelope

    def decrypt(self, envelope: bytes, *, random: RandomSource, now: int) -> bytes:
        """The body of an envelope of the peer's: 1,933 bytes in, 1,833 out. The state must be kept with it.

        Args:
            envelope: as it arrived.
            random: gives our next ratchet key, where the envelope begins a chain.
            now: seconds since 1970.

        Raises:
            DecryptionError: not the peer's, not whole, or opened before. Nothing has changed.
        """
        if len(envelope) != ENVELOPE_SIZE:
            raise DecryptionError
        nonce, sealed = envelope[:NONCE_SIZE], envelope[NONCE_SIZE:_HEADER_END]
        state = self._next(now)
        try:
            key = message_key(state, nonce, sealed, random, now)
            body = _open(envelope[_HEADER_END:], state.ad + sealed, nonce, key)
        except (CryptoError, _SodiumError):
            raise DecryptionError from None
        count(state, now)
        self._state = state
        return body

    def rekey_part(self, now: int) -> KemKey | KemCiphertext | None:
        """What the next body should carry: again in each, until this gives something else.

        A key is made here when an epoch is due, so the state must be kept, as ``encrypt`` asks for anyway.
        Its randomness is the library's own, like that of the encapsulation.
        """
        if self._state.epoch.awaits_proposal and now >= self._state.due_at:
            state = self._next(now)
            state.epoch = state.epoch.propose()
            self._state = state
        return self._state.epoch.part()

    def accept_rekey(self, part: KemKey | KemCiphertext, *, now: int) -> None:
        """Take the peer's part out of a body that opened. Stale and repeated parts are ignored.

        Args:
            part: as the peer sent it.
            now: seconds since 1970.

        Raises:
            RemoteProtocolError: malformed, or no honest peer sends it now. Nothing has changed.
        """
        state = self._next(now)
        state.epoch = state.epoch.accept(part)
        self._state = state

    def rekey_due_since(self, now: int) -> int | None:
        """Since when, in seconds since 1970, a KEM epoch has been due; None where none is."""
        due_at = self._state.due_at
        return due_at if now >= due_at else None

    def to_bytes(self) -> bytes:
        """The whole state, to be kept sealed: at most 2,000 bytes, and 44 more for each skipped key."""
        return _encoder.encode(self._state)

    def _next(self, now: int) -> SessionState:
        """A copy to work on, without the skipped keys that are too old."""
        state = copy(self._state)
        if state.skipped:
            state.skipped = expire(state.skipped, now)
        return state

    @classmethod
    def from_bytes(cls, data: bytes) -> Ratchet:
        """The ratchet of ``to_bytes``.

        Raises:
            CryptoError: ``data`` is not a whole state of this version.
        """
        if len(data) > MAX_STATE_SIZE:
            raise CryptoError("this ratchet state is longer than one can be")
        try:
            return cls(_decoder.decode(data))
        except msgspec.DecodeError:
            raise CryptoError("this ratchet state is damaged or of another version") from None
