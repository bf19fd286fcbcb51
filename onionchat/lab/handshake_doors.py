"""The doors of a handshake: each of its messages, at the side that reads it.

Laws: the handshake up to the message is real and is not timed. A message that is taken is followed to what
the protocol does about it at once: the answer, or the session.
"""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import Final

from ..crypto.handshake import Handshake, prologue
from ..crypto.keys import KEY_SIZE, KeyPair
from ..crypto.link import CELL_SIZE
from ..crypto.ratchet import Ratchet
from ..errors import RemoteProtocolError
from ..protocol import greeting
from ..protocol.keyring import MAX_PSKS
from ..protocol.pace import Pace
from .door import Door, flipped, refusing
from .stopwatch import Contestant, Work

_Change = Callable[[bytes], bytes]


class _Meeting:
    """Keys of two sides, and handshakes between them up to any message."""

    def __init__(self, psks: int) -> None:
        self.prologue = prologue(urandom(KEY_SIZE))
        self.ours, self.theirs = KeyPair.generate(urandom), KeyPair.generate(urandom)
        self.psks = [urandom(KEY_SIZE) for _ in range(psks)]

    def sides(self, psk: bytes | None = None) -> tuple[Handshake, Handshake]:
        """Initiator and responder; the initiator has the psk that the responder tries last."""
        initiator = Handshake.initiator(
            prologue=self.prologue,
            static=self.ours,
            remote_static=self.theirs.public,
            psk=psk or self.psks[-1],
            random=urandom,
        )
        return initiator, Handshake.responder(
            prologue=self.prologue, static=self.theirs, psks=self.psks, random=urandom
        )


_LARGEST_2: Final = greeting.ResponderGreeting(
    ratchet=bytes(KEY_SIZE), pace=Pace(), versions=(1,) * 16, suites=(1,) * 16, capabilities=(255,) * 16
)
_LARGEST_3: Final = greeting.InitiatorGreeting(
    intent=greeting.Intent.RESUME,
    pace=Pace(),
    versions=(1,) * 16,
    suites=(1,) * 16,
    capabilities=(255,) * 16,
)


def message_1_door(factor: int = 1) -> Door:
    """What a stranger can send; with ``factor`` times as many psks where it is refused."""
    few, many = _Meeting(MAX_PSKS), _Meeting(MAX_PSKS * factor)
    empty, answer = greeting.fill(None, 1), greeting.fill(_LARGEST_2, 2)

    def taken() -> Work:
        initiator, responder = few.sides()
        message = initiator.write(empty)

        def work() -> None:
            responder.read(message)
            responder.write(answer)

        return work

    def refused(change: _Change, psk: bytes | None = None, payload: bytes = empty) -> Contestant:
        def prepare() -> Work:
            initiator, responder = many.sides(psk)
            message = change(initiator.write(payload))

            def work() -> None:
                if not greeting.is_empty(responder.read(message)):
                    raise RemoteProtocolError("the first payload is not empty")

            return refusing(work)

        return Contestant(prepare=prepare)

    return Door(
        name="message_1",
        taken={"under the last psk": Contestant(prepare=taken)},
        refused={
            "under no psk": refused(bytes, urandom(KEY_SIZE)),
            "random bytes": refused(lambda _: urandom(CELL_SIZE)),
            "a changed KEM key": refused(flipped(600)),
            "a changed payload": refused(flipped(-1)),
            "a payload that is not empty": refused(bytes, payload=b"\x01" * len(empty)),
            "a key of small order": refused(lambda message: bytes(KEY_SIZE) + message[KEY_SIZE:]),
            "too short": refused(lambda message: message[:-1]),
        },
    )


def message_2_door() -> Door:
    """At the initiator, who answers with the last message."""
    meeting = _Meeting(1)
    last = greeting.fill(_LARGEST_3, 3)

    def contestant(change: _Change, payload: bytes, *, good: bool = False) -> Contestant:
        def prepare() -> Work:
            initiator, responder = meeting.sides()
            responder.read(initiator.write(greeting.fill(None, 1)))
            message = change(responder.write(payload))

            def work() -> None:
                greeting.read(initiator.read(message), greeting.ResponderGreeting)
                initiator.write(last)

            return work if good else refusing(work)

        return Contestant(prepare=prepare)

    return Door(
        name="message_2",
        taken={"with the largest greeting": contestant(bytes, greeting.fill(_LARGEST_2, 2), good=True)},
        refused=_refused(contestant, greeting.fill(_LARGEST_2, 2)),
    )


def message_3_door() -> Door:
    """At the responder, who then has a link and a session."""
    meeting = _Meeting(1)
    own = KeyPair.generate(urandom)

    def contestant(change: _Change, payload: bytes, *, good: bool = False) -> Contestant:
        def prepare() -> Work:
            initiator, responder = meeting.sides()
            responder.read(initiator.write(greeting.fill(None, 1)))
            initiator.read(responder.write(greeting.fill(_LARGEST_2, 2)))
            message = change(initiator.write(payload))

            def work() -> None:
                greeting.read(responder.read(message), greeting.InitiatorGreeting)
                Ratchet.respond(responder.secrets().session, own_ratchet=own, now=0).to_bytes()

            return work if good else refusing(work)

        return Contestant(prepare=prepare)

    return Door(
        name="message_3",
        taken={"with the largest greeting": contestant(bytes, greeting.fill(_LARGEST_3, 3), good=True)},
        refused=_refused(contestant, greeting.fill(_LARGEST_3, 3)),
    )


def _refused(contestant: Callable[[_Change, bytes], Contestant], payload: bytes) -> dict[str, Contestant]:
    """What is wrong with a message that has a greeting in it."""
    size = len(payload)
    return {
        "random bytes": contestant(lambda _: urandom(CELL_SIZE), payload),
        "a changed beginning": contestant(flipped(0), payload),
        "a changed second part": contestant(flipped(40), payload),
        "a changed payload": contestant(flipped(-1), payload),
        "a greeting without our version": contestant(bytes, payload.replace(b"\x01" * 16, b"\x02" * 16)),
        "a greeting that is none": contestant(bytes, (size - 2).to_bytes(2, "big") + b"\x91" * (size - 2)),
    }
