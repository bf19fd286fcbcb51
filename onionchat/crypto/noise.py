"""The Noise framework's handshakes, revision 34, with the hybrid extension (``e1``, ``ekem1``).

Laws: knows no sizes, no padding and no label of ours, so that the published vectors of other patterns run
through exactly this code. Messages are written and read in the pattern's order. Section numbers are those of
the Noise specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from ..errors import DecryptionError, LocalProtocolError
from . import RandomSource
from .kem import KEM_CIPHERTEXT_SIZE, KEM_KEY_SIZE, KEM_SEED_SIZE, KemPair, encapsulate
from .keys import KEY_SIZE, KeyPair
from .secret import Secret
from .symmetric import TAG_SIZE, SymmetricState

_T = TypeVar("_T")


class Token(Enum):
    """What a message can be made of (7.1, 9.3). In ``ES`` the initiator's key is the ephemeral one."""

    E = "e"
    S = "s"
    EE = "ee"
    ES = "es"
    SE = "se"
    PSK = "psk"
    E1 = "e1"
    EKEM1 = "ekem1"


_EPHEMERAL_AT: Final = {True: (Token.EE, Token.ES), False: (Token.EE, Token.SE)}
"""The exchanges to which the initiator (True) or the responder (False) brings the ephemeral key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A handshake pattern (7): its full protocol name and the tokens of its messages.

    ``responder_known`` is the pre-message ``<- s``, the only one that is supported.
    """

    name: bytes
    responder_known: bool
    messages: tuple[tuple[Token, ...], ...]

    @property
    def uses_psk(self) -> bool:
        """Whether ephemeral keys are mixed into the chaining key as well (9.2)."""
        return any(Token.PSK in tokens for tokens in self.messages)


