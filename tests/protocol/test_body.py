"""Bodies of envelopes: parts in, parts out, bounded, and nothing else."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.errors import LocalProtocolError, RemoteProtocolError
from onionchat.protocol import body
from onionchat.protocol.constants import (
    ENVELOPE_BODY,
    MAX_LIFETIME,
    MAX_TEXT_BYTES,
    MIN_LIFETIME,
    OFF,
    ONCE,
)

IDS = st.binary(min_size=16, max_size=16)
KEYS = st.binary(min_size=32, max_size=32)
EPOCHS = st.integers(0, 2**32 - 1)
PARTS: st.SearchStrategy[body.Part] = st.one_of(
    st.builds(
        body.TextPart,
        id=IDS,
        offset=st.integers(0, MAX_TEXT_BYTES - 1),
        total=st.integers(1, MAX_TEXT_BYTES),
        lifetime=st.integers(MIN_LIFETIME, MAX_LIFETIME),
        written=st.integers(0, 2**33 - 1),
        data=st.binary(min_size=1, max_size=body.ROOM - body.TEXT_OVERHEAD),
    ),
    st.builds(body.AckPart, ids=st.lists(IDS, min_size=1, max_size=100)),
    st.builds(body.DeletePart, id=IDS, target=IDS),
    st.builds(body.HelloPart, id=IDS),
    st.builds(body.AddressPart, id=IDS, onion=KEYS, static=KEYS),
    st.builds(body.KemKeyPart, epoch=EPOCHS, key=st.just(b"k" * 1184)),
    st.builds(body.KemCiphertextPart, epoch=EPOCHS, ciphertext=st.just(b"c" * 1088)),
)


def packed(parts: list[Any]) -> bytes:
    """A body with any MessagePack inside, as only a changed program packs it."""
    inner = msgspec.msgpack.encode(parts)
    return (len(inner).to_bytes(2, "big") + inner).ljust(ENVELOPE_BODY, b"\0")


@given(st.lists(PARTS, max_size=body.MAX_PARTS))
def test_what_is_packed_is_unpacked_again_and_what_does_not_fit_is_our_bug(parts: list[body.Part]) -> None:
    if sum(map(body.size, parts)) > body.ROOM:
        with pytest.raises(LocalProtocolError):
            body.pack(parts)
        return
    made = body.pack(parts)
    assert len(made) == ENVELOPE_BODY
    assert body.unpack(made) == parts


@given(st.one_of(st.binary(max_size=60), st.binary(min_size=ENVELOPE_BODY, max_size=ENVELOPE_BODY)))
def test_any_bytes_are_a_body_or_refused(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        body.unpack(data)


@given(st.binary(max_size=200))
def test_any_messagepack_is_a_body_or_refused(inner: bytes) -> None:
    with suppress(RemoteProtocolError):
        body.unpack((len(inner).to_bytes(2, "big") + inner).ljust(ENVELOPE_BODY, b"\0"))


@given(st.lists(PARTS, min_size=1, max_size=3), st.data())
def test_a_body_with_a_changed_byte_is_a_body_or_refused(parts: list[body.Part], data: st.DataObject) -> None:
    if sum(map(body.size, parts)) > body.ROOM:
        return
    changed = bytearray(body.pack(parts))
    changed[data.draw(st.integers(0, ENVELOPE_BODY - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(RemoteProtocolError):
        body.unpack(bytes(changed))


def test_parts_fill_a_body_to_the_last_byte_and_no_further() -> None:
    text = body.TextPart(
        id=bytes(16), offset=0, total=9000, lifetime=MIN_LIFETIME, written=1_700_000_000, data=bytes(1000)
    )
    most = 1000 + body.ROOM - body.size(text)
    full = msgspec.structs.replace(text, data=b"d" * most)
    assert body.size(full) == body.ROOM == 1830
    made = body.pack([full])
    assert made[-1:] == b"d"
    assert body.unpack(made) == [full]
    for claimed in (1832, 1833, 1834, 65_535):
        with pytest.raises(RemoteProtocolError, match="laid out"):
            body.unpack(claimed.to_bytes(2, "big") + made[2:])
    with pytest.raises(LocalProtocolError):
        body.pack([msgspec.structs.replace(text, data=b"d" * (most + 1))])


ID = b"i" * 16
TEXT = [1, ID, 0, 5, 3600, 1_700_000_000, b"hello"]


def changed(at: int, value: object) -> list[object]:
    return [*TEXT[:at], value, *TEXT[at + 1 :]]


def test_the_text_that_the_next_test_spoils_is_one() -> None:
    assert isinstance(body.unpack(packed([TEXT]))[0], body.TextPart)


def test_a_text_lives_once_or_for_a_span_or_without_end() -> None:
    for lifetime in (ONCE, MIN_LIFETIME, MAX_LIFETIME, OFF):
        (part,) = body.unpack(packed([changed(4, lifetime)]))
        assert isinstance(part, body.TextPart)
        assert part.lifetime == lifetime


@pytest.mark.parametrize(
    "part",
    [
        changed(1, b"i" * 15),
        changed(1, b"i" * 17),
        changed(1, "i" * 16),
        changed(2, -1),
        changed(2, MAX_TEXT_BYTES),
        changed(3, 0),
        changed(3, MAX_TEXT_BYTES + 1),
        changed(4, MIN_LIFETIME - 1),
        changed(4, ONCE + 1),
        changed(4, MAX_LIFETIME + 1),
        changed(4, OFF - 1),
        changed(4, OFF + 1),
        changed(4, None),
        changed(5, -1),
        changed(5, 2**33),
        changed(5, 1.5),
        changed(6, b""),
        changed(6, "hello"),
        [*TEXT, 1],
        TEXT[:-1],
        [],
        [0, ID],
        [8, ID],
        ["TextPart", ID],
        [2, []],
        [2, [ID] * 111],
        [2, [b"short"]],
        [3, ID],
        [4],
        [5, ID, b"o" * 31, b"s" * 32],
        [5, ID, b"o" * 33, b"s" * 32],
        [5, ID, b"o" * 32, b"s" * 33],
        [6, 0, b"k" * 1183],
        [6, -1, b"k" * 1184],
        [6, 0, b"k" * 1185],
        [7, 2**32, b"c" * 1088],
        [7, 0, b"c" * 1087],
        [7, 0, b"c" * 1089],
        {"id": ID},
        7,
        None,
    ],
)
def test_a_part_that_is_not_exactly_right_is_refused(part: object) -> None:
    with pytest.raises(RemoteProtocolError):
        body.unpack(packed([part]))


def test_no_more_parts_than_allowed() -> None:
    hello = [4, ID]
    assert len(body.unpack(packed([hello] * body.MAX_PARTS))) == body.MAX_PARTS
    with pytest.raises(RemoteProtocolError):
        body.unpack(packed([hello] * (body.MAX_PARTS + 1)))
    with pytest.raises(LocalProtocolError):
        body.pack([body.HelloPart(id=ID)] * (body.MAX_PARTS + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(ENVELOPE_BODY - 1),
        bytes(ENVELOPE_BODY + 1),
        b"\xff\xff" + bytes(ENVELOPE_BODY - 2),
        body.pack([])[:-1] + b"\x01",
        bytes(ENVELOPE_BODY),
        packed([])[:2] + b"\x90\x90" + bytes(ENVELOPE_BODY - 4),
        (2).to_bytes(2, "big") + b"\x90\x90" + bytes(ENVELOPE_BODY - 4),
    ],
)
def test_a_body_that_is_laid_out_wrongly_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        body.unpack(data)


@pytest.mark.parametrize(
    "head", [b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\x91\x92\x02\xdd\x7f\xff\xff\xff"]
)
def test_a_length_that_promises_more_than_there_is_costs_no_memory(head: bytes) -> None:
    data = (len(head).to_bytes(2, "big") + head).ljust(ENVELOPE_BODY, b"\0")
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError):
        body.unpack(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000
