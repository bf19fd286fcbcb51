from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.errors import VaultCorrupt
from onionchat.store.record import Name, Record, Tags, scope_tag

names = st.builds(Name, st.text(max_size=12), st.binary(max_size=40), st.binary(max_size=40))


@given(name=names, value=st.binary(max_size=3000))
def test_round_trip(name: Name, value: bytes) -> None:
    assert Record.decode(Record(name, value).encode()) == Record(name, value)


@given(size=st.integers(0, 200_000))
def test_sizes_are_few(size: int) -> None:
    laid_out = len(Record(Name("message", b"c" * 16, b"m" * 16), bytes(size)).encode())
    assert laid_out & (laid_out - 1) == 0
    assert max(512, size) <= laid_out <= max(512, 2 * (size + 49))


def test_name_and_value_cannot_be_told_apart_by_size() -> None:
    sizes = {len(Record(Name("n" * 10, b"s" * 50, b"k" * at), bytes(100 - at)).encode()) for at in range(100)}
    assert sizes == {512}


@given(first=names, second=names)
def test_tags_differ_where_names_do(first: Name, second: Name) -> None:
    assert (Tags.of(first).name == Tags.of(second).name) == (first == second)
    same_scope = (first.kind, first.scope) == (second.kind, second.scope)
    assert (Tags.of(first).scope == Tags.of(second).scope) == same_scope


def test_the_parts_of_a_name_do_not_run_together() -> None:
    tags = [Tags.of(name) for name in (Name("ab", b"", b""), Name("a", b"b", b""), Name("a", b"", b"b"))]
    assert len({tag.name for tag in tags}) == 3
    assert tags[0].scope == scope_tag("ab", b"")


@pytest.mark.parametrize("cut", [0, 9, 10, 14, 19])
def test_what_is_cut_short_is_damage(cut: int) -> None:
    plain = Record(Name("kind", b"scope", b"key"), b"value").encode()
    with pytest.raises(VaultCorrupt):
        Record.decode(plain[:cut])


def test_a_name_that_is_no_text_is_damage() -> None:
    plain = Record(Name("kind", b"scope", b"key"), b"value").encode()
    with pytest.raises(VaultCorrupt, match="damaged name"):
        Record.decode(plain.replace(b"kind", b"\xff\xff\xff\xff"))


def test_a_value_stays_out_of_the_repr() -> None:
    assert "classified" not in repr(Record(Name("kind", b"", b""), b"classified"))
