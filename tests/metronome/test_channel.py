from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.errors import LocalProtocolError
from onionchat.metronome import (
    Begin,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    Reason,
    ToEngine,
    ToMetronome,
    decode_to_engine,
    decode_to_metronome,
    encode,
)
from onionchat.metronome.channel import MAX_DATAGRAM, MAX_LINK

LINKS = st.integers(0, MAX_LINK)
MOMENTS = st.floats(allow_nan=False, allow_infinity=False)
TO_METRONOME: st.SearchStrategy[ToMetronome] = st.one_of(
    st.builds(
        Begin,
        link=LINKS,
        key=st.binary(min_size=32, max_size=32),
        tick=st.floats(min_value=0.025, max_value=3600),
    ),
    st.builds(Lay, link=LINKS, cell_type=st.integers(0, 255), body=st.binary(max_size=1933)),
    st.builds(Finish, link=LINKS),
    st.builds(Drop, link=LINKS),
)
TO_ENGINE: st.SearchStrategy[ToEngine] = st.one_of(
    st.builds(
        Left, link=LINKS, real=st.booleans(), waiting=st.integers(0, 255), scheduled=MOMENTS, sent=MOMENTS
    ),
    st.builds(Ended, link=LINKS, reason=st.sampled_from(Reason)),
)


@given(TO_METRONOME)
def test_what_the_engine_says_arrives(message: ToMetronome) -> None:
    datagram = encode(message)
    assert decode_to_metronome(datagram) == message
    assert len(datagram) <= MAX_DATAGRAM


@given(TO_ENGINE)
def test_what_the_metronome_says_arrives(message: ToEngine) -> None:
    assert decode_to_engine(encode(message)) == message


@given(
    st.one_of(
        st.binary(max_size=64),
        st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(1, 6), st.binary(max_size=64)),
    )
)
def test_only_what_would_be_written_is_read(datagram: bytes) -> None:
    for decode in (decode_to_metronome, decode_to_engine):
        try:
            message: ToMetronome | ToEngine = decode(datagram)
        except LocalProtocolError:
            continue
        assert encode(message) == datagram


@pytest.mark.parametrize(
    "message",
    [
        Begin(link=0, key=bytes(31), tick=1.0),
        Begin(link=0, key=bytes(32), tick=0.0),
        Begin(link=0, key=bytes(32), tick=math.nan),
        Begin(link=0, key=bytes(32), tick=math.inf),
        Begin(link=-1, key=bytes(32), tick=1.0),
        Lay(link=0, cell_type=256, body=b""),
        Lay(link=0, cell_type=1, body=bytes(1934)),
        Finish(link=MAX_LINK + 1),
        Left(link=0, real=True, waiting=256, scheduled=0.0, sent=0.0),
    ],
)
def test_values_out_of_bounds_are_not_written(message: ToMetronome | ToEngine) -> None:
    with pytest.raises(LocalProtocolError):
        encode(message)


def test_a_tick_out_of_bounds_is_not_read() -> None:
    datagram = encode(Begin(link=0, key=bytes(32), tick=1.0))
    with pytest.raises(LocalProtocolError):
        decode_to_metronome(datagram[:-8] + bytes(8))


def test_one_direction_is_not_the_other() -> None:
    with pytest.raises(LocalProtocolError):
        decode_to_engine(encode(Drop(link=1)))
    with pytest.raises(LocalProtocolError):
        decode_to_metronome(encode(Ended(link=1, reason=Reason.LOST)))


def test_the_key_is_in_no_repr() -> None:
    begin = Begin(link=3, key=b"K" * 32, tick=1.0)
    assert "KK" not in repr(begin)
    assert "4b4b" not in repr(begin).lower()
