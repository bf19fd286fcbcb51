"""What each kind of vector means: it is done again with the program, and must give the same.

A replay of a good vector compares every byte, in both directions. A replay of a bad one raises what the
program raises; ``failure`` gives it the name that stands in the file.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from unittest import mock

import msgspec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey

from onionchat.crypto import kem
from onionchat.crypto.chain import chain_step
from onionchat.crypto.epoch import Epoch, KemCiphertext
from onionchat.crypto.handshake import SessionSeed, invite_psk, prologue
from onionchat.crypto.header import open_header, pack_header
from onionchat.crypto.kem import KemPair, encapsulate
from onionchat.crypto.link import ReceivingCipher, SendingCipher
from onionchat.crypto.onion import OnionKey, onion_public
from onionchat.crypto.ratchet import Ratchet, _seal  # type: ignore[attr-defined]  # the call that seals headers
from onionchat.crypto.root import root_step
from onionchat.crypto.session import associated_data
from onionchat.errors import (
    ConfigError,
    DecryptionError,
    LocalProtocolError,
    OnionchatError,
    RemoteProtocolError,
)
from onionchat.protocol import body, cell, greeting, invite
from onionchat.protocol.pace import Level, Pace

from .vector import Vector

MESSAGES: Final = {
    "damaged": ("damaged", "not an invite", "not an onion address"),
    "other-version": ("of version",),
    "wrong-kind": ("kind of invite",),
    "expired": ("past its time",),
    "unusable-key": ("not usable", "has 1,184 bytes"),
}
"""Failures that are told apart by what they say."""


def failure(error: OnionchatError) -> str:
    """The name of a failure."""
    for kind, name in (
        (DecryptionError, "decryption"),
        (RemoteProtocolError, "remote-protocol"),
        (LocalProtocolError, "local-protocol"),
    ):
        if isinstance(error, kind):
            return name
    for name, words in MESSAGES.items():
        if any(word in error.message for word in words):
            return name
    return "without a name"


def fill(packed: bytes, size: int) -> bytes:
    return packed.ljust(size, b"\0")


@contextmanager
def recorded(*, seed: bytes, secret: bytes, ciphertext: bytes) -> Iterator[None]:
    """Let the KEM draw what was drawn when the vector was made, for the one key that it was drawn for.

    Encapsulation takes no randomness from us. This is the only seam: below ``kem.encapsulate``, which still
    checks the key as it always does, and in place of ``KemPair.generate``.
    """
    pair = KemPair.from_seed(seed)
    assert pair.decapsulate(ciphertext) == secret

    class Recorded:
        @staticmethod
        def from_public_bytes(public: bytes) -> Recorded:
            MLKEM768PublicKey.from_public_bytes(public)
            assert public == pair.public
            return Recorded()

        @staticmethod
        def encapsulate() -> tuple[bytes, bytes]:
            return secret, ciphertext

    with (
        mock.patch.object(kem, "MLKEM768PublicKey", Recorded),
        mock.patch.object(KemPair, "generate", return_value=pair),
    ):
        yield


def _invite(vector: Vector) -> None:
    found = invite.decode(vector.text("code"))
    if vector.has("now") and found.expired(vector.number("now")):
        raise ConfigError("this invite is past its time")
    assert found == invite.Invite(
        kind=invite.InviteKind(vector.number("invite-kind")),
        expires_hour=vector.number("expires-hour"),
        onion=vector.octets("onion"),
        static=vector.octets("static"),
        secret=vector.octets("secret"),
    )
    code = "".join(vector.text("code").split()).lower()
    assert found.encode() == code
    (packed,) = vector.blocks
    assert base64.b32decode(code.removeprefix("onionchat:").upper()) == packed


def _onion_address(vector: Vector) -> None:
    address = vector.text("address")
    public = onion_public(address)
    key = OnionKey.from_seed(vector.octets("seed"))
    assert (key.public, key.address) == (public, address)
    assert key.expanded() == vector.octets("expanded")
    assert (public,) == vector.blocks


def _prologue(vector: Vector) -> None:
    assert (prologue(vector.octets("onion")),) == vector.blocks


def _psk(vector: Vector) -> None:
    assert (invite_psk(vector.octets("secret"), vector.octets("onion")),) == vector.blocks


def _link(vector: Vector) -> None:
    plaintext = fill(vector.octets("plaintext"), 1936)
    key, counter = vector.octets("key"), vector.number("counter")
    sending, receiving = SendingCipher(key, counter), ReceivingCipher(key, counter)
    for block in vector.blocks[: None if vector.expect == "ok" else -1]:
        assert sending.seal(plaintext) == block
        assert receiving.open(block) == plaintext
    if vector.expect == "decryption":
        receiving.open(vector.blocks[-1])
    elif vector.expect == "local-protocol":
        sending.seal(plaintext)


def _cell(vector: Vector) -> None:
    if vector.expect == "local-protocol":
        cell.lay_out(vector.number("type"), bytes(vector.number("size")))
    (plaintext,) = vector.blocks
    kind, content = cell.take_apart(plaintext)
    assert (kind, len(content)) == (vector.number("type"), vector.number("size"))
    assert cell.lay_out(kind, content) == plaintext
    if kind is cell.CellType.HAVE:
        ids = tuple(bytes.fromhex(one) for one in vector.all("id"))
        assert cell.split_have(content) == ids
        assert b"".join(ids) == content


def _greeting(vector: Vector) -> None:
    (payload,) = vector.blocks
    if vector.number("message") == 1:
        if not greeting.is_empty(payload):
            raise RemoteProtocolError("the first payload is not empty")
        assert greeting.fill(None, 1) == payload
        return
    numbers = {
        name: tuple(int(number) for number in vector.text(name).split())
        for name in ("versions", "suites", "capabilities")
        if vector.has(name)
    }
    expected: greeting.ResponderGreeting | greeting.InitiatorGreeting
    found: greeting.ResponderGreeting | greeting.InitiatorGreeting
    if vector.number("message") == 2:
        found = greeting.read(payload, greeting.ResponderGreeting)
        expected = greeting.ResponderGreeting(
            ratchet=vector.octets("ratchet"),
            pace=_pace(vector.text("pace")),
            reset=vector.text("reset") == "yes",
            **numbers,
        )
    else:
        found = greeting.read(payload, greeting.InitiatorGreeting)
        expected = greeting.InitiatorGreeting(
            intent=greeting.Intent(vector.number("intent")),
            pace=_pace(vector.text("pace")),
            onion=vector.octets("onion"),
            **numbers,
        )
    assert found == expected
    assert (greeting.fill(expected, vector.number("message")) == payload) == is_ours(vector)


def _pace(fields: str) -> Pace:
    """A pace from its fields in the order of the wire."""
    level, tick_ms, batch = (int(field) for field in fields.split())
    return Pace(level=Level(level), tick_ms=tick_ms, batch=batch)


def is_ours(vector: Vector) -> bool:
    """Whether our own encoder writes it in just this way."""
    return not vector.has("encoding")


def part(line: str) -> body.Part:
    """A part from a line of the head: its name and its fields in the order of the wire."""
    name, *fields = line.split()
    match name:
        case "text":
            one, offset, total, lifetime, written, data = fields
            return body.TextPart(
                id=bytes.fromhex(one),
                offset=int(offset),
                total=int(total),
                lifetime=int(lifetime),
                written=int(written),
                data=bytes.fromhex(data),
            )
        case "ack":
            return body.AckPart(ids=[bytes.fromhex(field) for field in fields])
        case "delete":
            return body.DeletePart(id=bytes.fromhex(fields[0]), target=bytes.fromhex(fields[1]))
        case "hello":
            return body.HelloPart(id=bytes.fromhex(fields[0]))
        case "address":
            item, onion, static = (bytes.fromhex(field) for field in fields)
            return body.AddressPart(id=item, onion=onion, static=static)
        case "kem-key":
            return body.KemKeyPart(epoch=int(fields[0]), key=bytes.fromhex(fields[1]))
        case "kem-ciphertext":
            return body.KemCiphertextPart(epoch=int(fields[0]), ciphertext=bytes.fromhex(fields[1]))
        case "pace":
            return body.PacePart(id=bytes.fromhex(fields[0]), pace=_pace(" ".join(fields[1:])))
        case "window":
            one, seconds, step = fields
            return msgspec.convert([9, bytes.fromhex(one), int(seconds), int(step)], body.WindowPart)
    raise AssertionError(name)


def _body(vector: Vector) -> None:
    parts = [part(line) for line in vector.all("part")]
    if vector.expect == "local-protocol":
        body.pack(parts)
    (packed,) = vector.blocks
    assert body.unpack(packed) == parts
    assert (body.pack(parts) == packed) == is_ours(vector)


def _root_step(vector: Vector) -> None:
    mixed = vector.octets("kem") if vector.has("kem") else None
    step = root_step(vector.octets("root"), vector.octets("shared"), mixed)
    assert tuple(step) == vector.blocks


def _chain_step(vector: Vector) -> None:
    assert chain_step(vector.octets("chain")) == vector.blocks


def _associated_data(vector: Vector) -> None:
    assert (associated_data(seed_of(vector)),) == vector.blocks


def seed_of(vector: Vector) -> SessionSeed:
    """Where a session begins; what a vector does not need is left out of it."""
    names = {
        "root": "root",
        "header_initiator": "header-initiator",
        "header_next_responder": "header-responder",
        "session_id": "session-id",
        "initiator_static": "initiator-static",
        "responder_static": "responder-static",
    }
    return SessionSeed(
        **{field: vector.octets(key) if vector.has(key) else bytes(32) for field, key in names.items()}
    )


def _kem(vector: Vector) -> None:
    if vector.expect == "unusable-key":
        encapsulate(vector.blocks[0])
    public, ciphertext = vector.blocks
    seed, secret, number = vector.octets("seed"), vector.octets("secret"), vector.number("epoch")
    pair = KemPair.from_seed(seed)
    assert (pair.public, pair.decapsulate(ciphertext)) == (public, secret)
    with recorded(seed=seed, secret=secret, ciphertext=ciphertext):
        offering = Epoch(number=number - 1, proposer=True).propose()
    answered = offering.accept(KemCiphertext(epoch=number, ciphertext=ciphertext))
    assert answered.mixed == secret + vector.octets("binding")


def _header(vector: Vector) -> None:
    key, nonce = vector.octets("key"), vector.octets("nonce")
    (sealed,) = vector.blocks
    found = open_header(key, nonce, sealed)
    if found is None:
        raise DecryptionError
    dh, *numbers = vector.octets("dh"), *(vector.number(name) for name in ("previous", "number", "epoch"))
    assert found == (dh, *numbers)
    assert _seal(pack_header(dh, *numbers), None, nonce, key) == sealed


def _state(vector: Vector) -> None:
    (state,) = vector.blocks
    ratchet = Ratchet.from_bytes(state)
    assert ratchet.to_bytes() == state


REPLAYS: dict[str, Callable[[Vector], None]] = {
    "invite": _invite,
    "onion-address": _onion_address,
    "prologue": _prologue,
    "psk": _psk,
    "link": _link,
    "cell": _cell,
    "greeting": _greeting,
    "body": _body,
    "root-step": _root_step,
    "chain-step": _chain_step,
    "associated-data": _associated_data,
    "kem": _kem,
    "header": _header,
    "state": _state,
}
