from __future__ import annotations

import msgspec
import pytest

from onionchat.crypto.session import ChainState, SessionState
from onionchat.crypto.skipped import SkippedChain

from .shapes import by_place, data_classes, frozen, strict

CLASSES = data_classes("onionchat.crypto")
STRUCTS = [kind for kind in CLASSES if issubclass(kind, msgspec.Struct)]


def test_only_the_state_that_is_copied_before_it_is_changed_can_change() -> None:
    assert [kind for kind in CLASSES if not frozen(kind)] == [SessionState]


def test_only_what_has_two_fields_is_made_by_place() -> None:
    assert {kind for kind in CLASSES if list(by_place(kind))} == {ChainState, SkippedChain}


@pytest.mark.parametrize("kind", STRUCTS)
def test_what_is_kept_is_packed_without_names_and_read_strictly(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.array_like
    assert strict(kind)


@pytest.mark.parametrize("kind", STRUCTS)
def test_a_state_begins_with_nothing_in_it(kind: type[msgspec.Struct]) -> None:
    names = reversed(kind.__struct_fields__)
    defaults = dict(zip(names, reversed(kind.__struct_defaults__), strict=False))
    defaults.pop("version", None)
    assert all(not value or value is msgspec.NODEFAULT for value in defaults.values())
