"""«Link handshake»: Noise_XKhfs+psk0_25519+MLKEM768_ChaChaPoly_SHA512, both roles.

It carries payloads and does not read them; which keys and which psk belong where is not decided here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .primitives import (
    KEM_CIPHERTEXT_SIZE,
    KEM_KEY_SIZE,
    Refused,
    aead_open,
    aead_seal,
    check_kem_key,
    decapsulate,
    encapsulate,
    hkdf,
    kem_pair,
    new_secret,
    public_key,
    x25519,
)

NAME = b"Noise_XKhfs+psk0_25519+MLKEM768_ChaChaPoly_SHA512"
PROLOGUE = b"onionchat/1"
CELL_SIZE = 1952
TAG_SIZE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What both sides hold when message 3 was written or read."""

    k_i: bytes
    k_r: bytes
    sk: bytes
    hk_a: bytes
    nhk_b: bytes
    session_id: bytes
    resume_psk: bytes
    recovery_psk: bytes
    initiator_static: bytes
    responder_static: bytes


class Symmetric:
    """Noise, 5.2, and the cipher state of 5.1 in it."""

    def __init__(self, onion: bytes, responder_static: bytes) -> None:
        self.h = self.ck = NAME.ljust(64, b"\0")
        self.k = b""
        self.n = 0
        self.mix_hash(PROLOGUE + CELL_SIZE.to_bytes(2, "big") + onion)
        self.mix_hash(responder_static)

    def mix_hash(self, data: bytes) -> None:
        self.h = hashlib.sha512(self.h + data).digest()

    def mix_key(self, ikm: bytes) -> None:
        out = hkdf(salt=self.ck, ikm=ikm, info=b"", size=128)
        self.ck, self.k, self.n = out[:64], out[64:96], 0

    def mix_key_and_hash(self, ikm: bytes) -> None:
        out = hkdf(salt=self.ck, ikm=ikm, info=b"", size=192)
        self.ck = out[:64]
        self.mix_hash(out[64:128])
        self.k, self.n = out[128:160], 0

    def mix_ephemeral(self, public: bytes) -> None:
        """The token e, where a pattern has a psk."""
        self.mix_hash(public)
        self.mix_key(public)

    def seal(self, plain: bytes) -> bytes:
        """EncryptAndHash."""
        sealed = aead_seal(self.k, self._nonce(), self.h, plain)
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        """DecryptAndHash."""
        plain = aead_open(self.k, self._nonce(), self.h, sealed)
        self.mix_hash(sealed)
        return plain

    def _nonce(self) -> bytes:
        nonce = bytes(4) + self.n.to_bytes(8, "little")
        self.n += 1
        return nonce

    def outcome(self, initiator_static: bytes, responder_static: bytes) -> Outcome:
        split = hkdf(salt=self.ck, ikm=b"", info=b"", size=128)
        okm = hkdf(salt=self.h, ikm=self.ck, info=b"onionchat/1 session", size=160)
        recovery = hkdf(salt=self.h, ikm=self.ck, info=b"onionchat/1 recovery psk", size=32)
        return Outcome(
            k_i=split[0:32],
            k_r=split[64:96],
            sk=okm[0:32],
            hk_a=okm[32:64],
            nhk_b=okm[64:96],
            session_id=okm[96:128],
            resume_psk=okm[128:160],
            recovery_psk=recovery,
            initiator_static=initiator_static,
            responder_static=responder_static,
        )


class Initiator:
    def __init__(self, *, onion: bytes, responder_static: bytes, static_secret: bytes, psk: bytes) -> None:
        self._state = Symmetric(onion, responder_static)
        self._responder_static = responder_static
        self._static_secret = static_secret
        self._psk = psk
        self._e = new_secret()
        self._kem_seed, self._kem_key = kem_pair()

    def write_1(self, payload: bytes) -> bytes:
        state, e = self._state, public_key(self._e)
        state.mix_key_and_hash(self._psk)
        state.mix_ephemeral(e)
        state.mix_key(x25519(self._e, self._responder_static))
        return e + state.seal(self._kem_key) + state.seal(payload)

    def read_2(self, message: bytes) -> bytes:
        state, (e, ciphertext, payload) = self._state, cut(message, KEM_CIPHERTEXT_SIZE)
        state.mix_ephemeral(e)
        state.mix_key(x25519(self._e, e))
        state.mix_key(decapsulate(self._kem_seed, state.open(ciphertext)))
        self._responder_e = e
        return state.open(payload)

    def write_3(self, payload: bytes) -> bytes:
        state = self._state
        s = state.seal(public_key(self._static_secret))
        state.mix_key(x25519(self._static_secret, self._responder_e))
        return s + state.seal(payload)

    def outcome(self) -> Outcome:
        return self._state.outcome(public_key(self._static_secret), self._responder_static)


class Responder:
    def __init__(self, *, onion: bytes, static_secret: bytes, psk: bytes) -> None:
        self._state = Symmetric(onion, public_key(static_secret))
        self._static_secret = static_secret
        self._psk = psk
        self._e = new_secret()
        self.initiator_static = b""

    def read_1(self, message: bytes) -> bytes:
        state, (e, kem_key, payload) = self._state, cut(message, KEM_KEY_SIZE)
        state.mix_key_and_hash(self._psk)
        state.mix_ephemeral(e)
        state.mix_key(x25519(self._static_secret, e))
        self._kem_key = state.open(kem_key)
        self._initiator_e = e
        return state.open(payload)

    def write_2(self, payload: bytes) -> bytes:
        state, e = self._state, public_key(self._e)
        check_kem_key(self._kem_key)
        state.mix_ephemeral(e)
        state.mix_key(x25519(self._e, self._initiator_e))
        secret, ciphertext = encapsulate(self._kem_key)
        sealed = state.seal(ciphertext)
        state.mix_key(secret)
        return e + sealed + state.seal(payload)

    def read_3(self, message: bytes) -> bytes:
        if len(message) != CELL_SIZE:
            raise Refused("not a cell")
        state, at = self._state, 32 + TAG_SIZE
        self.initiator_static = state.open(message[:at])
        state.mix_key(x25519(self._e, self.initiator_static))
        return state.open(message[at:])

    def outcome(self) -> Outcome:
        return self._state.outcome(self.initiator_static, public_key(self._static_secret))


def cut(message: bytes, kem_size: int) -> tuple[bytes, bytes, bytes]:
    """Ephemeral key, sealed KEM part and sealed payload of messages 1 and 2."""
    if len(message) != CELL_SIZE:
        raise Refused("not a cell")
    at = 32 + kem_size + TAG_SIZE
    return message[:32], message[32:at], message[at:]
