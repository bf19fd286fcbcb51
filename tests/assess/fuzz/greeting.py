"""Target: the payloads of the handshake's messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from onionchat.crypto.handshake import PAYLOAD_SIZES
from onionchat.errors import RemoteProtocolError
from onionchat.protocol import greeting

from .sample import samples
from .structure import behind, bend_packed
from .target import Run, Target, attempt, guarded, require

RESPONDER: Final[greeting.ResponderGreeting] = samples(greeting.ResponderGreeting)[0]
INITIATOR: Final[greeting.InitiatorGreeting] = samples(greeting.InitiatorGreeting)[0]


def _make() -> Run:
    def run(data: bytes) -> str:
        message = 3 if data[:1] > b"\x7f" else 2
        size = PAYLOAD_SIZES[message - 1]
        payload = data[1:]
        if data[:1] not in {b"\0", b"\xff"}:
            packed = payload[: size - 2]
            payload = (len(packed).to_bytes(2, "big") + packed).ljust(size, b"\0")
        greeting.is_empty(payload)
        if message == 2:
            return _read(payload, greeting.ResponderGreeting, 2)
        return _read(payload, greeting.InitiatorGreeting, 3)

    return guarded(run)


def _read(payload: bytes, kind: type[greeting.Greeting], message: int) -> str:
    found = attempt(lambda: greeting.read(payload, kind), RemoteProtocolError)
    again = greeting.read(greeting.fill(found, message), kind)
    require(again == found, "a greeting that was taken comes back as it was")
    return f"taken {message} {len(found.versions)} {len(found.capabilities)}"


def _seeds() -> Sequence[bytes]:
    two, three = greeting.fill(RESPONDER, 2), greeting.fill(INITIATOR, 3)
    return [
        b"\0" + two,
        b"\xff" + three,
        b"\1" + two[2 : 2 + int.from_bytes(two[:2], "big")],
        b"\x80" + three[2 : 2 + int.from_bytes(three[:2], "big")],
    ]


TARGETS: Final = (
    Target(
        name="greeting",
        make=_make,
        seeds=_seeds,
        longest=PAYLOAD_SIZES[2] + 16,
        mutate=behind(1, bend_packed),
    ),
)
