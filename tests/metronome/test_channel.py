from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.errors import LocalProtocolError
from onionchat.metronome import (
    Begin,
    Change,
    Drop,
    Ended,
    Finish,
    Lay,
    Left,
    Reason,
    ToEngine,
    ToMetronome,
    Window,
    WindowOver,
    decode_to_engine,
    decode_to_metronome,
    encode,
)
from onionchat.metronome.channel import MAX_DATAGRAM, MAX_LINK
from onionchat.protocol.constants import WINDOW_SECONDS
from onionchat.protocol.pace import BATCHES, Level, Pace

LINKS = st.integers(0, MAX_LINK)
MOMENTS = st.floats(allow_nan=False, allow_infinity=False)
TICKS = st.integers(25, 30_000)
CONSTANT = st.builds(Pace, tick_ms=TICKS, batch=st.sampled_from(BATCHES))
PACES = st.builds(Pace, level=st.sampled_from(Level), tick_ms=TICKS, batch=st.sampled_from(BATCHES))
TURNS = st.integers(1, 65_535).flatmap(lambda places: st.tuples(st.integers(0, places - 1), st.just(places)))
TO_METRONOME: st.SearchStrategy[ToMetronome] = st.one_of(
    st.builds(
        lambda link, key, pace, turn: Begin(link=link, key=key, pace=pace, place=turn[0], places=turn[1]),
        LINKS,
        st.binary(min_size=32, max_size=32),
        CONSTANT,
        TURNS,
    ),
    st.builds(Begin, link=LINKS, key=st.binary(min_size=32, max_size=32), pace=PACES),
    st.builds(
        lambda link, pace, turn: Change(link=link, pace=pace, place=turn[0], places=turn[1]),
        LINKS,
        CONSTANT,
        TURNS,
    ),
    st.builds(Change, link=LINKS, pace=PACES),
    st.builds(Window, link=LINKS, seconds=st.sampled_from(WINDOW_SECONDS)),
    st.builds(Lay, link=LINKS, cell_type=st.integers(0, 255), body=st.binary(max_size=1933)),
    st.builds(Finish, link=LINKS),
    st.builds(Drop, link=LINKS),
)
TO_ENGINE: st.SearchStrategy[ToEngine] = st.one_of(
    st.builds(
        Left,
        link=LINKS,
        real=st.integers(0, 255),
        waiting=st.integers(0, 255),
        scheduled=MOMENTS,
        sent=MOMENTS,
    ),
    st.builds(WindowOver, link=LINKS),
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
        st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(1, 9), st.binary(max_size=64)),
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
        Begin(link=0, key=bytes(31), pace=Pace()),
        Begin(link=0, key=bytes(32), pace=Pace(tick_ms=24)),
        Begin(link=0, key=bytes(32), pace=Pace(tick_ms=30_001)),
        Begin(link=-1, key=bytes(32), pace=Pace()),
        Begin(link=0, key=bytes(32), pace=Pace(), place=4, places=4),
        Begin(link=0, key=bytes(32), pace=Pace(), place=-1, places=4),
        Begin(link=0, key=bytes(32), pace=Pace(), place=1),
        Begin(link=0, key=bytes(32), pace=Pace(), places=65_536),
        Begin(link=0, key=bytes(32), pace=Pace(level=Level.POISSON), places=4),
        Change(link=0, pace=Pace(tick_ms=0)),
        Change(link=0, pace=Pace(level=Level.BURST), places=1),
        Window(link=0, seconds=17),
        Window(link=0, seconds=2048),
        Lay(link=0, cell_type=256, body=b""),
        Lay(link=0, cell_type=1, body=bytes(1934)),
        Finish(link=MAX_LINK + 1),
        Left(link=0, real=1, waiting=256, scheduled=0.0, sent=0.0),
    ],
)
def test_values_out_of_bounds_are_not_written(message: ToMetronome | ToEngine) -> None:
    with pytest.raises(LocalProtocolError):
        encode(message)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (9, b"\x03"),
        (10, bytes(4)),
        (10, b"\xff\xff\xff\xff"),
        (14, b"\x00"),
        (14, b"\x03"),
        (15, b"\x00\x01"),
    ],
)
def test_a_pace_that_there_is_not_is_not_read(at: int, value: bytes) -> None:
    begin = Begin(link=0, key=bytes(32), pace=Pace())
    datagram = encode(begin)
    assert decode_to_metronome(datagram) == begin
    with pytest.raises(LocalProtocolError):
        decode_to_metronome(datagram[:at] + value + datagram[at + len(value) :])


def test_a_window_of_another_length_is_not_read() -> None:
    datagram = encode(Window(link=0, seconds=16))
    with pytest.raises(LocalProtocolError):
        decode_to_metronome(datagram[:-1] + b"\x11")


@pytest.mark.parametrize("moment", [math.nan, math.inf])
def test_a_moment_that_there_is_not_is_not_read(moment: float) -> None:
    with pytest.raises(LocalProtocolError):
        decode_to_engine(encode(Left(link=0, real=1, waiting=0, scheduled=0.0, sent=moment)))


def test_one_direction_is_not_the_other() -> None:
    with pytest.raises(LocalProtocolError):
        decode_to_engine(encode(Drop(link=1)))
    with pytest.raises(LocalProtocolError):
        decode_to_metronome(encode(Ended(link=1, reason=Reason.LOST)))


def test_the_key_is_in_no_repr() -> None:
    begin = Begin(link=3, key=b"K" * 32, pace=Pace())
    assert "KK" not in repr(begin)
    assert "4b4b" not in repr(begin).lower()
