"""Targets: the three messages of a handshake, each against a live half-open handshake of the side that reads
it.

Laws: the writer is a liar who has every key that it needs and changes what it sends before it is sealed, so
that what lies behind a tag is reached, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from onionchat.crypto.handshake import PATTERN, PAYLOAD_SIZES, Handshake, prologue
from onionchat.crypto.kem import KemPair, encapsulate
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import CELL_SIZE
from onionchat.crypto.noise import HandshakeState, Token
from onionchat.crypto.ratchet import Ratchet
from onionchat.errors import CryptoError, LocalProtocolError, RemoteProtocolError
from onionchat.protocol import greeting

from .greeting import INITIATOR, RESPONDER
from .target import HANDSHAKE_GOAL, Refused, Run, Target, attempt, guarded, head, require

WIRE, RAW, PAYLOAD, FIRST, SECOND = range(5)
"""What the first byte of an input says: change the sealed message, replace it, put this into its payload, or
change its first or second part before that is sealed."""

_PARTS: Final = {1: (Token.E, Token.E1), 2: (Token.E, Token.EKEM1), 3: (Token.S, Token.S)}
_GREETINGS: Final = (None, RESPONDER, INITIATOR)
_OWN_RATCHET: Final = KeyPair.from_secret(bytes(range(32)))


class _Liar(HandshakeState):
    """A writer that changes one of the things it sends, where it is still in the clear."""

    __slots__ = ("lies",)

    lies: dict[Token, bytes]

    def _write(self, token: Token) -> bytes:
        if token not in self.lies:
            return super()._write(token)
        lie, symmetric = self.lies[token], self.symmetric
        if token is Token.E:
            pair = KeyPair.generate(self._random)
            self._ephemeral = KeyPair(pair.secret(), changed(pair.public, lie))
            self._mix_ephemeral(self._ephemeral.public)
            return self._ephemeral.public
        if token is Token.E1:
            self._kem = KemPair.from_seed(self._random(64))
            return symmetric.encrypt_and_hash(changed(self._kem.public, lie))
        if token is Token.EKEM1:
            secret, ciphertext = encapsulate(self._remote_kem or b"")
            sealed = symmetric.encrypt_and_hash(changed(ciphertext, lie))
            symmetric.mix_key(secret)
            return sealed
        return symmetric.encrypt_and_hash(changed(self._static.public if self._static else b"", lie))


def changed(genuine: bytes, lie: bytes) -> bytes:
    """``genuine`` with the bytes behind ``lie``'s first two laid over it (exclusive or) where those say."""
    at = int.from_bytes(lie[:2], "big") % max(1, len(genuine))
    mask = lie[2:][: len(genuine) - at]
    out = bytearray(genuine)
    for place, bits in enumerate(mask, at):
        out[place] ^= bits
    return bytes(out)


class _Scene:
    """Both sides of a handshake; the one that writes the message at hand is the liar."""

    def __init__(self, message: int) -> None:
        self.message = message
        self._random = Random(message).randbytes
        self._prologue = prologue(self._random(32))
        self._ours, self._theirs = KeyPair.generate(self._random), KeyPair.generate(self._random)
        self._psk = self._random(32)

    def meet(self, data: bytes) -> tuple[Handshake, bytes]:
        """The side that is about to read, and what it is to read."""
        mode, lie = head(data) % 5 if data else RAW, data[1:]
        lies = {}
        if mode in {FIRST, SECOND}:
            lies = {_PARTS[self.message][mode - FIRST]: lie}
        initiator, responder = self._initiator(lies), self._responder(lies)
        sides: list[Handshake | _Liar] = [initiator, responder]
        for step in range(self.message - 1):
            _read(sides[1 - step % 2], _write(sides[step % 2], greeting.fill(_GREETINGS[step], step + 1)))
        writer, reader = sides[(self.message - 1) % 2], sides[self.message % 2]
        message = _write(writer, self._payload(mode, lie))
        if mode == WIRE:
            message = changed(message, lie)
        if not isinstance(reader, Handshake):
            raise TypeError("the reader is honest")
        return reader, lie if mode == RAW else message

    def was_changed(self, data: bytes) -> bool:
        """Whether the message is not what an honest peer would write."""
        mode = head(data) % 5 if data else RAW
        return mode == RAW or (mode == WIRE and any(changed(bytes(CELL_SIZE), data[1:])))

    def _payload(self, mode: int, lie: bytes) -> bytes:
        size = PAYLOAD_SIZES[self.message - 1]
        if mode == PAYLOAD:
            return lie[:size].ljust(size, b"\0")
        return greeting.fill(_GREETINGS[self.message - 1], self.message)

    def _initiator(self, lies: dict[Token, bytes]) -> Handshake | _Liar:
        if self.message == 2:
            return Handshake.initiator(
                prologue=self._prologue,
                static=self._ours,
                remote_static=self._theirs.public,
                psk=self._psk,
                random=self._random,
            )
        return self._liar(lies, initiator=True)

    def _responder(self, lies: dict[Token, bytes]) -> Handshake | _Liar:
        if self.message == 2:
            return self._liar(lies, initiator=False)
        return Handshake.responder(
            prologue=self._prologue, static=self._theirs, psks=[bytes(32), self._psk], random=self._random
        )

    def _liar(self, lies: dict[Token, bytes], *, initiator: bool) -> _Liar:
        liar = _Liar(
            PATTERN,
            initiator=initiator,
            prologue=self._prologue,
            random=self._random,
            static=self._ours if initiator else self._theirs,
            remote_static=self._theirs.public if initiator else None,
            psk=self._psk,
        )
        liar.lies = lies
        return liar


