"""docs/protocol.md says what the code says: labels, constants, parts, cells and errors."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest

import onionchat
from onionchat.crypto import labels
from onionchat.crypto.handshake import PAYLOAD_SIZES, invite_psk, prologue
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.onion import OnionKey, onion_address
from onionchat.protocol import body, constants
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.greeting import InitiatorGreeting, ResponderGreeting
from onionchat.protocol.invite import Invite
from onionchat.protocol.pace import Pace

ROOT = Path(onionchat.__file__).parent
TEXT = (ROOT.parent / "docs" / "protocol.md").read_text()


def section(title: str) -> str:
    """The text below a heading, up to the next of its kind."""
    marks, _, _ = re.findall(rf"^(##+) ({re.escape(title)})$()", TEXT, flags=re.MULTILINE)[0]
    return re.split(rf"^{marks} ", TEXT.split(f"{marks} {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {at for at, line in enumerate(lines) if set(line) <= set("|- ")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for at, line in enumerate(lines)
        if at not in heads and at + 1 not in heads
    ]


def test_the_contents_name_each_section_once() -> None:
    linked = re.findall(r"\[([^\]]+)\]\(#[a-z-]+\)", TEXT.split("Contents: ", 1)[1].split("\n\n", 1)[0])
    assert linked == re.findall(r"^## (.+)$", TEXT, flags=re.MULTILINE)


# --- labels --------------------------------------------------------------------------------------


def test_the_labels_are_those_of_the_code() -> None:
    written = [row[0].strip("`") for row in rows(section("Labels"))]
    assert written == [value.decode() for value in vars(labels).values() if isinstance(value, bytes)]


def test_no_label_is_used_for_two_things() -> None:
    """Those of the vault, which are nobody else's business, included."""
    found = Counter(
        node.value
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, bytes)
        and node.value.startswith(b"onionchat/1")
    )
    assert len(found) > len(rows(section("Labels")))
    assert set(found.values()) == {1}


@pytest.mark.parametrize(
    "label", [row[0] for row in rows(section("Labels")) if row[1] != "the handshake's prologue"]
)
def test_each_label_stands_where_it_is_used(label: str) -> None:
    elsewhere = TEXT.replace(section("Labels"), "")
    assert label in elsewhere or f'"{label.strip("`")}"' in elsewhere


# --- constants -----------------------------------------------------------------------------------

