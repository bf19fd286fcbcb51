"""One connection with one peer: handshake, then cells. docs/protocol.md, «Link».

Laws: the state table below says everything that a link does; any error ends the link, and before the peer is
authenticated it gets no byte that would tell it why. The link opens cells; it never builds the cells that
follow the handshake (the metronome does).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

from ..crypto import RandomSource
from ..crypto.handshake import Handshake, LinkSecrets
from ..crypto.keys import KeyPair
from ..crypto.link import ReceivingCipher
from ..crypto.ratchet import Ratchet
from ..errors import LocalProtocolError, RemoteProtocolError
from . import greeting
from .cell import CellType, take_apart
from .constants import (
    CELL_SIZE,
    HANDSHAKE_SECONDS,
    MESSAGE_1_SECONDS,
    SETTLE_SECONDS,
    SUITE,
    VERSION,
)
from .greeting import Agreed, InitiatorGreeting, Intent, ResponderGreeting
from .pace import Pace
from .record import RECOVERY, Psk
from .tolerance import Tolerance

T = TypeVar("T")


class LinkState(Enum):
    """Where a link stands."""

    DIALLING = "dialling"
    AWAIT_MESSAGE_1 = "awaiting message 1"
    AWAIT_MESSAGE_2 = "awaiting message 2"
    AWAIT_MESSAGE_3 = "awaiting message 3"
    OPEN = "open"
    """The handshake is done; no cell has proven yet that the peer knows it too."""
    COMPLETE = "complete"
    CLOSED = "closed"


SESSION_HANDLE: Final = 8

ON_GREETING: Final = {LinkState.DIALLING: LinkState.AWAIT_MESSAGE_2}
"""What writing message 1 does to a link; in any other state that is our own bug."""

ON_CELL: Final = {
    LinkState.AWAIT_MESSAGE_1: LinkState.AWAIT_MESSAGE_3,
    LinkState.AWAIT_MESSAGE_2: LinkState.OPEN,
    LinkState.AWAIT_MESSAGE_3: LinkState.OPEN,
    LinkState.OPEN: LinkState.COMPLETE,
    LinkState.COMPLETE: LinkState.COMPLETE,
}
"""What a valid cell does to a link; in any other state receiving one is our own bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A handshake message to send back."""

    cell: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Established:
    """The handshake is done. ``answer`` (message 3) leaves after everything was stored."""

    answer: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A cell's content."""

    cell_type: CellType
    body: bytes = field(repr=False)
    first: bool


Outcome = Answer | Established | Arrived