def _write(side: Handshake | _Liar, payload: bytes) -> bytes:
    return side.write(payload) if isinstance(side, Handshake) else side.write_message(payload)


def _read(side: Handshake | _Liar, message: bytes) -> None:
    if isinstance(side, Handshake):
        side.read(message)
    else:
        side.read_message(message)


def _make(message: int) -> Callable[[], Run]:
    def make() -> Run:
        scene = _Scene(message)

        def run(data: bytes) -> str:
            reader, written = scene.meet(data)
            taken = False
            try:
                payload = attempt(lambda: reader.read(written), CryptoError)
                taken = True
            finally:
                if not taken:
                    _require_over(reader)
            require(not scene.was_changed(data), "a message that was changed is refused")
            return _follow(message, reader, payload)

        return guarded(run)

    return make


def _require_over(reader: Handshake) -> None:
    """A handshake that met an error takes and gives nothing any more."""
    for step in (lambda: reader.read(bytes(CELL_SIZE)), lambda: reader.write(b""), reader.secrets):
        try:
            step()
        except LocalProtocolError:
            continue
        require(holds=False, law="a handshake that met an error is over")


def _follow(message: int, reader: Handshake, payload: bytes) -> str:
    """What the protocol does at once with a message that was taken."""
    if message == 1:
        empty = greeting.is_empty(payload)
        _answer(reader, 2)
        return f"taken {empty}"
    if message == 2:
        found = attempt(lambda: greeting.read(payload, greeting.ResponderGreeting), RemoteProtocolError)
        _answer(reader, 3)
        session = reader.secrets().session
        attempt(
            lambda: Ratchet.initiate(session, peer_ratchet=found.ratchet, random=Random(1).randbytes, now=1),
            CryptoError,
        )
        return "taken, a session begun"
    reader_secrets = reader.secrets()
    require(len(reader.remote_static) == 32, "the proven key is known")
    attempt(lambda: greeting.read(payload, greeting.InitiatorGreeting), RemoteProtocolError)
    Ratchet.respond(reader_secrets.session, own_ratchet=_OWN_RATCHET, now=1)
    return "taken, a session begun"


def _answer(reader: Handshake, message: int) -> None:
    """The next message; a KEM key that is malformed shows only now."""
    try:
        attempt(lambda: reader.write(greeting.fill(_GREETINGS[message - 1], message)), CryptoError)
    except Refused:
        _require_over(reader)
        raise


def _seeds(message: int) -> Callable[[], Sequence[bytes]]:
    def seeds() -> Sequence[bytes]:
        small_order = bytes(range(32))
        payload = greeting.fill(_GREETINGS[message - 1], message)
        return [
            bytes((PAYLOAD,)) + payload[:200],
            bytes((PAYLOAD, 1)),
            bytes((RAW,)) + bytes(CELL_SIZE),
            bytes((RAW,)),
            bytes((WIRE, 0, 0, 0)),
            bytes((WIRE, 0, 0, 1)),
            bytes((WIRE, 0, 40, 1)),
            bytes((WIRE, 7, 159, 128)),
            bytes((FIRST, 0, 0, 0)),
            bytes((FIRST, 0, 31, 128)),
            bytes((FIRST, 0, 0)) + small_order,
            bytes((SECOND, 0, 0, 0)),
            bytes((SECOND, 0, 9, 255, 255)),
        ]

    return seeds


TARGETS: Final = tuple(
    Target(
        name=f"message-{message}",
        make=_make(message),
        seeds=_seeds(message),
        longest=CELL_SIZE + 16,
        goal=HANDSHAKE_GOAL,
        near=0,
    )
    for message in (1, 2, 3)
)
