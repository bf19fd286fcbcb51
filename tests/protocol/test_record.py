"""Records: what is kept comes back, damaged bytes do not, and nothing secret is printed."""

from __future__ import annotations

import math
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.protocol.constants import OFF, ONCE
from onionchat.protocol.record import (
    BackupRecord,
    ContactRecord,
    GistRecord,
    IdentityRecord,
    InviteRecord,
    MessageRecord,
    OutgoingRecord,
    Psk,
    SeenRecord,
    SessionRecord,
    SettingsRecord,
    end_of,
    pack,
    unpack,
)

SECRET = b"a secret of 32 bytes, or nearly."
PSK = Psk(generation=3, key=SECRET, session=b"12345678")
RECORDS = [
    IdentityRecord(id=b"i", name="Ada", created=1.5),
    InviteRecord(
        id=b"v",
        identity=b"i",
        created=1.0,
        expires_hour=0,
        onion_seed=SECRET,
        static_secret=SECRET,
        secret=SECRET,
    ),
    ContactRecord(
        id=b"c",
        identity=b"i",
        name="Ben",
        created=1.0,
        lifetime=60,
        onion_seed=SECRET,
        static_secret=SECRET,
        psks=[PSK],
        invite_psk=SECRET,
    ),
    BackupRecord(
        made=1.0,
        settings=SettingsRecord(),
        identities=[IdentityRecord(id=b"i", name="Ada", created=1.5)],
        contacts=[],
    ),
    OutgoingRecord(id=b"o", sequence=1, kind="text", written=1.0, data=SECRET, until=float("inf")),
    MessageRecord(
        id=b"m", mine=True, text=SECRET.decode(), written=1.0, stored=1.0, lifetime=60, until=100.0
    ),
    SeenRecord(until=5.0),
    GistRecord(unread=1, newest=2.0),
    SessionRecord(ratchet=SECRET),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_and_shows_nothing(record: msgspec.Struct) -> None:
    kind = type(record)
    assert unpack(pack(record), kind) == record  # type: ignore[arg-type, type-var]  # all of them are records
    assert repr(record) == f"{kind.__name__}(…)"
    assert repr(PSK) == "Psk(generation=3, …)"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_refused(data: bytes) -> None:
    for record in RECORDS:
        with suppress(msgspec.DecodeError):
            unpack(data, type(record))


def test_a_text_that_is_not_utf_8_is_refused_like_any_other_damage() -> None:
    data = pack(IdentityRecord(id=b"i", name="Ada", created=1.5)).replace(b"Ada", b"\xed\xa0\x80")
    with pytest.raises(msgspec.DecodeError):
        unpack(data, IdentityRecord)


def test_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        unpack(msgspec.msgpack.encode({"until": 1.0, "more": 2}), SeenRecord)


def message(*, clock: float | None, until: float = 1000.0, lifetime: int = 60) -> MessageRecord:
    return MessageRecord(
        id=b"m", mine=True, text="", written=0.0, stored=0.0, lifetime=lifetime, clock=clock, until=until
    )


def test_a_message_goes_a_lifetime_after_its_clock_started_or_at_the_upper_bound() -> None:
    assert (message(clock=None).expires, message(clock=None).deadline) == (None, 1000.0)
    assert (message(clock=5.0).expires, message(clock=5.0).deadline) == (65.0, 65.0)
    assert (message(clock=990.0).expires, message(clock=990.0).deadline) == (1000.0, 1000.0)


def test_a_message_is_kept_until_it_dies_and_one_that_lives_once_until_it_was_read() -> None:
    assert message(clock=5.0).kept_until == 65.0
    assert message(clock=None, lifetime=ONCE).kept_until == 1000.0
    assert message(clock=5.0, lifetime=ONCE).kept_until == 5.0
    assert message(clock=5.0, lifetime=OFF).kept_until == math.inf


def test_what_ends_by_itself_is_known_by_its_bytes() -> None:
    assert end_of("message", pack(message(clock=5.0))) == 65.0
    assert end_of("message", pack(message(clock=5.0, lifetime=OFF))) == math.inf
    assert end_of("seen", pack(SeenRecord(until=5.0))) == 5.0
    waiting = OutgoingRecord(id=b"o", sequence=1, kind="delete", written=1.0, target=b"m", until=70.0)
    assert end_of("outgoing", pack(waiting)) == 70.0
    for kind in ("contact", "identity", "invite", "session", "settings", "clock"):
        assert end_of(kind, b"") == math.inf
    with pytest.raises(msgspec.DecodeError):
        end_of("message", b"nonsense")