class HandshakeState(Secret):
    """One side of a handshake (5.3).

    Args:
        pattern: which messages there are.
        initiator: whether this side writes the first one.
        prologue: what both sides must agree on.
        random: gives ephemeral keys.
        static: our static key, where the pattern sends or uses one.
        remote_static: the responder's 32-byte static key, for an initiator who must know it.
        psk: 32 bytes, where the pattern has ``psk``.
    """

    __slots__ = (
        "_ephemeral",
        "_initiator",
        "_kem",
        "_pattern",
        "_psk",
        "_random",
        "_remote_ephemeral",
        "_remote_kem",
        "_remote_static",
        "_static",
        "_step",
        "symmetric",
    )

    symmetric: SymmetricState

    def __init__(
        self,
        pattern: Pattern,
        *,
        initiator: bool,
        prologue: bytes,
        random: RandomSource,
        static: KeyPair | None = None,
        remote_static: bytes | None = None,
        psk: bytes | None = None,
    ) -> None:
        self._pattern = pattern
        self._initiator = initiator
        self._random = random
        self._static = static
        self._psk = psk
        self._remote_static = remote_static
        self._ephemeral: KeyPair | None = None
        self._remote_ephemeral: bytes | None = None
        self._kem: KemPair | None = None
        self._remote_kem: bytes | None = None
        self._step = 0
        self.symmetric = SymmetricState(pattern.name)
        self.symmetric.mix_hash(prologue)
        if pattern.responder_known:
            known = remote_static if initiator else _needed(static).public
            self.symmetric.mix_hash(_needed(known))

    @property
    def remote_static(self) -> bytes:
        """The peer's 32-byte static key.

        Raises:
            LocalProtocolError: it is not known yet.
        """
        return _needed(self._remote_static)

    @property
    def complete(self) -> bool:
        """Whether the last message was written or read."""
        return self._step == len(self._pattern.messages)

    @property
    def writes_next(self) -> bool:
        """Whether the next message is ours."""
        return not self.complete and (self._step % 2 == 0) == self._initiator

    @property
    def reads_next(self) -> bool:
        """Whether the next message is the peer's."""
        return not self.complete and not self.writes_next

    def write_message(self, payload: bytes) -> bytes:
        """The next message, with ``payload`` in it.

        Raises:
            LocalProtocolError: it is not our turn, or a key that the pattern needs was not given.
            CryptoError: an exchange gave all zero.
        """
        if not self.writes_next:
            raise LocalProtocolError("it is not our turn to write")
        out = b"".join(self._write(token) for token in self._pattern.messages[self._step])
        self._step += 1
        return out + self.symmetric.encrypt_and_hash(payload)

    def read_message(self, message: bytes) -> bytes:
        """The payload of the peer's next message. After an error the state is of no use any more.

        Raises:
            LocalProtocolError: it is not the peer's turn, or a key that the pattern needs was not given.
            DecryptionError: the message is not what the pattern and the keys ask for.
            CryptoError: an exchange gave all zero, or the peer's KEM key is malformed.
        """
        if not self.reads_next:
            raise LocalProtocolError("it is not our turn to read")
        for token in self._pattern.messages[self._step]:
            message = self._read(token, message)
        self._step += 1
        return self.symmetric.decrypt_and_hash(message)

    def _write(self, token: Token) -> bytes:
        symmetric = self.symmetric
        if token is Token.E:
            self._ephemeral = KeyPair.generate(self._random)
            self._mix_ephemeral(self._ephemeral.public)
            return self._ephemeral.public
        if token is Token.S:
            return symmetric.encrypt_and_hash(_needed(self._static).public)
        if token is Token.E1:
            self._kem = KemPair.from_seed(self._random(KEM_SEED_SIZE))
            return symmetric.encrypt_and_hash(self._kem.public)
        if token is Token.EKEM1:
            secret, ciphertext = encapsulate(_needed(self._remote_kem))
            sealed = symmetric.encrypt_and_hash(ciphertext)
            symmetric.mix_key(secret)
            return sealed
        self._mix(token)
        return b""

    def _read(self, token: Token, message: bytes) -> bytes:
        symmetric = self.symmetric
        if token is Token.E:
            self._remote_ephemeral, rest = _cut(message, KEY_SIZE)
            self._mix_ephemeral(self._remote_ephemeral)
            return rest
        if token is Token.S:
            self._remote_static, rest = self._opened(message, KEY_SIZE)
            return rest
        if token is Token.E1:
            self._remote_kem, rest = self._opened(message, KEM_KEY_SIZE)
            return rest
        if token is Token.EKEM1:
            ciphertext, rest = self._opened(message, KEM_CIPHERTEXT_SIZE)
            symmetric.mix_key(_needed(self._kem).decapsulate(ciphertext))
            return rest
        self._mix(token)
        return message

    def _opened(self, message: bytes, size: int) -> tuple[bytes, bytes]:
        sealed, rest = _cut(message, size + TAG_SIZE if self.symmetric.has_key else size)
        return self.symmetric.decrypt_and_hash(sealed), rest

    def _mix_ephemeral(self, public: bytes) -> None:
        self.symmetric.mix_hash(public)
        if self._pattern.uses_psk:
            self.symmetric.mix_key(public)

    def _mix(self, token: Token) -> None:
        """The tokens that put nothing on the wire. In ``es`` the initiator's key is the ephemeral one."""
        if token is Token.PSK:
            self.symmetric.mix_key_and_hash(_needed(self._psk))
            return
        ours = self._initiator
        pair = self._ephemeral if token in _EPHEMERAL_AT[ours] else self._static
        remote = self._remote_ephemeral if token in _EPHEMERAL_AT[not ours] else self._remote_static
        self.symmetric.mix_key(_needed(pair).exchange(_needed(remote)))


def _needed(value: _T | None) -> _T:
    if value is None:
        raise LocalProtocolError("a key that this handshake needs is not known")
    return value


def _cut(message: bytes, size: int) -> tuple[bytes, bytes]:
    if len(message) < size:
        raise DecryptionError
    return message[:size], message[size:]
