"""From a passphrase to the key that unlocks a vault: Argon2id, and what it costs.

Laws: nothing here decides whether a passphrase is right, keeps one, or puts one into an error. How much
memory the machine has is an argument.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from nacl import bindings
from nacl.exceptions import RuntimeError as NaclRuntimeError
from nacl.pwhash import argon2id

from ..errors import CryptoError

MIB: Final = 1024 * 1024
KEY_SIZE: Final = 32
SALT_SIZE: Final = argon2id.SALTBYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphraseCost:
    """What one try costs whoever guesses: ``memory`` in bytes, ``passes`` over it; one lane."""

    memory: int
    passes: int


DEFAULT_COST: Final = PassphraseCost(memory=512 * MIB, passes=3)
LOW_MEMORY_COST: Final = PassphraseCost(memory=256 * MIB, passes=3)

_HEADROOM: Final = 128 * MIB
"""Left free beside the derivation, so that it pushes neither tor nor the engine out of memory."""


def affordable_cost(available_memory: int) -> PassphraseCost:
    """The cost for a new vault on a machine with that many bytes to spare.

    The caller tells the user when it is the low one.
    """
    if available_memory >= DEFAULT_COST.memory + _HEADROOM:
        return DEFAULT_COST
    return LOW_MEMORY_COST


def unlocking_key(passphrase: str, salt: bytes, cost: PassphraseCost) -> bytes:
    """Derive the 32-byte key that unlocks a vault from its passphrase and its 16-byte salt.

    The passphrase is brought to Unicode's NFC first: what looks the same and is typed on another keyboard
    opens the same vault. It takes ``cost.memory`` bytes while it runs and gives them back to the system.

    Raises:
        CryptoError: the passphrase is not valid Unicode text, or the memory cannot be had.

    Source: RFC 9106, Argon2id version 0x13 with one lane.
    """
    try:
        secret = unicodedata.normalize("NFC", passphrase).encode()
    except UnicodeEncodeError:  # its own message would quote the passphrase
        raise CryptoError("the passphrase is not valid text", hint="type it in a UTF-8 terminal") from None
    try:
        return bindings.crypto_pwhash_alg(KEY_SIZE, secret, salt, cost.passes, cost.memory, argon2id.ALG)
    except NaclRuntimeError:
        raise CryptoError(
            f"the passphrase needs {cost.memory // MIB} MiB of memory, which this machine did not give",
            hint="close other programs and try again",
        ) from None
