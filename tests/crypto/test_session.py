"""A ratchet's state as bytes: small, whole, and refused when it is anything else."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.crypto.ratchet import MAX_STATE_SIZE, Ratchet
from onionchat.crypto.session import SessionState, associated_data
from onionchat.crypto.skipped import MAX_SKIPPED, pack_key
from onionchat.errors import CryptoError

from .pairs import NOW, carry_parts, exchange_turns, session_seed, sides, source


def busy() -> Ratchet:
    """A ratchet with skipped keys in two chains and an answered proposal."""
    initiator, responder = sides()
    exchange_turns(initiator, responder, 10)
    for _ in range(2):
        initiator.send()
        carry_parts(initiator, responder)
        exchange_turns(initiator, responder)
    return responder.ratchet


BUSY = busy().to_bytes()


def test_the_associated_data_names_the_session_and_both_sides() -> None:
    seed = session_seed(source(1))
    expected = b"onionchat/1 session ad" + seed.session_id + seed.initiator_static + seed.responder_static
    assert associated_data(seed) == blake2b(expected, digest_size=64).digest()


def test_a_state_comes_back_byte_for_byte() -> None:
    for side in sides():
        data = side.ratchet.to_bytes()
        assert Ratchet.from_bytes(data).to_bytes() == data
    assert Ratchet.from_bytes(BUSY).to_bytes() == BUSY


def test_a_state_stays_small() -> None:
    """At every point of 12 epochs, with nothing lost, on both sides."""
    initiator, responder = sides()
    largest = 0
    for _ in range(160):
        carry_parts(initiator, responder)
        carry_parts(responder, initiator)
        largest = max(largest, len(initiator.ratchet.to_bytes()), len(responder.ratchet.to_bytes()))
    assert 1_200 < largest <= 2_000


def test_a_full_state_stays_within_its_bound() -> None:
    initiator, responder = sides()
    for _ in range(3):
        for _ in range(1000):
            initiator.send()
        exchange_turns(initiator, responder)
    data = responder.ratchet.to_bytes()
    assert 44 * MAX_SKIPPED < len(data) <= MAX_STATE_SIZE
    assert Ratchet.from_bytes(data).to_bytes() == data


def test_what_is_cut_short_or_too_long_is_refused() -> None:
    for size in range(0, len(BUSY), 13):
        with pytest.raises(CryptoError, match="damaged"):
            Ratchet.from_bytes(BUSY[:size])
    with pytest.raises(CryptoError, match="damaged"):
        Ratchet.from_bytes(BUSY + b"\0")
    longest = BUSY.ljust(MAX_STATE_SIZE, b"\0")
    with pytest.raises(CryptoError, match="damaged"):
        Ratchet.from_bytes(longest)
    with pytest.raises(CryptoError, match="longer"):
        Ratchet.from_bytes(longest + b"\0")


@given(place=st.integers(0, len(BUSY) - 1), byte=st.integers(0, 255))
def test_one_wrong_byte_is_refused_or_gives_a_whole_state(place: int, byte: int) -> None:
    damaged = BUSY[:place] + bytes([byte]) + BUSY[place + 1 :]
    try:
        ratchet = Ratchet.from_bytes(damaged)
    except CryptoError:
        assert damaged != BUSY
    else:
        again = ratchet.to_bytes()
        assert Ratchet.from_bytes(again).to_bytes() == again


@given(data=st.binary(max_size=300))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(CryptoError):
        Ratchet.from_bytes(data)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(CryptoError, match="damaged"):
        Ratchet.from_bytes(b"\x91" * 100_000)


def fields() -> list[object]:
    decoded = msgspec.msgpack.decode(BUSY)
    assert isinstance(decoded, list)
    return decoded


NAMES = SessionState.__struct_fields__
KEYS = ("root", "own_secret", "own_public", "next_sending_header", "next_receiving_header")
NUMBERS = ("sent", "received", "previous")
LAST = 2**32 - 1
RECORD = pack_key(0, NOW, bytes(32))
FULL = [bytes(32), RECORD * MAX_SKIPPED]

WRONG: list[tuple[str, object]] = [
    ("version", 2),
    ("version", 0),
    *[("ad", bytes(size)) for size in (63, 65)],
    *[(name, bytes(size)) for name in KEYS for size in (31, 33)],
    ("own_secret", None),
    ("own_public", "text of thirty-two characters ..."),
    ("sending", [bytes(32)]),
    ("sending", [bytes(32), bytes(32), bytes(32)]),
    ("receiving", [bytes(31), bytes(32)]),
    ("receiving", [bytes(32), bytes(33)]),
    *[(name, number) for name in NUMBERS for number in (-1, LAST + 1)],
    ("previous", 1.0),
    ("epoch", [LAST + 1, True, None, None, None]),
    ("epoch", [-1, True, None, None, None]),
    ("epoch", [0, True, None, None, None, None]),
    ("epoch", [0, False, None, None, bytes(64)]),
    ("epoch", [0, True, b"", bytes(64), None]),
    *[("epoch", [0, True, bytes(size), bytes(64), None]) for size in (1183, 1185)],
    *[("epoch", [0, True, bytes(1184), bytes(size), None]) for size in (63, 65)],
    *[("epoch", [0, False, bytes(size), None, bytes(64)]) for size in (1087, 1089)],
    *[("epoch", [0, False, bytes(1088), None, bytes(size)]) for size in (63, 65)],
    ("messages", 21),
    ("messages", -1),
    ("due_at", -1),
    ("skipped", [[bytes(32), b""]]),
    ("skipped", [[bytes(32), bytes(45)]]),
    ("skipped", [[bytes(32), RECORD, 0]]),
    ("skipped", [[bytes(31), RECORD]]),
    ("skipped", [[bytes(33), RECORD]]),
    ("skipped", [[bytes(32), RECORD]] * 7),
    ("skipped", [FULL, [bytes(32), RECORD]]),
    ("skipped", [[bytes(32), RECORD * (MAX_SKIPPED + 1)]]),
]
RIGHT: list[tuple[str, object]] = [
    *[(name, number) for name in NUMBERS for number in (0, LAST)],
    *[("epoch", [number, True, None, None, None]) for number in (0, LAST)],
    ("epoch", [0, True, bytes(1184), bytes(64), None]),
    ("epoch", [0, False, bytes(1088), None, bytes(64)]),
    *[("messages", number) for number in (0, 20)],
    ("due_at", 0),
    ("skipped", [[bytes(32), RECORD]] * 6),
    ("skipped", [FULL]),
]


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_a_field_may_be_anything_within_its_bounds(name: str, value: object) -> None:
    changed = fields()
    changed[NAMES.index(name)] = value
    data = msgspec.msgpack.encode(changed)
    assert Ratchet.from_bytes(data).to_bytes() == data


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_field_out_of_its_bounds_is_refused(name: str, value: object) -> None:
    changed = fields()
    changed[NAMES.index(name)] = value
    with pytest.raises(CryptoError, match="damaged"):
        Ratchet.from_bytes(msgspec.msgpack.encode(changed))


def test_an_unknown_field_is_refused() -> None:
    assert Ratchet.from_bytes(msgspec.msgpack.encode(fields())).to_bytes() == BUSY
    with pytest.raises(CryptoError, match="damaged"):
        Ratchet.from_bytes(msgspec.msgpack.encode([*fields(), 0]))
