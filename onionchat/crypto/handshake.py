"""The link handshake: docs/protocol.md, «Link handshake».

Laws: each message is exactly one cell; a handshake that met an error is over; what it leaves is handed out
once it is complete, and nothing before. Who the peer may be is for the caller to decide: this module says
which static key was proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ..errors import CryptoError, DecryptionError, LocalProtocolError
from . import RandomSource, labels
from .kdf import hkdf_sha512
from .keys import KEY_SIZE, KeyPair
from .link import CELL_SIZE
from .noise import HandshakeState, Pattern, Token
from .secret import Secret

PATTERN: Final = Pattern(
    name=b"Noise_XKhfs+psk0_25519+MLKEM768_ChaChaPoly_SHA512",
    responder_known=True,
    messages=(
        (Token.PSK, Token.E, Token.ES, Token.E1),
        (Token.E, Token.EE, Token.EKEM1),
        (Token.S, Token.SE),
    ),
)

PAYLOAD_SIZES: Final = (704, 800, 1888)
"""Bytes of payload that make each message exactly one cell."""

INVITE_SECRET_SIZE: Final = 16


class Stage(Enum):
    """What a side of a handshake does next."""

    WRITE_1 = "write message 1"
    READ_1 = "read message 1"
    WRITE_2 = "write message 2"
    READ_2 = "read message 2"
    WRITE_3 = "write message 3"
    READ_3 = "read message 3"
    COMPLETE = "complete"
    OVER = "over"
    """An error came; nothing can be done with it any more."""


ON_WRITE: Final = {
    Stage.WRITE_1: Stage.READ_2,
    Stage.WRITE_2: Stage.READ_3,
    Stage.WRITE_3: Stage.COMPLETE,
}
"""What writing leads to; in any other stage it is our own bug."""

ON_READ: Final = {
    Stage.READ_1: Stage.WRITE_2,
    Stage.READ_2: Stage.WRITE_3,
    Stage.READ_3: Stage.COMPLETE,
}
"""What reading leads to; in any other stage it is our own bug."""

_PAYLOAD_SIZE: Final = dict(zip((Stage.WRITE_1, Stage.WRITE_2, Stage.WRITE_3), PAYLOAD_SIZES, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SessionSeed(Secret):
    """What a session's ratchet starts from; 32 bytes each.

    In docs/protocol.md, «Ratchet», ``root`` is SK, ``header_initiator`` HK_a, ``header_next_responder``
    NHK_b. The static keys are the public ones with which the handshake was made.
    """

    root: bytes
    header_initiator: bytes
    header_next_responder: bytes
    session_id: bytes
    initiator_static: bytes
    responder_static: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LinkSecrets(Secret):
    """What a handshake leaves: our sending and receiving key, the session, and psks.

    ``resume_psk`` is the next link's; ``recovery_psk`` counts where this handshake is a first contact.
    """

    sending: bytes
    receiving: bytes
    session: SessionSeed
    resume_psk: bytes
    recovery_psk: bytes


def invite_psk(secret: bytes, onion_public: bytes) -> bytes:
    """The 32-byte psk of a first contact.

    Args:
        secret: the invite's 16 bytes; all zero where the invite is published.
        onion_public: the 32-byte key of the invite's onion service.

    Raises:
        CryptoError: a wrong length.
    """
    if len(secret) != INVITE_SECRET_SIZE or len(onion_public) != KEY_SIZE:
        raise CryptoError("an invite's secret has 16 bytes and its onion key 32")
    return hkdf_sha512(salt=onion_public, ikm=secret, info=labels.INVITE_PSK, size=KEY_SIZE)


def prologue(onion_public: bytes) -> bytes:
    """What both sides agree on before the first byte: version, cell size, and the onion that was dialled.

    Raises:
        CryptoError: ``onion_public`` has another length than 32.
    """
    if len(onion_public) != KEY_SIZE:
        raise CryptoError("an onion service's public key has 32 bytes")
    return labels.PROLOGUE + CELL_SIZE.to_bytes(2, "big") + onion_public


class Handshake(Secret):
    """One side of a link handshake: the initiator writes, reads, writes; the responder reads, writes, reads.

    Made by ``initiator`` or ``responder``.
    """

    __slots__ = ("_candidates", "_initiator", "_psk_index", "_secrets", "_stage", "_static")

    def __init__(self, candidates: Sequence[HandshakeState], *, initiator: bool, static: KeyPair) -> None:
        self._candidates = tuple(candidates)
        """More than one only for a responder that has not read message 1."""
        self._initiator = initiator
        self._static = static
        self._stage = Stage.WRITE_1 if initiator else Stage.READ_1
        self._psk_index = 0
        self._secrets: LinkSecrets | None = None

    @classmethod
    def initiator(
        cls, *, prologue: bytes, static: KeyPair, remote_static: bytes, psk: bytes, random: RandomSource
    ) -> Handshake:
        """The side that dialled.

        Args:
            prologue: of ``prologue()``, for the onion that was dialled.
            static: our static key for this contact.
            remote_static: the 32-byte static key that the other side must prove.
            psk: 32 bytes.
            random: gives the ephemeral keys.

        Raises:
            CryptoError: a key of a wrong length.
        """
        _check_sizes(remote_static, psk)
        state = HandshakeState(
            PATTERN,
            initiator=True,
            prologue=prologue,
            random=random,
            static=static,
            remote_static=remote_static,
            psk=psk,
        )
        return cls((state,), initiator=True, static=static)

    @classmethod
    def responder(
        cls, *, prologue: bytes, static: KeyPair, psks: Sequence[bytes], random: RandomSource
    ) -> Handshake:
        """The side that was dialled.

        Args:
            prologue: of ``prologue()``, for the onion that was dialled.
            static: our static key behind that onion.
            psks: every 32-byte psk that is good here; the one that opens message 1 is kept.
            random: gives the ephemeral keys.

        Raises:
            LocalProtocolError: there is no psk.
            CryptoError: a key of a wrong length.
        """
        if not psks:
            raise LocalProtocolError("a responder needs a psk")
        _check_sizes(*psks)
        states = [
            HandshakeState(PATTERN, initiator=False, prologue=prologue, random=random, static=static, psk=psk)
            for psk in psks
        ]
        return cls(states, initiator=False, static=static)

    @property
    def stage(self) -> Stage:
        """What comes next."""
        return self._stage

    @property
    def complete(self) -> bool:
        """Whether all three messages were written or read."""
        return self._stage is Stage.COMPLETE

    @property
    def remote_static(self) -> bytes:
        """The peer's 32-byte static key: for a responder proven, and known, only with the last message.

        Raises:
            LocalProtocolError: asked too early, or after a failure.
        """
        if self._secrets is not None:
            session = self._secrets.session
            return session.responder_static if self._initiator else session.initiator_static
        if not self._candidates:
            raise LocalProtocolError("the peer's static key is not known")
        return self._candidates[0].remote_static

    @property
    def psk_index(self) -> int:
        """Which of the responder's psks opened message 1; 0 for an initiator.

        Raises:
            LocalProtocolError: nothing was opened yet.
        """
        if self._stage in (Stage.READ_1, Stage.OVER):
            raise LocalProtocolError("no message was opened")
        return self._psk_index

    def write(self, payload: bytes) -> bytes:
        """The next message: 1,952 bytes.

        Args:
            payload: exactly as many bytes as ``PAYLOAD_SIZES`` gives for this message.

        Raises:
            LocalProtocolError: it is not our turn, an error came before, or ``payload`` has another length.
            CryptoError: the peer's keys are unusable; the handshake is over.
        """
        after = ON_WRITE.get(self._stage)
        if after is None:
            raise LocalProtocolError("it is not our turn in this handshake")
        if len(payload) != _PAYLOAD_SIZE[self._stage]:
            raise LocalProtocolError(f"this handshake message holds {_PAYLOAD_SIZE[self._stage]} bytes")
        (state,) = self._begin()
        message = state.write_message(payload)
        self._advance(state, after)
        return message

    def read(self, message: bytes) -> bytes:
        """The payload of the peer's next message.

        Raises:
            LocalProtocolError: it is not the peer's turn, or an error came before.
            DecryptionError: ``message`` is not one that this peer, with these keys, would write now; the
                handshake is over.
            CryptoError: the peer's keys are unusable; the handshake is over.
        """
        after = ON_READ.get(self._stage)
        if after is None:
            raise LocalProtocolError("it is not our turn in this handshake")
        first = self._stage is Stage.READ_1
        candidates = self._begin()
        if len(message) != CELL_SIZE:
            raise DecryptionError
        for index, candidate in enumerate(candidates):
            try:
                payload = candidate.read_message(message)
            except DecryptionError:
                continue
            if first:
                self._psk_index = index
            self._advance(candidate, after)
            return payload
        raise DecryptionError

    def secrets(self) -> LinkSecrets:
        """The link's keys and the session's seed.

        Raises:
            LocalProtocolError: the handshake is not complete.
        """
        if self._secrets is None:
            raise LocalProtocolError("this handshake is not complete")
        return self._secrets

    def _begin(self) -> tuple[HandshakeState, ...]:
        """What a call works with; where it does not come to its end, the handshake is over."""
        candidates, self._candidates = self._candidates, ()
        self._stage = Stage.OVER
        return candidates

    def _advance(self, state: HandshakeState, after: Stage) -> None:
        self._stage = after
        if after is not Stage.COMPLETE:
            self._candidates = (state,)
            return
        ours, remote = self._static.public, state.remote_static
        statics = (ours, remote) if self._initiator else (remote, ours)
        self._secrets = _derive(state, initiator=self._initiator, statics=statics)


def _derive(state: HandshakeState, *, initiator: bool, statics: tuple[bytes, bytes]) -> LinkSecrets:
    """What follows from the final chaining key: Noise's Split, and beside it the session."""
    symmetric = state.symmetric
    okm = hkdf_sha512(
        salt=symmetric.handshake_hash, ikm=symmetric.chaining_key, info=labels.SESSION, size=5 * KEY_SIZE
    )
    root, header_initiator, header_next_responder, session_id, resume_psk = (
        okm[start : start + KEY_SIZE] for start in range(0, len(okm), KEY_SIZE)
    )
    recovery_psk = hkdf_sha512(
        salt=symmetric.handshake_hash, ikm=symmetric.chaining_key, info=labels.RECOVERY_PSK, size=KEY_SIZE
    )
    first, second = symmetric.split()
    return LinkSecrets(
        sending=first if initiator else second,
        receiving=second if initiator else first,
        session=SessionSeed(
            root=root,
            header_initiator=header_initiator,
            header_next_responder=header_next_responder,
            session_id=session_id,
            initiator_static=statics[0],
            responder_static=statics[1],
        ),
        resume_psk=resume_psk,
        recovery_psk=recovery_psk,
    )


def _check_sizes(*keys: bytes) -> None:
    if any(len(key) != KEY_SIZE for key in keys):
        raise CryptoError("static keys and psks have 32 bytes")
