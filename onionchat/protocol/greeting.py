"""The payloads of handshake messages 2 and 3. docs/protocol.md, «Link handshake».

Laws: each fills its message to exactly one cell; message 1 carries zeros only; nothing here is believed
before the handshake has authenticated it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec

from ..crypto.handshake import PAYLOAD_SIZES
from ..errors import LocalProtocolError, RemoteProtocolError
from .constants import SUITE, VERSION
from .pace import Pace

Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Numbers = Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=255)], ...], msgspec.Meta(max_length=16)]

VERSIONS: Final = (VERSION,)
"""What this program speaks, and says so in every greeting."""
SUITES: Final = (SUITE,)
"""The suites that it knows, likewise."""


class Capability(IntEnum):
    """What a program knows beside its version; unknown numbers mean nothing."""

    LIFETIMES = 1
    """Texts may live `constants.ONCE` or `constants.OFF`."""
    RECOVERY = 2
    """A first contact leaves a recovery psk, which opens what a side restored from a backup dials."""


CAPABILITIES: Final = tuple(int(one) for one in Capability)
"""What this program says that it knows."""


class Intent(IntEnum):
    """What a link is dialled for."""

    RESUME = 0
    CONTACT = 1
    RESET = 2


class ResponderGreeting(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True
):
    """Payload of message 2. ``ratchet`` is used where message 3 begins a session."""

    ratchet: Key
    pace: Pace
    """At which the cells of who says it will come."""
    reset: bool = False
    """The responder has lost the session and asks for a new one."""
    versions: Numbers = (VERSION,)
    suites: Numbers = (SUITE,)
    capabilities: Numbers = ()


class InitiatorGreeting(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True
):
    """Payload of message 3. ``onion`` is the initiator's pair address, 32 zero bytes where it is known."""

    intent: Intent
    pace: Pace
    """At which the cells of who says it will come."""
    onion: Key = bytes(32)
    versions: Numbers = (VERSION,)
    suites: Numbers = (SUITE,)
    capabilities: Numbers = ()


class Agreed(NamedTuple):
    """The highest version and the highest suite that both sides have."""

    version: int
    suite: int

    def below(self, other: Agreed) -> bool:
        """Whether either of the two is lower than in ``other``."""
        return self.version < other.version or self.suite < other.suite


Greeting = TypeVar("Greeting", ResponderGreeting, InitiatorGreeting)


def fill(greeting: ResponderGreeting | InitiatorGreeting | None, message: int) -> bytes:
    """The payload of handshake message 1, 2 or 3: length (2), MessagePack, zeros (1: zeros only)."""
    packed = b"" if greeting is None else msgspec.msgpack.encode(greeting)
    size = PAYLOAD_SIZES[message - 1]
    if len(packed) > size - 2:
        raise LocalProtocolError("a greeting that does not fit its message")
    return (len(packed).to_bytes(2, "big") + packed).ljust(size, b"\0")


def is_empty(payload: bytes) -> bool:
    """Whether this is message 1's payload."""
    return not payload.strip(b"\0")


def read(payload: bytes, kind: type[Greeting]) -> Greeting:
    """The greeting in a payload.

    Raises:
        RemoteProtocolError: it cannot be read, or has no version or suite that we know.
    """
    used = int.from_bytes(payload[:2], "big")
    if used > len(payload) - 2 or payload[2 + used :].strip(b"\0"):
        raise RemoteProtocolError("a greeting that is not laid out as it must be")
    try:
        greeting = msgspec.msgpack.decode(payload[2 : 2 + used], type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RemoteProtocolError("a greeting that cannot be read") from None
    agree(greeting)
    return greeting


def agree(theirs: ResponderGreeting | InitiatorGreeting) -> Agreed:
    """What we and a greeting's writer can speak with each other. docs/protocol.md, «Versions and suites».

    Raises:
        RemoteProtocolError: there is no version, or no suite, that both have.
    """
    versions, suites = set(VERSIONS) & set(theirs.versions), set(SUITES) & set(theirs.suites)
    if not versions or not suites:
        raise RemoteProtocolError("a peer that speaks no version that we know")
    return Agreed(max(versions), max(suites))
