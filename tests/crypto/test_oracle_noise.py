"""Our handshakes against another implementation of Noise, byte for byte, each side played by either."""

from __future__ import annotations

import pytest
from noise.connection import Keypair, NoiseConnection  # type: ignore[import-untyped]  # ships no types

from onionchat.crypto.keys import KeyPair
from onionchat.crypto.noise import HandshakeState, Pattern, Token
from onionchat.crypto.symmetric import CipherState

from .pairs import source
from .test_noise import XK

XKPSK0 = Pattern(
    name=b"Noise_XKpsk0_25519_ChaChaPoly_SHA512",
    responder_known=True,
    messages=((Token.PSK, *XK.messages[0]), *XK.messages[1:]),
)
"""Ours without the two tokens of the KEM."""


class Meeting:
    """The fixed keys of two sides, and one of each implementation for either side."""

    def __init__(self, pattern: Pattern, seed: int) -> None:
        random = source(seed)
        self.pattern = pattern
        self.prologue, self.psk = random(seed % 40), random(32)
        self.statics = [KeyPair.generate(random) for _ in range(2)]
        self.ephemerals = [random(32) for _ in range(2)]

    def ours(self, side: int) -> HandshakeState:
        return HandshakeState(
            self.pattern,
            initiator=side == 0,
            prologue=self.prologue,
            random=lambda size: self.ephemerals[side][:size],
            static=self.statics[side],
            remote_static=self.statics[1].public if side == 0 else None,
            psk=self.psk if self.pattern.uses_psk else None,
        )

    def theirs(self, side: int) -> NoiseConnection:
        connection = NoiseConnection.from_name(self.pattern.name)
        connection.set_prologue(self.prologue)
        if self.pattern.uses_psk:
            connection.set_psks(psk=self.psk)
        connection.set_keypair_from_private_bytes(Keypair.STATIC, self.statics[side].secret())
        connection.set_keypair_from_private_bytes(Keypair.EPHEMERAL, self.ephemerals[side])
        if side == 0:
            connection.set_as_initiator()
            connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, self.statics[1].public)
        else:
            connection.set_as_responder()
        with pytest.warns(UserWarning, match="ephemeral keypairs is already set"):
            connection.start_handshake()
        return connection


@pytest.mark.parametrize("pattern", [XK, XKPSK0], ids=["XK", "XKpsk0"])
@pytest.mark.parametrize("seed", range(25))
def test_byte_for_byte(pattern: Pattern, seed: int) -> None:
    meeting = Meeting(pattern, seed)
    ours = [meeting.ours(side) for side in range(2)]
    theirs = [meeting.theirs(side) for side in range(2)]
    random = source(1000 + seed)
    for number in range(3):
        writer, reader = number % 2, 1 - number % 2
        payload = random(37 * number * (seed % 3))
        message = ours[writer].write_message(payload)
        assert bytes(theirs[writer].write_message(payload)) == message
        assert ours[reader].read_message(message) == payload
        assert bytes(theirs[reader].read_message(message)) == payload
    for side in range(2):
        assert theirs[side].get_handshake_hash() == ours[side].symmetric.handshake_hash
    assert ours[1].remote_static == meeting.statics[0].public
    keys = ours[0].symmetric.split()
    assert ours[1].symmetric.split() == keys
    for writer, key in enumerate(keys):
        sealing, opening = CipherState(key), CipherState(key)
        for _ in range(3):
            plain = random(50)
            sealed = theirs[writer].encrypt(plain)
            assert sealing.encrypt(b"", plain) == sealed
            assert opening.decrypt(b"", sealed) == theirs[1 - writer].decrypt(sealed) == plain
