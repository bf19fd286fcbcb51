"""Cells: one length whatever they hold, taken apart strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.errors import LocalProtocolError, RemoteProtocolError
from onionchat.protocol.cell import CellType, lay_out, split_have, take_apart
from onionchat.protocol.constants import CELL_BODY, CELL_PLAIN, ENVELOPE_SIZE, HAVE_LIST_MAX, MESSAGE_ID

BODIES = st.one_of(
    st.tuples(st.sampled_from([CellType.COVER, CellType.CLOSE]), st.just(b"")),
    st.tuples(st.just(CellType.ENVELOPE), st.binary(min_size=ENVELOPE_SIZE, max_size=ENVELOPE_SIZE)),
    st.tuples(
        st.just(CellType.HAVE),
        st.lists(st.binary(min_size=MESSAGE_ID, max_size=MESSAGE_ID), max_size=HAVE_LIST_MAX).map(b"".join),
    ),
)


@given(BODIES)
def test_what_is_laid_out_is_taken_apart_again(content: tuple[CellType, bytes]) -> None:
    plaintext = lay_out(*content)
    assert len(plaintext) == CELL_PLAIN
    assert take_apart(plaintext) == content


@given(st.one_of(st.binary(max_size=40), st.binary(min_size=CELL_PLAIN, max_size=CELL_PLAIN)))
def test_any_bytes_are_a_cell_or_refused(plaintext: bytes) -> None:
    try:
        content = take_apart(plaintext)
    except RemoteProtocolError:
        return
    assert lay_out(*content) == plaintext


@given(st.integers(0, 255), st.integers(0, 65535))
def test_any_head_is_a_cell_or_refused(kind: int, size: int) -> None:
    plaintext = (bytes([kind]) + size.to_bytes(2, "big")).ljust(CELL_PLAIN, b"\0")
    try:
        content = take_apart(plaintext)
    except RemoteProtocolError:
        return
    assert lay_out(*content) == plaintext


@pytest.mark.parametrize(
    ("kind", "size"),
    [(0, 1), (3, 1), (1, 0), (1, ENVELOPE_SIZE - 1), (2, 15), (2, 121 * 16), (4, 0), (255, 0)],
)
def test_a_body_that_does_not_fit_its_type_is_our_bug_or_their_fault(kind: int, size: int) -> None:
    with pytest.raises(LocalProtocolError):
        lay_out(kind, bytes(size))
    plaintext = (bytes([kind]) + size.to_bytes(2, "big")).ljust(CELL_PLAIN, b"\0")
    with pytest.raises(RemoteProtocolError):
        take_apart(plaintext)


@pytest.mark.parametrize("kind", [CellType.COVER, CellType.HAVE, CellType.CLOSE])
def test_padding_carries_nothing(kind: CellType) -> None:
    for at in (3, 1000, CELL_PLAIN - 1):
        plaintext = bytearray(lay_out(kind))
        plaintext[at] = 1
        with pytest.raises(RemoteProtocolError):
            take_apart(bytes(plaintext))


@pytest.mark.parametrize("size", [CELL_PLAIN - 1, CELL_PLAIN + 1])
def test_another_length_is_refused(size: int) -> None:
    with pytest.raises(RemoteProtocolError):
        take_apart(lay_out(CellType.COVER).ljust(size, b"\0")[:size])


def test_an_envelope_fills_its_cell_and_a_have_list_holds_120_ids() -> None:
    assert ENVELOPE_SIZE == CELL_BODY
    ids = tuple(bytes([number]) * MESSAGE_ID for number in range(HAVE_LIST_MAX))
    assert len(ids) == 120
    assert split_have(take_apart(lay_out(CellType.HAVE, b"".join(ids)))[1]) == ids
    assert split_have(b"") == ()