CONSTANTS = {
    "version, suite": ("{}, {}", "constants.VERSION constants.SUITE"),
    "cell": ("{:,}", "constants.CELL_SIZE"),
    "cell plaintext, body": ("{:,}, {:,}", "constants.CELL_PLAIN constants.CELL_BODY"),
    "handshake payloads": ("{0[0]}, {0[1]}, {0[2]:,}", "crypto.handshake.PAYLOAD_SIZES"),
    "envelope, body of one": ("{:,}, {:,}", "constants.ENVELOPE_SIZE constants.ENVELOPE_BODY"),
    "re-keying of a link": ("every {:,} cells", "crypto.link.REKEY_INTERVAL"),
    "virtual port": ("{}", "constants.VIRTUAL_PORT"),
    "id": ("{}", "constants.MESSAGE_ID"),
    "have-list": ("at most {} ids", "constants.HAVE_LIST_MAX"),
    "text": ("at most {:,} bytes", "constants.MAX_TEXT_BYTES"),
    "once": ("{}", "constants.ONCE"),
    "off": ("{:,}", "constants.OFF"),
    "lifetime": ("{} s to {:,} s", "constants.MIN_LIFETIME constants.MAX_LIFETIME"),
    "unread life": ("{:,} s", "constants.UNREAD_LIFE"),
    "unanswered envelopes in a chain": ("{:,}", "constants.MAX_UNANSWERED"),
    "skipped at once in one chain": ("{:,}", "crypto.skipped.MAX_SKIPPED_PER_STEP"),
    "parts in a body": ("at most {}", "protocol.body.MAX_PARTS"),
    "psk, secret of an invite": ("{}, {}", "crypto.keys.KEY_SIZE crypto.handshake.INVITE_SECRET_SIZE"),
    "invite, its checksum": ("{}, {}", "protocol.invite.SIZE protocol.invite._CHECKSUM"),
    "tick of a pace": ("{} ms to {:,} ms", "constants.LEAST_TICK_MS constants.MAX_TICK_MS"),
    "cells in a batch": ("{0[0]}, {0[1]}, {0[2]}, {0[3]}", "protocol.pace.BATCHES"),
    "time for a cell in the mean": ("at least {} ms", "constants.LEAST_CELL_MS"),
    "bursts: between two batches, after the last one": (
        "{} ms, {:,} ms",
        "constants.BURST_GAP_MS constants.KEEP_ALIVE_MS",
    ),
    "longest random gap": ("{} means", "constants.MAX_GAP_TICKS"),
    "bulk window: between two cells, length": (
        "{0} ms, {1[0]} s to {1[6]:,} s",
        "constants.WINDOW_TICK_MS constants.WINDOW_SECONDS",
    ),
    "least tick that a user may choose": ("{} ms", "constants.MIN_TICK_MS"),
    "delay of a batch": ("at most {} ms", "constants.MAX_DELAY_MS"),
    "message 1, whole handshake": (
        "{:g} s, {:g} s",
        "constants.MESSAGE_1_SECONDS constants.HANDSHAKE_SECONDS",
    ),
    "settling of two links": ("{:g} s", "constants.SETTLE_SECONDS"),
    "default tick": ("{:,} ms", "constants.DEFAULT_TICK_MS"),
    "open once": ("{} s", "constants.ONCE_OPEN"),
    "default lifetime": ("{:,} s", "constants.DEFAULT_LIFETIME"),
    "half-open connections at an invite, at a pair onion": (
        "{}, {}",
        "constants.HALF_OPEN_INVITE constants.HALF_OPEN_PAIR",
    ),
    "dials under way": ("{}", "constants.DIALS_UNDER_WAY"),
    "silence": ("{:g} s and {} ticks", "constants.SILENCE_SECONDS constants.SILENCE_TICKS"),
    "waits between dials": ("{:g} s to {:g} s", "constants.DIAL_FIRST_SECONDS constants.DIAL_MAX_SECONDS"),
    "psks": ("{}", "protocol.keyring.MAX_PSKS"),
    "refusals before the recovery psk": ("{}", "protocol.keyring.REFUSALS_TO_RECOVER"),
    "epoch due": (
        "after {} envelopes or {:,} s",
        "crypto.session.EPOCH_MESSAGES crypto.session.EPOCH_SECONDS",
    ),
    "skipped keys, chains before the present one": (
        "{:,}, {}",
        "crypto.skipped.MAX_SKIPPED crypto.skipped.MAX_OLD_CHAINS",
    ),
    "age of a skipped key": ("{:,} s", "crypto.skipped.MAX_SKIPPED_AGE"),
    "acknowledgements in an envelope": ("{}", "protocol.delivery.ACKS_AN_ENVELOPE"),
    "acknowledgements that wait": ("{:,}", "constants.MAX_ACKS"),
    "remembered ids of a contact": ("{:,}", "constants.MAX_SEEN"),
    "live texts of a contact": ("{:,} characters", "constants.MAX_HELD"),
    "texts under reassembly": ("{}", "constants.MAX_PARTIALS"),
    "cells beyond the peer's pace": (
        "{} times, {:g} s at once, {} ticks of random gaps",
        "constants.RATE_MARGIN constants.AHEAD_SECONDS constants.RANDOM_AHEAD_TICKS",
    ),
    "a pace that nobody acknowledges": ("{:g} s", "constants.PACE_ANSWER_SECONDS"),
    "a bulk window that nobody answers": ("{:g} s", "constants.WINDOW_ANSWER_SECONDS"),
    "batches that are laid out": ("{}", "protocol.terms.BATCHES_LAID"),
}
"""Each constant that the text names: how its value is written, and where in the code it stands."""