class Link:
    """The machine of one connection; made by `dial` or `accept`."""

    def __init__(self, number: int, state: LinkState, pace: Pace, now: float) -> None:
        self.number = number
        self.at_invite = False
        """Accepted at an invite's service instead of the pair address."""
        self.state = state
        self.began = now
        """When the connection stood; while it is dialled, when that began."""
        self.completed: float | None = None
        self.replaced: float | None = None
        """When another link was chosen and the peer, who dialled this one, had to close it."""
        self.dialled = state is LinkState.DIALLING
        self.secrets: LinkSecrets | None = None
        self.used = Psk(generation=0, key=b"", session=b"")
        """The psk with which the handshake was made; without its key once that was looked at."""
        self.recovers = False
        """That was the recovery psk."""
        self.restores = False
        """It was, or one that a handshake with it left and whose session never began."""
        self.intent = Intent.RESUME
        self.session: Ratchet | None = None
        """A session that this handshake began; it counts once the link wins."""
        self.session_handle = b""
        """Which of the contact's sessions the envelopes on this link belong to."""
        self.agreed = Agreed(VERSION, SUITE)
        """What both sides' greetings have in common."""
        self.capabilities: tuple[int, ...] = ()
        """What the peer's program says that it knows."""
        self.lost_there = False
        """The peer, dialled by us, has said that it has no session."""
        self.remote_static = b""
        self.initiator_static = b""
        self.peer_onion = b""
        self.pace = pace
        """At which we send: what our greeting says, and later what the peer has acknowledged."""
        self.tolerance = Tolerance(pace)
        self.laid: deque[list[bytes]] = deque()
        """For each cell that was laid for the metronome and has not left: texts whose last part is in it."""
        self._heard = now
        self._onion = bytes(32)
        self._session = b""
        self._psks: tuple[Psk, ...] = ()
        self._ratchet_key: KeyPair | None = None
        self._handshake: Handshake | None = None
        self._receiving: ReceivingCipher | None = None

    @classmethod
    def dial(cls, number: int, *, pace: Pace, now: float) -> Link:
        """A link that is being dialled; `greet` it once the connection stands."""
        return cls(number, LinkState.DIALLING, pace, now)

    @classmethod
    def accept(
        cls,
        number: int,
        *,
        prologue: bytes,
        static: KeyPair,
        psks: tuple[Psk, ...],
        session: bytes,
        ratchet_key: KeyPair,
        random: RandomSource,
        pace: Pace,
        now: float,
    ) -> Link:
        """A link that somebody opened to one of our services.

        Args:
            number: of the link.
            prologue: the handshake's, with our onion's public key.
            static: ours at this service.
            psks: all that may be used here.
            session: the handle of the one that we hold; we ask for a new one where another goes with the psk.
            ratchet_key: ours, should a session begin.
            random: source of the ephemeral key.
            pace: ours, told to the peer.
            now: in seconds.
        """
        link = cls(number, LinkState.AWAIT_MESSAGE_1, pace, now)
        link._handshake = Handshake.responder(
            prologue=prologue, static=static, psks=[psk.key for psk in psks], random=random
        )
        link._psks, link._session, link._ratchet_key = psks, session, ratchet_key
        return link

    @classmethod
    def gone(cls, number: int, *, session: bytes) -> Link:
        """One that has ended, on which envelopes of ``session`` came."""
        link = cls(number, LinkState.CLOSED, Pace(), 0.0)
        link.session_handle = session
        return link

    def greet(
        self,
        *,
        prologue: bytes,
        static: KeyPair,
        remote_static: bytes,
        psk: Psk,
        intent: Intent,
        onion: bytes,
        random: RandomSource,
        now: float,
    ) -> bytes:
        """Message 1, now that the connection stands."""
        state = ON_GREETING.get(self.state)
        if state is None:
            raise LocalProtocolError(f"a link that is {self.state.value} cannot greet")
        self._handshake = Handshake.initiator(
            prologue=prologue, static=static, remote_static=remote_static, psk=psk.key, random=random
        )
        self.used, self.intent, self._onion = psk, intent, onion
        self.recovers = psk.session == RECOVERY
        self.initiator_static = static.public
        self.began = now
        self.state = state
        return self._handshake.write(greeting.fill(None, 1))

    @property
    def alive(self) -> bool:
        """Whether the handshake is done and the link not closed."""
        return self.state in (LinkState.OPEN, LinkState.COMPLETE)

    @property
    def half_open(self) -> bool:
        """Whether an unauthenticated peer holds it."""
        return self.state in (LinkState.AWAIT_MESSAGE_1, LinkState.AWAIT_MESSAGE_3)

    @property
    def deadline(self) -> float | None:
        """When the link ends unless something comes, or at the latest."""
        if self.replaced is not None:
            return self.replaced + SETTLE_SECONDS
        match self.state:
            case LinkState.AWAIT_MESSAGE_1:
                return self.began + MESSAGE_1_SECONDS
            case LinkState.AWAIT_MESSAGE_2 | LinkState.AWAIT_MESSAGE_3:
                return self.began + HANDSHAKE_SECONDS
            case LinkState.OPEN | LinkState.COMPLETE:
                return self._heard + self.tolerance.silence
        return None

    def receive(self, cell: bytes, *, random: RandomSource, now: float) -> Outcome:
        """What a cell from the peer leads to.

        Raises:
            RemoteProtocolError, CryptoError: the link must end, without an answer.
            LocalProtocolError: no cell may be fed in this state.
        """
        state = ON_CELL.get(self.state)
        if state is None:
            raise LocalProtocolError(f"a link that is {self.state.value} takes no cell")
        if len(cell) != CELL_SIZE:
            raise RemoteProtocolError("not a whole cell")
        outcome: Outcome
        match self.state:
            case LinkState.AWAIT_MESSAGE_1:
                outcome = self._answer(cell)
            case LinkState.AWAIT_MESSAGE_2:
                outcome = self._finish_dialled(cell, random, now)
            case LinkState.AWAIT_MESSAGE_3:
                outcome = self._finish_accepted(cell, now)
            case _:
                outcome = self._open(cell, now)
        self.state = state
        if self.state is not LinkState.AWAIT_MESSAGE_3:
            self._heard = now
        return outcome

    def left_psk(self) -> Psk:
        """What the handshake leaves for the next one."""
        key = _given(self.secrets).resume_psk
        generation, session = self.used.generation + 1, self.session_handle
        return Psk(generation=generation, key=key, session=session, restores=self.restores)

    def take_sending_key(self) -> bytes:
        """The key for the metronome; the link forgets everything of it."""
        if self.secrets is None:
            raise LocalProtocolError("the sending key was taken, or there is none yet")
        key, self.secrets = self.secrets.sending, None
        return key

    def _answer(self, cell: bytes) -> Answer:
        handshake, key = self._hands()
        if not greeting.is_empty(handshake.read(cell)):
            raise RemoteProtocolError("a first message that carries something")
        self.used = self._psks[handshake.psk_index]
        self.recovers = self.used.session == RECOVERY
        # who comes with the recovery psk resets anyway, and learns from this whether we hold a session
        reset = not self._session if self.recovers else self.used.session not in (b"", self._session)
        ours = ResponderGreeting(
            ratchet=_given(key).public,
            pace=self.pace,
            reset=reset,
            versions=greeting.VERSIONS,
            suites=greeting.SUITES,
            capabilities=greeting.CAPABILITIES,
        )
        return Answer(cell=handshake.write(greeting.fill(ours, 2)))

    def _finish_dialled(self, cell: bytes, random: RandomSource, now: float) -> Established:
        handshake, _ = self._hands()
        theirs = greeting.read(handshake.read(cell), ResponderGreeting)
        self.lost_there = theirs.reset
        if self.intent is Intent.RESUME and theirs.reset:
            self.intent = Intent.RESET
        ours = InitiatorGreeting(
            intent=self.intent,
            pace=self.pace,
            onion=self._onion,
            versions=greeting.VERSIONS,
            suites=greeting.SUITES,
            capabilities=greeting.CAPABILITIES,
        )
        answer = handshake.write(greeting.fill(ours, 3))
        self._establish(handshake, theirs)
        if self.intent is not Intent.RESUME:
            session = _given(self.secrets).session
            self.session = Ratchet.initiate(session, peer_ratchet=theirs.ratchet, random=random, now=int(now))
        return Established(answer=answer)

    def _finish_accepted(self, cell: bytes, now: float) -> Established:
        handshake, key = self._hands()
        theirs = greeting.read(handshake.read(cell), InitiatorGreeting)
        if theirs.intent is Intent.CONTACT and not any(theirs.onion):
            raise RemoteProtocolError("a first contact without an address")
        self.intent, self.peer_onion = theirs.intent, theirs.onion
        self.initiator_static = handshake.remote_static
        self._establish(handshake, theirs)
        if self.intent is not Intent.RESUME:
            session = _given(self.secrets).session
            self.session = Ratchet.respond(session, own_ratchet=_given(key), now=int(now))
        return Established(answer=None)

    def _establish(self, handshake: Handshake, theirs: ResponderGreeting | InitiatorGreeting) -> None:
        self.agreed = greeting.agree(theirs)
        self.capabilities = theirs.capabilities
        self.remote_static = handshake.remote_static
        self.secrets = handshake.secrets()
        self.session_handle = self.used.session
        if self.intent is not Intent.RESUME:
            self.session_handle = self.secrets.session.session_id[:SESSION_HANDLE]
        self._receiving = ReceivingCipher(self.secrets.receiving)
        self.tolerance.greeted(theirs.pace)
        self._handshake, self._ratchet_key, self._psks = None, None, ()

    def _open(self, cell: bytes, now: float) -> Arrived:
        cell_type, body = take_apart(_given(self._receiving).open(cell))
        self.tolerance.came(now - self._heard)
        first = self.completed is None
        if first:
            self.completed = now
        return Arrived(cell_type=cell_type, body=body, first=first)

    def _hands(self) -> tuple[Handshake, KeyPair | None]:
        return _given(self._handshake), self._ratchet_key


def wins(newer: Link, older: Link) -> bool:
    """Whether a link that was just completed replaces an older complete one.

    Both sides come to the same answer: a newer link replaces an older one, unless the two were dialled by
    different sides and completed within `SETTLE_SECONDS`; then the initiator with the smaller static key
    keeps its own.
    """
    if newer.dialled == older.dialled:
        return True
    if newer.completed is None or older.completed is None:
        raise LocalProtocolError("only complete links are compared")
    if abs(newer.completed - older.completed) > SETTLE_SECONDS:
        return True
    return newer.initiator_static < older.initiator_static


def first_to_go(half_open: Sequence[Link]) -> Link:
    """Which of too many half-open links makes room: the oldest that proved nothing, or else the oldest."""
    return min(half_open, key=lambda link: link.state is LinkState.AWAIT_MESSAGE_3)


def _given(value: T | None) -> T:
    if value is None:
        raise LocalProtocolError("the link is not that far")
    return value
