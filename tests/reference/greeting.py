"""«Payloads»: what the three handshake messages carry."""

from __future__ import annotations

from dataclasses import dataclass

from .messagepack import Value, array, decode, encode, octets, truth, whole
from .primitives import Refused

PAYLOAD_1, PAYLOAD_2, PAYLOAD_3 = 704, 800, 1888
RESUME, CONTACT, RESET = 0, 1, 2
KEEPS_RECOVERY = 2  # a capability
RESPONDER_DEFAULTS: list[Value] = [False, [1], [1], []]  # from the third field on
PACE_DEFAULTS: list[Value] = [0, 2_000, 1]
INITIATOR_DEFAULTS: list[Value] = [bytes(32), [1], [1], []]


CONSTANT, POISSON, BURST = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    level: int = CONSTANT
    tick_ms: int = 2_000
    batch: int = 1

    def fields(self) -> Value:
        return [self.level, self.tick_ms, self.batch]

    @property
    def cell(self) -> float:
        """Seconds in the mean from one cell to the next."""
        return (0.25 if self.level == BURST else self.tick_ms / 1000) / self.batch

    @property
    def silence(self) -> float:
        """After how many seconds without a cell the link ends."""
        mean = 30 if self.level == BURST else self.tick_ms / 1000
        return 20 + mean * (12 if self.level == POISSON else 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponderGreeting:
    ratchet: bytes
    pace: Pace = Pace()
    reset: bool = False
    versions: tuple[int, ...] = (1,)
    suites: tuple[int, ...] = (1,)
    capabilities: tuple[int, ...] = ()

    def payload(self) -> bytes:
        lists = [list[Value](numbers) for numbers in (self.versions, self.suites, self.capabilities)]
        return pad(encode([self.ratchet, self.pace.fields(), self.reset, *lists]), PAYLOAD_2)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitiatorGreeting:
    intent: int
    pace: Pace = Pace()
    onion: bytes = bytes(32)
    versions: tuple[int, ...] = (1,)
    suites: tuple[int, ...] = (1,)
    capabilities: tuple[int, ...] = ()

    def payload(self) -> bytes:
        lists = [list[Value](numbers) for numbers in (self.versions, self.suites, self.capabilities)]
        return pad(encode([self.intent, self.pace.fields(), self.onion, *lists]), PAYLOAD_3)


def pad(value: bytes, size: int) -> bytes:
    """Length (2) ‖ value ‖ zeros: a greeting, and the body of an envelope."""
    return (len(value).to_bytes(2, "big") + value).ljust(size, b"\0")


def unpad(payload: bytes) -> bytes:
    length = int.from_bytes(payload[:2], "big")
    if 2 + length > len(payload) or any(payload[2 + length :]):
        raise Refused("a length beyond the payload, or padding that is not zero")
    return payload[2 : 2 + length]


def check_payload_1(payload: bytes) -> None:
    if payload != bytes(PAYLOAD_1):
        raise Refused("message 1 does not carry zeros")


def read_responder(payload: bytes) -> ResponderGreeting:
    fields = array(decode(unpad(payload)), 2, 6)
    fields += RESPONDER_DEFAULTS[len(fields) - 2 :]
    greeting = ResponderGreeting(
        ratchet=octets(fields[0], 32),
        pace=read_pace(fields[1]),
        reset=truth(fields[2]),
        versions=_numbers(fields[3]),
        suites=_numbers(fields[4]),
        capabilities=_numbers(fields[5]),
    )
    _check_one(greeting.versions, greeting.suites)
    return greeting


def read_initiator(payload: bytes) -> InitiatorGreeting:
    fields = array(decode(unpad(payload)), 2, 6)
    fields += INITIATOR_DEFAULTS[len(fields) - 2 :]
    greeting = InitiatorGreeting(
        intent=whole(fields[0], RESUME, RESET),
        pace=read_pace(fields[1]),
        onion=octets(fields[2], 32),
        versions=_numbers(fields[3]),
        suites=_numbers(fields[4]),
        capabilities=_numbers(fields[5]),
    )
    _check_one(greeting.versions, greeting.suites)
    return greeting


def read_pace(value: Value) -> Pace:
    fields = array(value, 0, 3)
    fields += PACE_DEFAULTS[len(fields) :]
    pace = Pace(
        level=whole(fields[0], CONSTANT, BURST),
        tick_ms=whole(fields[1], 25, 30_000),
        batch=whole(fields[2], 1, 8),
    )
    if pace.batch not in (1, 2, 4, 8):
        raise Refused("a batch that there is not")
    return pace


def _numbers(value: Value) -> tuple[int, ...]:
    return tuple(whole(item, 0, 255) for item in array(value, 0, 16))


def _check_one(versions: tuple[int, ...], suites: tuple[int, ...]) -> None:
    if 1 not in versions or 1 not in suites:
        raise Refused("another version or suite")
