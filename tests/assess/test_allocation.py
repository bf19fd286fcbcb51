"""What refusing costs in memory: no decoder makes room for what an input merely claims.

The peak of everything that Python allocates, libraries included, is counted by tracemalloc while one hostile
input is refused. The bounds are those of docs/protocol.md, «Errors».
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import msgspec
import pytest

from onionchat.control import decode_from_engine, decode_request, request_id
from onionchat.control.limits import MAX_LINE, MAX_REQUEST_LINE
from onionchat.control.text import plain
from onionchat.crypto.onion import onion_public
from onionchat.crypto.ratchet import BODY_SIZE, ENVELOPE_SIZE, MAX_STATE_SIZE, Ratchet
from onionchat.crypto.skipped import MAX_SKIPPED_PER_STEP
from onionchat.errors import OnionchatError
from onionchat.metronome import channel
from onionchat.protocol import body, cell, greeting, invite, record
from onionchat.protocol.constants import CELL_PLAIN, ENVELOPE_BODY
from onionchat.store import open_backup
from onionchat.store.backup import _content_of as content_of
from onionchat.store.header import Header
from onionchat.store.record import Record
from onionchat.store.tree import unpack_root
from onionchat.store.ways import WAYS_SIZE, Needs, Ways
from onionchat.tor.bootstrap import parse_bootstrap
from onionchat.tor.endpoint import Endpoint

from .fuzz.ratchet import sides

ROOM = 16 * 1024
"""Bytes that an error, with what is around it, may take."""

CLAIMS = (
    b"\xdd\xff\xff\xff\xff",  # array32
    b"\xdd\x7f\xff\xff\xff",
    b"\xdd\x00\xff\xff\xff",
    b"\xdc\xff\xff",  # array16
    b"\xdf\xff\xff\xff\xff",  # map32
    b"\xdb\xff\xff\xff\xff",  # str32
    b"\xc6\xff\xff\xff\xff",  # bin32
    b"\xc6\x00\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",  # ext32
    b"\x91" * 1500,  # nesting
    b"\xdd\x00\x00\x00\x01" * 300,
    b"\x81\xa1a" * 500,
)


def _peak(work: Callable[[], object]) -> int:
    """Bytes that ``work`` has allocated at its peak, while it ends in one of the documented errors."""
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        work()
    except (OnionchatError, msgspec.DecodeError):
        return tracemalloc.get_traced_memory()[1] - before
    raise AssertionError("a hostile input was taken")


def within(
    work: Callable[[bytes], object], inputs: Sequence[bytes], *, factor: int = 2, room: int = ROOM
) -> None:
    tracemalloc.start()
    try:
        for data in inputs:
            once = partial(work, data)
            spent = min(_peak(once), _peak(once))  # the first time may fill a cache
            assert spent <= factor * len(data) + room, (len(data), spent, data[:60])
    finally:
        tracemalloc.stop()


def everywhere(packed: bytes) -> list[bytes]:
    """The claims at every value of a packed one, cut there or going on."""
    places = range(len(packed))
    return [packed[:at] + claim + packed[at + 1 :] for at in places for claim in CLAIMS]


def of_size(size: int) -> Callable[[bytes], bytes]:
    """Lays packed content out as the payloads and bodies of the wire are."""
    return lambda packed: (min(len(packed), size - 2).to_bytes(2, "big") + packed)[:size].ljust(size, b"\0")


@pytest.mark.parametrize("part", [body.HelloPart(id=bytes(16)), body.AckPart(ids=[bytes(16)] * 2)])
def test_bodies(part: body.Part) -> None:
    def work(packed: bytes) -> object:
        return body.unpack(of_size(ENVELOPE_BODY)(packed))

    packed = msgspec.msgpack.encode([part])
    hostile = [one for one in everywhere(packed[:8]) if not _is_taken(work, one)]
    assert len(hostile) > 80
    within(work, [*hostile, b"\xff" * ENVELOPE_BODY], room=ROOM + 2 * ENVELOPE_BODY)


def _is_taken(work: Callable[[bytes], object], data: bytes) -> bool:
    try:
        work(data)
    except (OnionchatError, msgspec.DecodeError):
        return False
    return True


def _responders(packed: bytes) -> object:
    return greeting.read(of_size(800)(packed), greeting.ResponderGreeting)


def _initiators(packed: bytes) -> object:
    return greeting.read(of_size(800)(packed), greeting.InitiatorGreeting)


@pytest.mark.parametrize("work", [_responders, _initiators])
def test_greetings(work: Callable[[bytes], object]) -> None:
    within(work, [*CLAIMS, *(b"\x96" + claim for claim in CLAIMS)], room=ROOM + 1600)


@pytest.mark.parametrize(
    "kind",
    [
        record.IdentityRecord,
        record.InviteRecord,
        record.ContactRecord,
        record.MessageRecord,
        record.SessionRecord,
        record.SettingsRecord,
        record.ClockRecord,
        record.GistRecord,
        record.BackupRecord,
    ],
)
def test_records(kind: type[record.SessionRecord]) -> None:
    """At every field, and for a field that there is not."""
    names = [field.encode() for field in kind.__struct_fields__]
    heads = [b"\xdf\xff\xff\xff\xff" + bytes((0xA0 | len(name),)) + name for name in names if len(name) < 32]
    inputs = [
        *CLAIMS,
        *(head + claim for head in heads for claim in CLAIMS),
        b"\x81\xa1?" + b"\x91" * 100_000,
    ]
    within(lambda data: record.unpack(data, kind), inputs)


def test_ratchet_states() -> None:
    whole = sides()[0].ratchet.to_bytes()
    hostile = [one for one in everywhere(whole)[::11] if not _is_taken(Ratchet.from_bytes, one)]
    assert len(hostile) > 300
    within(Ratchet.from_bytes, [*hostile, b"\x91" * MAX_STATE_SIZE, bytes(MAX_STATE_SIZE + 1)])


def test_envelopes() -> None:
    """One that none of our keys opens; and one whose sender makes us skip all that it may, for nothing."""
    sender, receiver = sides()
    receiver.receive(sender.send())

    def work(envelope: bytes) -> object:
        return receiver.receive(envelope)

    within(work, [Random(1).randbytes(ENVELOPE_SIZE), bytes(ENVELOPE_SIZE), b"", bytes(100_000)])
    for _ in range(MAX_SKIPPED_PER_STEP):
        sender.send()
    late = sender.send()
    skipping = late[:-1] + bytes((late[-1] ^ 1,))
    within(work, [skipping], room=ROOM + 200 * MAX_SKIPPED_PER_STEP)
    assert receiver.receive(late) == bytes(BODY_SIZE)


def test_cells() -> None:
    lengths = [
        kind + size for kind in (b"\0", b"\1", b"\2", b"\3", b"\xff") for size in (b"\xff\xff", b"\7\x90")
    ]
    within(cell.take_apart, [one.ljust(CELL_PLAIN, b"\0") for one in lengths] + [b"", bytes(1_000_000)])


def test_text() -> None:
    codes = [
        b"a" * 512,
        b" " * 512,
        invite.PREFIX.encode() + b"a" * 100_000,
        b"\xc3\x9f" * 256,
        b"o" * 1_000_000,
    ]
    within(lambda data: invite.decode(data.decode()), codes, factor=4)
    within(lambda data: onion_public(data.decode()), [b"a" * 56 + b".onion", b"a" * 100_000])
    within(lambda data: Endpoint.parse(data.decode()), [b"1.2.3.4:" + b"9" * 100_000], factor=4)
    assert parse_bootstrap("BOOTSTRAP PROGRESS=" + "9" * 100_000) is None
    assert plain("\x1b[" * 1000) is not None


def test_files() -> None:
    within(Header.decode, [b"", bytes(4096), b"onionchat vault\n\0\1" + b"\xff" * 44])
    within(
        Record.decode, [b"\xff" * 10, b"\xff" * 512, bytes(6) + b"\xff" * 4, bytes(6) + b"\x7f\xff\xff\xff"]
    )
    within(unpack_root, [b"", b"\xff" * 37, bytes(100_000)])
    ways = [Needs(credential=b"key").encode(), b"\0\xff\xff" + bytes(512), b"\2"]
    within(Ways.decode, [b"", bytes(100_000), *(one[:100].ljust(WAYS_SIZE, b"\xff") for one in ways)])


def test_backups() -> None:
    """The head says what the passphrase costs, before anybody can tell whether it is right."""
    magic = b"onionchat backup\n"
    heads = [
        b"",
        b"\0\2" + b"\xff" * 12,
        b"\0\1" + b"\xff" * 12,
        b"\0\1" + bytes(12),
        b"\0\1" + (2**30).to_bytes(8, "big") + b"\xff" * 4,
    ]
    files = [
        bytes(100_000),
        *(magic + one for one in heads),
        *((magic + one).ljust(2**14, b"\0") for one in heads),
    ]
    within(lambda data: open_backup(data, "a passphrase"), files)
    within(content_of, [b"\xff" * 4, b"\xff" * 4 + bytes(100_000), b"\0\0\0\1"])


def test_channels() -> None:
    for decode in (channel.decode_to_metronome, channel.decode_to_engine):
        within(decode, [b"", b"\xff" * 9, *(bytes((kind,)) + b"\xff" * 60_000 for kind in range(8))])


def _lines() -> list[bytes]:
    most = MAX_REQUEST_LINE - 80
    return [
        b"[" * most,
        b'{"x":' + b"[" * most,
        b'{"x":' * (most // 5),
        b'{"x":' + b"[" * 900 + b"]" * 900 + b',"do":"send"}',
        b'{"do":"send","contact":"0a","text":"' + b"a" * (most - 40) + "😀".encode() + b'"}',
        b'{"do":"send","contact":"0a","text":"' + b"a" * (most - 40) + rb'\ud83d\ude00"}',
        b'{"do":"shown","contact":"0a","messages":[' + b'"0",' * (most // 4 - 16) + b'"0"]}',
        b'{"do":"unlock","passphrase":"x","key_file":"' + b"A" * (most // 4 * 4 - 80) + b'"}',
        b'{"do":"unlock","passphrase":"x","security_key":"' + b"=" * (most - 80) + b'"}',
        b'{"do":"vault-security-key","passphrase":"x","credential":"' + b"A" * (most // 4 * 4 - 80) + b'"}',
        b'{"do":"vault-recover","words":"' + b"a" * (most - 80) + b'","new":"x"}',
        b'{"do":"backup-restore","file":"' + b"/" * (most - 100) + b'","passphrase":"x","new":"x"}',
        b'{"do":"' + b"x" * most + b'"}',
        b'{"' + b"x" * most + b'":1,"do":"status"}',
        b'{"do":"status","id":' + b"9" * most + b"}",
        b"a" * (MAX_REQUEST_LINE + 1),
    ]


def test_requests() -> None:
    within(decode_request, _lines(), factor=16)


def test_what_the_engine_says() -> None:
    lines = [b'{"notice":"tor","tor":' + b"[" * 100_000, b'{"result":' + b'{"a":' * 100_000, b"[" * MAX_LINE]
    within(decode_from_engine, [*lines, *_lines()], factor=16)


def test_the_id_of_what_cannot_be_read() -> None:
    for line in [b'{"id":' + b"9" * 100_000 + b"}", b'{"id":' + b"[" * 100_000, b"[" * 100_000]:
        assert request_id(line) is None


def test_a_decoder_that_believes_a_length_is_seen() -> None:
    def believing(data: bytes) -> None:
        bytearray(int.from_bytes(data, "big"))
        invite.decode("")

    within(believing, [b"\0\0\1\0"])
    with pytest.raises(AssertionError):
        within(believing, [b"\0\1\0\0"])
