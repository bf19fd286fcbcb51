"""What holds for every value of the protocol's modules, and numbers that nothing else pins."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest

import onionchat.protocol
from onionchat.protocol import backup, body, box, deadline, delivery, dialling, invitation, keyring, record
from onionchat.protocol.constants import MAX_TEXT_BYTES, OFF
from onionchat.protocol.greeting import Capability
from onionchat.protocol.invite import Invite, InviteKind


def _classes() -> Iterator[type]:
    for found in pkgutil.iter_modules(onionchat.protocol.__path__):
        module = importlib.import_module(f"onionchat.protocol.{found.name}")
        yield from (
            kind
            for kind in vars(module).values()
            if isinstance(kind, type) and kind.__module__ == module.__name__
        )


DATA = [kind for kind in _classes() if dataclasses.is_dataclass(kind)]
STRUCTS = [kind for kind in _classes() if issubclass(kind, msgspec.Struct)]


@pytest.mark.parametrize("kind", DATA)
def test_data_is_frozen_and_every_field_is_named(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # every dataclass has them
    parameters = list(inspect.signature(kind).parameters.values())
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in parameters)


@pytest.mark.parametrize("kind", STRUCTS)
def test_structs_take_nothing_that_they_do_not_know(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.forbid_unknown_fields
    parameters = list(inspect.signature(kind).parameters.values())
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in parameters)


def test_a_fragment_with_the_largest_numbers_fills_an_envelope() -> None:
    fragment = body.TextPart(
        id=bytes(16),
        offset=MAX_TEXT_BYTES - 1,
        total=MAX_TEXT_BYTES,
        lifetime=OFF,
        written=2**33 - 1,
        data=bytes(body.ROOM - body.TEXT_OVERHEAD),
    )
    assert body.size(fragment) == body.ROOM


def test_kinds_of_invites_have_their_numbers() -> None:
    assert [(one.name, one.value) for one in InviteKind] == [("ONE_TIME", 0), ("MANY", 1), ("PUBLISHED", 2)]


def test_capabilities_have_their_numbers() -> None:
    assert [(one.name, one.value) for one in Capability] == [("LIFETIMES", 1), ("RECOVERY", 2)]


def test_an_invite_is_printed_without_its_secret() -> None:
    assert "secret" not in repr(Invite(onion=bytes(32), static=bytes(32), secret=bytes(16)))


def test_numbers() -> None:
    """Each is a choice; another one is chosen here, too."""
    assert keyring.MAX_PSKS == 6
    assert delivery.ACKS_AN_ENVELOPE == 24
    assert (dialling.REFUSALS_TO_TELL, dialling.FAILURES_TO_TELL) == (2, 4)
    assert invitation.CONTACT_ID == 8
    assert backup.MOST_ID == 32
    assert (box.BOX_PLACES, box.TIME_SIZE) == (4096, 8)
    assert deadline.SLACK == 32
    assert record.RECOVERY == b"recovery"
