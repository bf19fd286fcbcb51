"""The greetings inside the handshake: each fills its cell, and is read strictly."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.crypto.handshake import PAYLOAD_SIZES
from onionchat.errors import LocalProtocolError, RemoteProtocolError
from onionchat.protocol import greeting
from onionchat.protocol.constants import LEAST_TICK_MS, MAX_TICK_MS
from onionchat.protocol.greeting import Agreed, InitiatorGreeting, Intent, ResponderGreeting
from onionchat.protocol.pace import BATCHES, Level, Pace

KEYS = st.binary(min_size=32, max_size=32)
PACES = st.builds(
    Pace,
    level=st.sampled_from(Level),
    tick_ms=st.integers(LEAST_TICK_MS, MAX_TICK_MS),
    batch=st.sampled_from(BATCHES),
)
USUAL = [0, 2000, 1]
OTHERS = st.lists(st.integers(0, 255), max_size=15).map(lambda more: (1, *more))
RESPONDERS = st.builds(
    ResponderGreeting, ratchet=KEYS, pace=PACES, reset=st.booleans(), versions=OTHERS, suites=OTHERS
)
INITIATORS = st.builds(
    InitiatorGreeting, intent=st.sampled_from(Intent), pace=PACES, onion=KEYS, capabilities=OTHERS
)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_has_32_bytes(size: int) -> None:
    responder = ResponderGreeting(ratchet=bytes(size), pace=Pace())
    initiator = InitiatorGreeting(intent=Intent.RESUME, pace=Pace(), onion=bytes(size))
    with pytest.raises(RemoteProtocolError):
        greeting.read(greeting.fill(responder, 2), ResponderGreeting)
    with pytest.raises(RemoteProtocolError):
        greeting.read(greeting.fill(initiator, 3), InitiatorGreeting)


@given(RESPONDERS)
def test_a_responders_greeting_comes_back(made: ResponderGreeting) -> None:
    payload = greeting.fill(made, 2)
    assert len(payload) == PAYLOAD_SIZES[1]
    assert greeting.read(payload, ResponderGreeting) == made


@given(INITIATORS)
def test_an_initiators_greeting_comes_back(made: InitiatorGreeting) -> None:
    payload = greeting.fill(made, 3)
    assert len(payload) == PAYLOAD_SIZES[2]
    assert greeting.read(payload, InitiatorGreeting) == made


@given(
    st.one_of(st.binary(max_size=100), st.binary(max_size=90).map(lambda b: len(b).to_bytes(2, "big") + b))
)
def test_any_bytes_are_a_greeting_or_refused(payload: bytes) -> None:
    with suppress(RemoteProtocolError):
        greeting.read(payload, ResponderGreeting)
    with suppress(RemoteProtocolError):
        greeting.read(payload, InitiatorGreeting)


def test_message_1_carries_nothing() -> None:
    payload = greeting.fill(None, 1)
    assert payload == bytes(PAYLOAD_SIZES[0])
    assert greeting.is_empty(payload)
    assert not greeting.is_empty(payload[:-1] + b"\x01")


def test_what_does_not_fit_is_our_bug() -> None:
    huge = ResponderGreeting(ratchet=bytes(32), pace=Pace(), versions=(1,) * 900)
    with pytest.raises(LocalProtocolError):
        greeting.fill(huge, 2)


def test_a_greeting_may_fill_its_message_to_the_last_byte() -> None:
    """None that a peer would take is so long: that they end somewhere is checked all the same."""
    room = PAYLOAD_SIZES[1] - 2
    short = ResponderGreeting(ratchet=bytes(32), pace=Pace(), versions=(1,) * 100)
    more = room - len(msgspec.msgpack.encode(short))
    full = msgspec.structs.replace(short, versions=(1,) * (100 + more))
    assert len(msgspec.msgpack.encode(full)) == room
    assert len(greeting.fill(full, 2)) == PAYLOAD_SIZES[1]
    with pytest.raises(LocalProtocolError):
        greeting.fill(msgspec.structs.replace(full, versions=(1,) * (101 + more)), 2)


@pytest.mark.parametrize("place", [0, 1, 100, -1])
def test_a_padding_that_carries_something_is_refused(place: int) -> None:
    made = ResponderGreeting(ratchet=b"r" * 32, pace=Pace())
    used = 2 + len(msgspec.msgpack.encode(made))
    payload = bytearray(greeting.fill(made, 2))
    payload[used + place if place >= 0 else place] = 1
    with pytest.raises(RemoteProtocolError, match="laid out"):
        greeting.read(bytes(payload), ResponderGreeting)


@pytest.mark.parametrize(
    "fields",
    [
        [b"r" * 32, USUAL, False, [2], [1], []],
        [b"r" * 32, USUAL, False, [1], [2], []],
        [b"r" * 32, USUAL, False, [], [1], []],
        [b"r" * 32, USUAL, False, [1] * 17, [1], []],
        [b"r" * 32, USUAL, False, [1, 256], [1], []],
        [b"r" * 31, USUAL, False],
        [b"r" * 32, 2000, False],
        [b"r" * 32, [0, LEAST_TICK_MS - 1, 1], False],
        [b"r" * 32, [0, MAX_TICK_MS + 1, 1], False],
        [b"r" * 32, [3, 2000, 1], False],
        [b"r" * 32, [-1, 2000, 1], False],
        [b"r" * 32, [0, 2000, 0], False],
        [b"r" * 32, [0, 2000, 3], False],
        [b"r" * 32, [0, 2000, 16], False],
        [b"r" * 32, [0, 2000, 1, 0], False],
        [b"r" * 32, USUAL, 1],
        [b"r" * 32, USUAL, False, [1], [1], [], "more"],
        [b"r" * 32],
        "greeting",
    ],
)
def test_a_greeting_that_is_not_exactly_right_is_refused(fields: object) -> None:
    packed = msgspec.msgpack.encode(fields)
    payload = (len(packed).to_bytes(2, "big") + packed).ljust(PAYLOAD_SIZES[1], b"\0")
    with pytest.raises(RemoteProtocolError):
        greeting.read(payload, ResponderGreeting)


def test_an_intent_that_nobody_knows_and_padding_that_is_not_zero_are_refused() -> None:
    packed = msgspec.msgpack.encode([3, USUAL])
    with pytest.raises(RemoteProtocolError):
        greeting.read((len(packed).to_bytes(2, "big") + packed).ljust(1888, b"\0"), InitiatorGreeting)
    good = greeting.fill(InitiatorGreeting(intent=Intent.RESUME, pace=Pace()), 3)
    with pytest.raises(RemoteProtocolError):
        greeting.read(good[:-1] + b"\x01", InitiatorGreeting)
    with pytest.raises(RemoteProtocolError):
        greeting.read(b"\xff\xff" + good[2:], InitiatorGreeting)


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        (((1,), (1,)), ((1,), (1,)), Agreed(1, 1)),
        (((1, 2, 3), (1,)), ((2, 1, 4), (1, 7)), Agreed(2, 1)),
        (((3, 1), (9, 1)), ((1, 3), (1, 9)), Agreed(3, 9)),
    ],
)
def test_the_highest_that_both_have_is_agreed_on(
    ours: tuple[tuple[int, ...], tuple[int, ...]],
    theirs: tuple[tuple[int, ...], tuple[int, ...]],
    agreed: Agreed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(greeting, "VERSIONS", ours[0])
    monkeypatch.setattr(greeting, "SUITES", ours[1])
    made = InitiatorGreeting(intent=Intent.RESUME, pace=Pace(), versions=theirs[0], suites=theirs[1])
    assert greeting.agree(made) == agreed


@pytest.mark.parametrize(("versions", "suites"), [((2,), (1,)), ((1,), (2,)), ((), (1,)), ((1,), ())])
def test_nothing_in_common_is_the_end(versions: tuple[int, ...], suites: tuple[int, ...]) -> None:
    made = InitiatorGreeting(intent=Intent.RESUME, pace=Pace(), versions=versions, suites=suites)
    with pytest.raises(RemoteProtocolError, match="no version"):
        greeting.agree(made)
