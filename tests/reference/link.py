"""«Link»: one connection, its states and the moments at which they end.

It holds what belongs to one link, and decides nothing about the contact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .cell import Direction
from .greeting import Pace
from .handshake import Initiator, Outcome, Responder
from .primitives import Refused
from .psk import Psk
from .ratchet import Ratchet

MESSAGE_1_SECONDS, HANDSHAKE_SECONDS = 10, 30
QUICKEST = 0.01  # seconds from cell to cell


class State(Enum):
    AWAIT_MESSAGE_1 = "await message 1"
    AWAIT_MESSAGE_2 = "await message 2"
    AWAIT_MESSAGE_3 = "await message 3"
    OPEN = "open"
    COMPLETE = "complete"
    CLOSED = "closed"


@dataclass
class Session:
    """A ratchet, under the id of the handshake that began it."""

    id: bytes
    ratchet: Ratchet
    began_here: bool  # whether this side dialled then
    lost: bool = False


@dataclass(eq=False)
class Link:
    dialled: bool
    onion: bytes  # the service that was dialled
    began: float
    state: State
    heard: float
    own_pace: Pace  # that this side's greeting says
    psk: Psk | None = None  # None: the invite's
    initiator: Initiator | None = None
    responder: Responder | None = None
    ratchet_secret: bytes = b""  # of this side's greeting, as a responder
    says_reset: bool = False  # likewise
    outcome: Outcome | None = None
    session: bytes = b""  # the id of the link's session
    pending: Session | None = None  # of a RESET, until the link is chosen
    sending: Direction | None = None
    receiving: Direction | None = None
    paces: list[Pace] = field(default_factory=list)  # that the other side said on this link
    completed: float = 0.0
    said_have_list: bool = False
    close_at: float = float("inf")
    kem_said: set[int] = field(default_factory=set)  # epochs whose part was said here
    out: list[bytes] = field(default_factory=list)  # handshake messages that leave at once
    why: str = ""  # why this side ended it

    @property
    def is_closed(self) -> bool:
        return self.state is State.CLOSED

    @property
    def carries_cells(self) -> bool:
        return self.state in (State.OPEN, State.COMPLETE)

    @property
    def generation(self) -> int:
        """Of the psk that the handshake was made with."""
        return self.psk.generation if self.psk else 0

    def close(self, why: str) -> None:
        if not self.is_closed:
            self.state, self.why = State.CLOSED, why

    def held_to(self, pace: Pace) -> None:
        """The other side has said this pace, in its greeting or later."""
        if pace.cell < QUICKEST:
            raise Refused("a pace that no side may have")
        self.paces.append(pace)

    def ends_at(self) -> float:
        if self.state is State.AWAIT_MESSAGE_1:
            return self.began + MESSAGE_1_SECONDS
        if self.state in (State.AWAIT_MESSAGE_2, State.AWAIT_MESSAGE_3):
            return self.began + HANDSHAKE_SECONDS
        return min(self.close_at, self.heard + max(pace.silence for pace in self.paces))
