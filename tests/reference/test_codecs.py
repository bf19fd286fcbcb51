"""What one reads the other reads alike, what one refuses the other refuses: over forged and broken bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random

import pytest

from onionchat.crypto.onion import onion_address as real_address
from onionchat.errors import OnionchatError
from onionchat.protocol import body as real_body
from onionchat.protocol import cell as real_cell
from onionchat.protocol import greeting as real_greeting
from onionchat.protocol import invite as real_invite

from . import body, cell, greeting, invite
from .messagepack import Value, decode, encode
from .primitives import Refused, blake2b

ROUNDS = 3_000
TEXT: list[Value] = [1, bytes(16), 0, 5, 60, 1_700_000_000, b"hello"]
PARTS: list[Value] = [
    TEXT,
    [2, [bytes(16), b"\1" * 16]],
    [3, bytes(16), b"\2" * 16],
    [4, bytes(16)],
    [5, bytes(16), bytes(32), b"\3" * 32],
    [6, 1, bytes(1184)],
    [7, 2, bytes(1088)],
]
NUMBERS: list[Value] = [1]
RESPONDER: list[Value] = [bytes(32), [0, 2_000, 1], False, NUMBERS, NUMBERS, []]
INITIATOR: list[Value] = [0, [0, 2_000, 1], bytes(32), NUMBERS, NUMBERS, []]

FOREIGN = (
    b"\xc0",  # nil
    b"\xca\x40\x00\x00\x00",  # 2.0 in 4 bytes
    b"\xcb\x40\x00\x00\x00\x00\x00\x00\x00",  # 2.0 in 8
    b"\xa5hello",  # text
    b"\xb0" + bytes(16),  # text of 16
    b"\xd9\x20" + bytes(32),  # text of 32
    b"\x80",  # an empty map
    b"\x81\x00\x05",
    b"\xd8\x01" + bytes(16),  # an extension
    b"\xc7\x00\x01",
    b"\xc1",  # nothing that there is
    b"\xff",  # -1
    b"\xd0\xff",
    b"\xd0\x01",  # numbers that are longer than they need to be
    b"\xd1\x00\x01",
    b"\xd3\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\xcf\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xce\x00\x01\x00\x00",
    b"\xcd\x7f\xff",
    b"\xc2",
    b"\xc3",
    b"\xc4\x10" + bytes(16),
    b"\xc5\x00\x10" + bytes(16),  # bytes and arrays whose length is longer than it needs to be
    b"\xc6\x00\x00\x00\x10" + bytes(16),
    b"\xc6\xff\xff\xff\xff",
    b"\xdc\x00\x01\x01",
    b"\xdd\x00\x00\x00\x01\x01",
    b"\xdd\xff\xff\xff\xff\x01",
    b"\x90",
    b"\x91\x90",
    b"\x91\xc3",
    b"\x91\xcc\xff",
    b"\x91\xcd\x01\x00",
    b"\xdc\x00\x10" + b"\x01" * 16,
    b"\xdc\x00\x11" + b"\x01" * 17,
)


def forged(value: Value, random: Random) -> bytes:
    """Its encoding, with one element of one array replaced, dropped, doubled or added."""
    if not isinstance(value, list):
        return random.choice(FOREIGN)
    items = [encode(item) for item in value]
    at = random.randrange(len(items) + 1)
    match random.randrange(6):
        case 0 | 1 | 2 if at < len(items):
            items[at] = forged(value[at], random)
        case 3 if at < len(items):
            items[at] = encode(_other(value[at], random))
        case 4:
            items = items[:at]
        case _:
            items.insert(at, random.choice([*items, *FOREIGN]))
    return encode([0] * len(items))[: 3 if len(items) > 15 else 1] + b"".join(items)


def _other(value: Value, random: Random) -> Value:
    """Another value of the same type."""
    if isinstance(value, list):
        return value * random.choice((0, 2, 8, 16, 17, 110, 111))
    if isinstance(value, bytes):
        return bytes(random.choice((0, 1, 15, 16, 17, 31, 32, 33, 300, 1088, 1184, 1800)))
    edges = (
        0,
        1,
        2,
        3,
        4,
        5,
        249,
        250,
        255,
        256,
        30_000,
        30_001,
        65_535,
        65_536,
        65_537,
        2_419_200,
        2_419_201,
    )
    return random.choice((*edges, 2**32 - 1, 2**32, 2**33 - 1, 2**33, 2**63, 2**64 - 1))


def flipped(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


Outcome = bytes | None


def read_by_both(data: bytes, real: Callable[[bytes], bytes], reference: Callable[[bytes], bytes]) -> bool:
    """Whether it was read; fails where one reads what the other does not, or reads something else."""
    theirs: Outcome
    ours: Outcome
    try:
        theirs = real(data)
    except OnionchatError:
        theirs = None
    try:
        ours = reference(data)
    except Refused:
        ours = None
    assert theirs == ours, data.rstrip(b"\0").hex()
    return ours is not None


def both_happened(seen: list[bool]) -> bool:
    """A comparison in which nothing was read, or nothing refused, would show nothing."""
    return 0.05 < sum(seen) / len(seen) < 0.95


def test_bodies_are_read_alike() -> None:
    random, seen = Random(1), []
    for _ in range(ROUNDS):
        parts = random.sample(PARTS, random.choice((1, 1, 2)))
        if sum(len(encode(part)) for part in parts) > 1_800:
            continue
        data = forged(parts, random) if random.random() < 0.7 else flipped(encode(parts), random)
        if len(data) > 1_831:
            continue
        if random.random() < 0.05:
            data += b"\0"
        packed = greeting.pad(data, 1_833)
        packed = flipped(packed, random) if random.random() < 0.05 else packed
        seen.append(
            read_by_both(
                packed,
                lambda data: real_body.pack(real_body.unpack(data)),
                lambda data: body.write_body(body.read_body(data)),
            )
        )
    assert both_happened(seen)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17])
def test_so_many_parts_are_read_alike(count: int) -> None:
    data = encode([[4, bytes(16)]] * count)
    head = encode([0] * count)[: 1 if count < 16 else 3]
    assert data.startswith(head)
    assert (count <= 15) is read_by_both(
        greeting.pad(data, 1_833),
        lambda data: real_body.pack(real_body.unpack(data)),
        lambda data: body.write_body(body.read_body(data)),
    )


@pytest.mark.parametrize("count", [0, 1, 100, 101])
def test_so_many_ids_are_read_alike(count: int) -> None:
    assert (count > 0) is read_by_both(
        greeting.pad(encode([[2, [bytes(16)] * count]]), 1_833),
        lambda data: real_body.pack(real_body.unpack(data)),
        lambda data: body.write_body(body.read_body(data)),
    )


def test_greetings_are_read_alike() -> None:
    random, seen = Random(2), []
    for _ in range(ROUNDS):
        responder = random.random() < 0.5
        value, size = (RESPONDER, greeting.PAYLOAD_2) if responder else (INITIATOR, greeting.PAYLOAD_3)
        data = forged(value, random) if random.random() < 0.7 else flipped(encode(value), random)
        if len(data) > size - 2:
            continue
        packed = greeting.pad(data, size)
        packed = flipped(packed, random) if random.random() < 0.1 else packed
        if responder:
            seen.append(
                read_by_both(
                    packed,
                    lambda data: real_greeting.fill(
                        real_greeting.read(data, real_greeting.ResponderGreeting), 2
                    ),
                    lambda data: greeting.read_responder(data).payload(),
                )
            )
        else:
            seen.append(
                read_by_both(
                    packed,
                    lambda data: real_greeting.fill(
                        real_greeting.read(data, real_greeting.InitiatorGreeting), 3
                    ),
                    lambda data: greeting.read_initiator(data).payload(),
                )
            )
    assert both_happened(seen)


def test_cells_are_read_alike() -> None:
    random, seen = Random(3), []
    lengths = (0, 1, 15, 16, 17, 1_900, 1_919, 1_920, 1_921, 1_932, 1_933, 1_934, 65_535)
    for _ in range(ROUNDS):
        length = random.choice(lengths)
        kind = random.choice((0, 1, 2, 3, 4, 255))
        plaintext = bytes([kind]) + length.to_bytes(2, "big") + random.randbytes(length)
        plaintext = plaintext[:1_936].ljust(1_936, b"\0")
        if random.random() < 0.3:
            plaintext = flipped(plaintext, random)
        seen.append(
            read_by_both(
                plaintext,
                lambda data: real_cell.lay_out(*real_cell.take_apart(data)),
                lambda data: cell.write_cell(*cell.read_cell(data)),
            )
        )
    assert both_happened(seen)


def test_invites_are_read_alike() -> None:
    random, seen = Random(4), []
    for _ in range(ROUNDS // 2):
        code = invite.Invite(
            expiry=random.choice((0, 1, 490_000, 2**32 - 1)),
            onion=random.randbytes(32),
            static=random.randbytes(32),
            secret=random.randbytes(16),
        ).text()
        mangled = _mangled(code, random)
        seen.append(
            read_by_both(
                mangled.encode(),
                lambda data: real_invite.decode(data.decode()).encode().encode(),
                lambda data: invite.read_invite(data.decode()).text().encode(),
            )
        )
    assert both_happened(seen)


def _mangled(code: str, random: Random) -> str:
    at = random.randrange(len(code))
    match random.randrange(9):
        case 0:
            return code.upper()
        case 1:
            return code[:at] + random.choice((" ", "\n", "\t", "\r\n", "\u00a0", "\u2028")) + code[at:]
        case 2:
            return code[:at] + random.choice("abz27189=-:ſİK") + code[at + 1 :]
        case 3:
            return code[:at] + code[at + 1 :]
        case 4:
            return code + random.choice(("=", "a", "a" * 8, " ", ":"))
        case 5:
            return code[10:]
        case 6:
            return "".join(random.choice((letter, letter.upper())) for letter in code)
        case 7:
            data = bytes([random.choice((0, 1, 2)), random.choice((0, 1, 2, 3))]) + random.randbytes(84)
            data += blake2b(data, 4, person=b"onionchat/1 inv.")
            return invite.PREFIX + base64.b32encode(data).decode()
        case _:
            return code


def test_onion_addresses_are_written_alike() -> None:
    random = Random(5)
    for _ in range(50):
        onion = random.randbytes(32)
        assert real_address(onion) == invite.onion_address(onion)


@pytest.mark.parametrize("data", FOREIGN)
def test_the_little_messagepack_reads_its_own_types_alone(data: bytes) -> None:
    try:
        value = decode(data)
    except Refused:
        return
    assert decode(encode(value)) == value
