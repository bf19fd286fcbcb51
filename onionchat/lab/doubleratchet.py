"""The package ``DoubleRatchet`` as shipped, to be timed beside our ratchet.

Laws: nothing but the suite ``protocol`` imports this; the package is for development and need not be there.
"""

from __future__ import annotations

from collections.abc import Coroutine
from os import urandom
from typing import Any

from ..crypto.keys import KEY_SIZE, KeyPair
from ..errors import ConfigError
from .stopwatch import Work

try:
    from doubleratchet import DoubleRatchet, EncryptedMessage, Header
    from doubleratchet.recommended import (
        HashFunction,
        aead_aes_hmac,
        diffie_hellman_ratchet_curve25519,
        kdf_hkdf,
        kdf_separate_hmacs,
    )
except ImportError:
    raise ConfigError(
        "the package DoubleRatchet, which this compares with, is not installed",
        hint="install the development extra, in a checkout: pip install '.[dev]'",
    ) from None


class _RootKdf(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"root"


class _ChainKdf(kdf_separate_hmacs.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class _Sealing(aead_aes_hmac.AEAD):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"body"


class _Whole(DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        counts = header.previous_sending_chain_length, header.sending_chain_length
        return associated_data + header.ratchet_pub + b"".join(n.to_bytes(8, "big") for n in counts)


_PARTS: dict[str, Any] = {
    "diffie_hellman_ratchet_class": diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet,
    "root_chain_kdf": _RootKdf,
    "message_chain_kdf": _ChainKdf,
    "message_chain_constant": b"\x01\x02",
    "dos_protection_threshold": 1_000,
    "max_num_skipped_message_keys": 2_000,
    "aead": _Sealing,
}


def doubleratchet(body: bytes) -> Work:
    """One message one way, with what the package recommends and SHA-256."""
    own, shared, ad = KeyPair.generate(urandom), urandom(KEY_SIZE), bytes(64)
    sender, message = _done(
        _Whole.encrypt_initial_message(
            shared_secret=shared, recipient_ratchet_pub=own.public, message=body, associated_data=ad, **_PARTS
        )
    )
    receiver, _ = _done(
        _Whole.decrypt_initial_message(
            shared_secret=shared, own_ratchet_priv=own.secret(), message=message, associated_data=ad, **_PARTS
        )
    )

    def work() -> None:
        sealed: EncryptedMessage = _done(sender.encrypt_message(body, ad))
        _done(receiver.decrypt_message(sealed, ad))

    return work


def _done(call: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError
