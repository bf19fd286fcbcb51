"""Noise's published vectors, through the code that the link handshake runs on."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha512
from typing import Any

import pytest

from onionchat.crypto.kdf import hkdf_sha512
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.noise import HandshakeState, Pattern, Token
from onionchat.crypto.symmetric import CipherState, SymmetricState
from onionchat.errors import DecryptionError, LocalProtocolError

from .pairs import source
from .published import FOLDER, needs_folder

E, S, EE, ES, SE, PSK = Token.E, Token.S, Token.EE, Token.ES, Token.SE, Token.PSK
XK = Pattern(
    name=b"Noise_XK_25519_ChaChaPoly_SHA512",
    responder_known=True,
    messages=((E, ES), (E, EE), (S, SE)),
)
XX = Pattern(
    name=b"Noise_XX_25519_ChaChaPoly_SHA512",
    responder_known=False,
    messages=((E,), (E, EE, S, ES), (S, SE)),
)
NNPSK0 = Pattern(
    name=b"Noise_NNpsk0_25519_ChaChaPoly_SHA512",
    responder_known=False,
    messages=((PSK, E), (E, EE)),
)
PATTERNS = {pattern.name.decode(): pattern for pattern in (XK, XX, NNPSK0)}


def side(vector: dict[str, Any], name: str, *, initiator: bool) -> HandshakeState:
    def value(key: str) -> bytes | None:
        text = vector.get(key)
        return bytes.fromhex(text) if isinstance(text, str) else None

    static = value(f"{name}_static")
    psks = vector.get(f"{name}_psks")
    ephemeral = value(f"{name}_ephemeral")
    assert ephemeral is not None
    return HandshakeState(
        PATTERNS[vector["protocol_name"]],
        initiator=initiator,
        prologue=value(f"{name}_prologue") or b"",
        random=lambda size: ephemeral[:size],
        static=KeyPair.from_secret(static) if static else None,
        remote_static=value("init_remote_static") if initiator else None,
        psk=bytes.fromhex(psks[0]) if psks else None,
    )


@pytest.mark.vectors
@needs_folder
@pytest.mark.parametrize(("name", "run"), [("cacophony", 3), ("snow", 2)], ids=str)
def test_published_vectors(name: str, run: int) -> None:
    """All of them but one in each file: IK, a pattern that we have no use for."""
    file = FOLDER / "noise" / f"{name}_25519_ChaChaPoly_SHA512.json"
    vectors = json.loads(file.read_text(encoding="utf-8"))["vectors"]
    ours = [vector for vector in vectors if vector["protocol_name"] in PATTERNS]
    assert (len(ours), len(vectors)) == (run, run + 1)
    for vector in ours:
        follow(vector)


def follow(vector: dict[str, Any]) -> None:
    initiator = side(vector, "init", initiator=True)
    responder = side(vector, "resp", initiator=False)
    parties = [initiator, responder]
    transport: list[tuple[Callable[[bytes, bytes], bytes], Callable[[bytes, bytes], bytes]]] = []
    for number, message in enumerate(vector["messages"]):
        payload, expected = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        writer, reader = parties[number % 2], parties[1 - number % 2]
        if not writer.complete:
            assert writer.write_message(payload) == expected
            assert reader.read_message(expected) == payload
        else:
            if not transport:
                assert initiator.symmetric.split() == responder.symmetric.split()
                transport = [
                    (CipherState(key).encrypt, CipherState(key).decrypt)
                    for key in initiator.symmetric.split()
                ]
            encrypt, decrypt = transport[number % 2]
            assert encrypt(b"", payload) == expected
            assert decrypt(b"", expected) == payload
    if "handshake_hash" in vector:
        assert initiator.symmetric.handshake_hash.hex() == vector["handshake_hash"]
    assert initiator.symmetric.handshake_hash == responder.symmetric.handshake_hash


def test_a_long_protocol_name_is_hashed() -> None:
    name = b"x" * 64
    assert SymmetricState(name).handshake_hash == name
    assert len(SymmetricState(name + b"x").handshake_hash) == 64
    assert SymmetricState(b"short").handshake_hash == b"short".ljust(64, b"\0")


def xx_pair() -> tuple[HandshakeState, HandshakeState]:
    random = source(5)
    initiator, responder = (
        HandshakeState(XX, initiator=first, prologue=b"p", random=random, static=KeyPair.generate(random))
        for first in (True, False)
    )
    return initiator, responder


def test_turns_are_kept() -> None:
    initiator, responder = xx_pair()
    with pytest.raises(LocalProtocolError, match="turn to read"):
        initiator.read_message(bytes(32))
    with pytest.raises(LocalProtocolError, match="turn to write"):
        responder.write_message(b"")
    responder.read_message(initiator.write_message(b""))
    initiator.read_message(responder.write_message(b""))
    responder.read_message(initiator.write_message(b""))
    for complete in (initiator, responder):
        with pytest.raises(LocalProtocolError):
            complete.write_message(b"")
        with pytest.raises(LocalProtocolError):
            complete.read_message(b"")


def test_a_static_key_is_unknown_before_it_was_sent() -> None:
    initiator, responder = xx_pair()
    responder.read_message(initiator.write_message(b""))
    with pytest.raises(LocalProtocolError, match="not known"):
        _ = initiator.remote_static
    initiator.read_message(responder.write_message(b""))
    assert len(initiator.remote_static) == 32


@pytest.mark.parametrize("size", [0, 31])
def test_a_message_that_is_cut_short_does_not_open(size: int) -> None:
    initiator, responder = xx_pair()
    message = initiator.write_message(b"")
    with pytest.raises(DecryptionError):
        responder.read_message(message[:size])


def test_a_payload_shorter_than_its_tag_does_not_open() -> None:
    initiator, responder = xx_pair()
    responder.read_message(initiator.write_message(b""))
    message = responder.write_message(b"")
    with pytest.raises(DecryptionError):
        initiator.read_message(message[:-1])


def test_a_missing_key_is_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="not known"):
        HandshakeState(XK, initiator=True, prologue=b"", random=source(6))
    with pytest.raises(LocalProtocolError, match="not known"):
        HandshakeState(XK, initiator=False, prologue=b"", random=source(6))


class TestSymmetricState:
    """Each output of the key derivation has one use (5.2): what follows it shows which."""

    PLAIN = b"sixteen bytes of"

    def state(self) -> SymmetricState:
        state = SymmetricState(b"name")
        state.mix_hash(b"before")
        return state

    def test_a_mixed_key_seals_what_follows(self) -> None:
        state = self.state()
        okm = hkdf_sha512(salt=state.chaining_key, ikm=b"key", info=b"", size=128)
        before = state.handshake_hash
        state.mix_key(b"key")
        sealed = state.encrypt_and_hash(self.PLAIN)
        assert state.chaining_key == okm[:64]
        assert CipherState(okm[64:96]).decrypt(before, sealed) == self.PLAIN
        assert state.split()[0] == hkdf_sha512(salt=okm[:64], ikm=b"", info=b"", size=128)[:32]

    def test_a_mixed_psk_is_hashed_and_seals_what_follows(self) -> None:
        state = self.state()
        okm = hkdf_sha512(salt=state.chaining_key, ikm=b"psk", info=b"", size=192)
        before = state.handshake_hash
        state.mix_key_and_hash(b"psk")
        assert state.chaining_key == okm[:64]
        assert state.handshake_hash == sha512(before + okm[64:128]).digest()
        ad = state.handshake_hash
        assert CipherState(okm[128:160]).decrypt(ad, state.encrypt_and_hash(self.PLAIN)) == self.PLAIN

    def test_what_is_not_sealed_is_hashed_all_the_same(self) -> None:
        writing, reading = self.state(), self.state()
        assert writing.encrypt_and_hash(self.PLAIN) == self.PLAIN
        assert reading.decrypt_and_hash(self.PLAIN) == self.PLAIN
        assert writing.handshake_hash == reading.handshake_hash != self.state().handshake_hash


@pytest.mark.parametrize("token", [Token.EE, Token.ES, Token.SE, Token.EKEM1, Token.PSK, Token.S])
def test_a_pattern_that_uses_a_key_before_it_is_there_is_our_own_mistake(token: Token) -> None:
    pattern = Pattern(name=b"backwards", responder_known=False, messages=((token,),))
    with pytest.raises(LocalProtocolError, match="not known"):
        HandshakeState(pattern, initiator=True, prologue=b"", random=source(6)).write_message(b"")


def test_a_ciphertext_for_no_key_of_ours_is_our_own_mistake() -> None:
    pattern = Pattern(name=b"backwards", responder_known=False, messages=((Token.EKEM1,),))
    with pytest.raises(LocalProtocolError, match="not known"):
        HandshakeState(pattern, initiator=False, prologue=b"", random=source(6)).read_message(bytes(1200))


@pytest.mark.parametrize("static", [True, False])
def test_an_exchange_needs_both_keys(static: bool) -> None:
    """``ee`` after one side's ``e``: who reads has none of its own, who writes none of the peer's."""
    pattern = Pattern(name=b"half", responder_known=False, messages=((Token.E, Token.EE),))
    ours = KeyPair.generate(source(7)) if static else None
    with pytest.raises(LocalProtocolError, match="not known"):
        HandshakeState(pattern, initiator=True, prologue=b"", random=source(6), static=ours).write_message(
            b""
        )
    with pytest.raises(LocalProtocolError, match="not known"):
        HandshakeState(pattern, initiator=False, prologue=b"", random=source(6), static=ours).read_message(
            KeyPair.generate(source(8)).public
        )
