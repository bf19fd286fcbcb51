from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import msgspec
import pytest

from onionchat.protocol import record
from tests.crypto.shapes import by_place, data_classes, frozen, strict

CLASSES = data_classes("onionchat.protocol")
STRUCTS = [kind for kind in CLASSES if issubclass(kind, msgspec.Struct)]
DATACLASSES: list[Any] = [kind for kind in CLASSES if is_dataclass(kind)]
CHANGING = {kind for kind in STRUCTS if issubclass(kind, record._Record)}
"""Records, which a machine keeps up to date."""

HIDDEN = {"cell", "body", "text", "answer", "puts", "secret", "envelopes"}
CONTENT = "what nobody may read in a log"


def test_nothing_but_records_changes() -> None:
    assert {kind for kind in CLASSES if not frozen(kind)} == CHANGING


def test_nothing_is_made_by_place() -> None:
    assert not [kind for kind in CLASSES if list(by_place(kind))]


@pytest.mark.parametrize("kind", STRUCTS)
def test_what_crosses_the_wire_has_no_names_and_everything_is_read_strictly(
    kind: type[msgspec.Struct],
) -> None:
    kept = kind in CHANGING or kind is record.Psk
    assert kind.__struct_config__.array_like is not kept
    assert strict(kind)


@pytest.mark.parametrize("kind", DATACLASSES)
def test_content_is_never_printed(kind: Any) -> None:
    given = {field.name: CONTENT if field.name in HIDDEN else 1 for field in fields(kind) if field.init}
    made = kind(**given)
    assert CONTENT not in repr(made)
    for name, value in given.items():
        shown = f"{name}={value!r}" in repr(made)
        assert shown is (value == 1 and (kind.__name__, name) != ("BeginSending", "key"))


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind.__module__ != "onionchat.protocol.pace"])
def test_what_is_not_said_is_empty(kind: Any) -> None:
    if issubclass(kind, msgspec.Struct):
        names = reversed(kind.__struct_fields__)
        defaults = dict(zip(names, reversed(kind.__struct_defaults__), strict=False))
    else:
        defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    for name, value in defaults.items():
        if name in {"version", "suite"}:
            assert value == 1
        elif name in {"versions", "suites"}:
            assert value == (1,)
        elif name == "onion":
            assert value == bytes(32)
        else:
            assert not value or value is msgspec.NODEFAULT or getattr(value, "factory", None) is list