INNER = {"CELL_TAG", "WIRE_BYTES", "WIRE_BYTES_BACK"}
"""Part of others, or of no consequence for the protocol."""

FROM_STRUCTS = {
    "ids in an acknowledgement": "at most 110",
    "versions, suites, capabilities in a greeting": "at most 16 each",
}


def value(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    place = f"protocol.{module}" if module == "constants" else module
    return getattr(importlib.import_module(f"onionchat.{place}"), attribute)


@pytest.mark.parametrize("row", CONSTANTS)
def test_the_constants_are_those_of_the_code(row: str) -> None:
    form, names = CONSTANTS[row]
    (written,) = [found[1] for found in rows(section("Constants")) if found[0] == row]
    assert written == form.format(*map(value, names.split()))


def test_each_constant_is_written_down_with_its_reason() -> None:
    table = rows(section("Constants"))
    assert {row[0] for row in table} == CONSTANTS.keys() | FROM_STRUCTS.keys()
    assert all(len(row) == 3 and row[2] for row in table)
    named = {name.split(".")[-1] for _, names in CONSTANTS.values() for name in names.split()}
    assert {name for name in vars(constants) if name.isupper()} - INNER <= named


# --- parts and greetings --------------------------------------------------------------------------

PARTS = {
    cls.__struct_config__.tag: cls
    for cls in (
        body.TextPart,
        body.AckPart,
        body.DeletePart,
        body.HelloPart,
        body.AddressPart,
        body.KemKeyPart,
        body.KemCiphertextPart,
        body.PacePart,
        body.WindowPart,
    )
}


def bounds(kind: msgspec.inspect.Type) -> str:
    """A field's type, in the words of the text; nothing where the text has its own."""
    match kind:
        case msgspec.inspect.IntType(ge=low, le=high) if high is not None:
            return f"{low} to {high:,}"
        case msgspec.inspect.IntType(ge=low, lt=above) if above is not None:
            return f"{low} to {shown(above - 1)}"
        case msgspec.inspect.BytesType(min_length=low, max_length=high) if low == high:
            return f"bytes {low:,}"
        case msgspec.inspect.BytesType(min_length=low, max_length=high):
            return f"bytes {low} to {high:,}"
        case msgspec.inspect.ListType(min_length=low, max_length=high):
            return f"array of {low} to {high} ids"
        case msgspec.inspect.LiteralType(values=values):
            *most, last = (f"{number:,}" for number in values)
            return f"{', '.join(most)} or {last}"
        case msgspec.inspect.EnumType(cls=cls):
            numbers = sorted(int(one.value) for one in cls)
            return f"{numbers[0]} to {numbers[-1]}"
        case msgspec.inspect.StructType(cls=cls) if cls is Pace:
            return "a pace"
    raise AssertionError(f"nobody said how to write a {kind}")


def shown(number: int) -> str:
    power = (number + 1).bit_length() - 1
    return f"2^{power} − 1" if number + 1 == 1 << power and power > 20 else f"{number:,}"


def test_every_part_is_in_the_table() -> None:
    assert {str(tag) for tag in PARTS} == {row[0] for row in rows(section("Envelope"))}
    union = set(body.Part.__args__)
    assert union == set(PARTS.values())


@pytest.mark.parametrize("tag", PARTS)
def test_the_fields_of_each_part_are_those_of_the_code(tag: int) -> None:
    """A field's bounds are written where it stands first in the table."""
    ((_, _, fields),) = [row for row in rows(section("Envelope")) if row[0] == str(tag)]
    info = msgspec.inspect.type_info(PARTS[tag])
    assert isinstance(info, msgspec.inspect.StructType)
    written = [field.strip() for field in fields.split("·")]
    assert [field.split(":")[0] for field in written] == [field.name for field in info.fields]
    for field, said in zip(info.fields, written, strict=True):
        kind = said.partition(": ")[2]
        assert kind in ("", "id", bounds(field.type)), field.name
        if kind in ("", "id"):
            assert any(f"{name}: {bounds(field.type)}" in section("Envelope") for name in (field.name, "id"))


@pytest.mark.parametrize(
    ("before", "cls"),
    [
        ("the responder's greeting:", ResponderGreeting),
        ("the initiator's greeting:", InitiatorGreeting),
        ("is an array, too:", Pace),
    ],
)
def test_the_fields_of_each_greeting_are_those_of_the_code(before: str, cls: type[msgspec.Struct]) -> None:
    text = section("Payloads").partition(before)[2].split("\n\n")[1]
    assert [(row[0], row[1]) for row in rows(text)] == [
        (str(at), name) for at, name in enumerate(cls.__struct_fields__)
    ]


# --- cells ----------------------------------------------------------------------------------------


def test_the_cells_are_those_of_the_code() -> None:
    found = [row for row in rows(section("Cell")) if len(row) == 5]
    assert [int(row[0]) for row in found] == sorted(CellType)
    first = [re.findall("`([0-9a-f ]+)`", row[3]) for row in found]
    sizes = ((0,), (1933,), (0, 16 * 120), (0,))
    for cell_type, starts, lengths in zip(sorted(CellType), first, sizes, strict=True):
        assert starts == [lay_out(cell_type, bytes(length))[:3].hex(" ") for length in lengths]


def test_the_messages_of_the_handshake_are_those_of_the_code() -> None:
    """What is in them is tried bit by bit in tests/crypto; here: that it fills a cell, in order."""
    table = [row for row in rows(section("Link handshake")) if len(row) == 4 and row[0].isdigit()]
    numbers = [tuple(int(cell.replace(",", "")) for cell in row[:3]) for row in table]
    for message, payload in enumerate(PAYLOAD_SIZES, start=1):
        parts = [(at, size) for number, at, size in numbers if number == message]
        assert [at for at, _ in parts] == [sum(size for _, size in parts[:n]) for n in range(len(parts))]
        assert sum(size for _, size in parts) == constants.CELL_SIZE
        assert parts[-1][1] == payload + constants.CELL_TAG


def test_the_example_is_what_comes_of_its_keys() -> None:
    onion = OnionKey.from_seed(blake2b(b"example onion seed", digest_size=32).digest())
    static = KeyPair.from_secret(blake2b(b"example static secret", digest_size=32).digest())
    secret = blake2b(b"example invite secret", digest_size=16).digest()
    invite = Invite(expires_hour=490_000, onion=onion.public, static=static.public, secret=secret)
    example = "".join(section("Example").split())
    for expected in (
        onion.seed().hex(),
        static.secret().hex(),
        invite.encode(),
        onion_address(onion.public),
        invite_psk(secret, onion.public).hex(),
        prologue(onion.public).hex(),
    ):
        assert expected in example


# --- errors ---------------------------------------------------------------------------------------

CELL = "a cell that does not open, or is laid out wrongly"
PART = "a body, part or KEM part against the rules"
GREETING = "a greeting that cannot be read, or with no version or suite in common"
INTENT = "CONTACT with a resume psk, or something else with the invite's; CONTACT without an onion"
RECOVERY = "the recovery psk with anything but RESET"
STEP_DOWN = "an older version or suite than was agreed before"
TOO_FAST = "more cells than the peer's pace allows"
HANDSHAKE_1 = "message 1 opens under none of the psks (wrong secret, used or revoked invite, stranger)"
HANDSHAKE_2 = "message 2 or 3 does not open; an all-zero exchange; a malformed KEM key"
ENVELOPE = "an envelope that does not open"
WINDOW = "a window that is proposed beside another, or not as it was proposed"

ERRORS = {
    "a body that is not laid out as it must be": PART,
    "a body that cannot be read": PART,
    "the peer sent a key exchange that nobody asked for": PART,
    "the peer sent a malformed key exchange": PART,
    "a text that is not UTF-8": "a text that is not UTF-8",
    "a peer that gives our own address for its own": "an address that is the receiver's own",
    "not a whole cell": "fewer bytes than a cell, then the end",
    "a cell of the wrong size": CELL,
    "a cell that is not laid out as it must be": CELL,
    "cells faster than the peer's own schedule": TOO_FAST,
    "a pace that no side may have": "a pace that no side may have",
    "a first message that carries something": "message 1's payload is not zero",
    "a first contact without an address": INTENT,
    "an invite that was dialled for something else": INTENT,
    "a greeting that is not laid out as it must be": GREETING,
    "a greeting that cannot be read": GREETING,
    "a peer that speaks no version that we know": GREETING,
    "a contact that steps down to an older version or suite": STEP_DOWN,
    "a recovery key with which a session is resumed": RECOVERY,
    "another key than this contact's": "another static key than this contact's",
    "a handshake with a key that is not held any more": "a psk that was dropped during the handshake",
    "a window that is proposed beside another": WINDOW,
    "a window that is not as it was proposed": WINDOW,
    "a second have-list on one link": "a second have-list on the active link",
    "an envelope of a session that is not held": ENVELOPE,
    "an envelope that does not belong to this session": ENVELOPE,
}
"""What the program says of a peer's fault, and the row of «Errors» that it is."""


UNUSABLE = {
    "the peer's public key is not usable": HANDSHAKE_2,
    "the peer's KEM key is not usable": HANDSHAKE_2,
}

UNOPENED = {
    "handshake": (HANDSHAKE_1, HANDSHAKE_2),
    "noise": (HANDSHAKE_1, HANDSHAKE_2),
    "symmetric": (HANDSHAKE_1, HANDSHAKE_2),
    "link": (CELL,),
    "ratchet": (ENVELOPE,),
    "turn": (ENVELOPE,),
    "sealing": (),
}
"""Where something does not open, and the rows that this is; what is sealed for keeping is nobody else's."""

OUR_OWN = {
    "a KEM ciphertext has 1,088 bytes",
    "a KEM key has 1,184 bytes",
    "a link key has 32 bytes",
    "a public key has 32 bytes",
    "a secret key has 32 bytes",
    "an invite's secret has 16 bytes and its onion key 32",
    "an onion service's public key has 32 bytes",
    "static keys and psks have 32 bytes",
    "the seed of a KEM key has 64 bytes",
    "the seed of an onion key has 32 bytes",
    "this is not an onion address",
    "this ratchet state is damaged or of another version",
    "this ratchet state is longer than one can be",
}
"""Not about what a peer says on a link; lengths of a peer's values are checked before."""


def raised(*names: str) -> Iterator[tuple[str, str]]:
    """Module and line of each error of these classes that the pure packages raise."""
    for path in [*(ROOT / "protocol").glob("*.py"), *(ROOT / "crypto").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Raise):
                continue
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(error, ast.Name) and error.id in names:
                line = node.exc.args[0] if isinstance(node.exc, ast.Call) else ast.Constant("")
                assert isinstance(line, ast.Constant | ast.JoinedStr), path.name
                yield path.stem, str(line.value) if isinstance(line, ast.Constant) else ast.unparse(line)


def test_each_error_about_a_peer_has_its_row() -> None:
    assert {line for _, line in raised("RemoteProtocolError", "IdentityMismatch")} == ERRORS.keys()
    crypto = {line for module, line in raised("CryptoError") if module != "passphrase"}
    assert crypto == UNUSABLE.keys() | OUR_OWN
    assert {module for module, _ in raised("DecryptionError")} == UNOPENED.keys()
    named = {
        *ERRORS.values(),
        *UNUSABLE.values(),
        *(row for all_rows in UNOPENED.values() for row in all_rows),
    }
    assert named <= {row[0] for row in rows(section("Errors"))}


def test_each_row_says_what_happens_here_and_there() -> None:
    assert all(len(row) == 3 and row[1] and row[2] for row in rows(section("Errors")))
