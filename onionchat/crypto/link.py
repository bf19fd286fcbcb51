"""The ciphers of a link after its handshake: ChaCha20-Poly1305 with a counter (Noise, 5.1 and 11.3).

Laws: imports neither handshake nor ratchet, because the metronome holds a sending key and must know nothing
else. A (key, counter) pair is never used for two cells; a cell that does not open changes nothing.
"""

from __future__ import annotations

from typing import Final

from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_decrypt as _open,
)
from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_encrypt as _seal,
)
from nacl.exceptions import CryptoError as _SodiumError

from ..errors import CryptoError, DecryptionError, LocalProtocolError
from .secret import Secret

CELL_SIZE: Final = 1952
"""Bytes of every cell on the wire, handshake messages included."""

CELL_PLAINTEXT_SIZE: Final = 1936
"""Bytes inside a cell: all but its 16-byte tag."""

REKEY_INTERVAL: Final = 1024
"""Cells under one key: a captured key opens at most so many of those that were sent before."""

COUNTER_LIMIT: Final = 2**64 - 1
"""The first counter that no cell may have: Noise keeps it for the re-keying itself."""

_KEY_SIZE: Final = 32
_REKEY_NONCE: Final = bytes(4) + COUNTER_LIMIT.to_bytes(8, "little")
_ZEROS: Final = bytes(_KEY_SIZE)


class _LinkCipher(Secret):
    """A key and the counter of the next cell."""

    __slots__ = ("_counter", "_key")

    def __init__(self, key: bytes, counter: int = 0) -> None:
        if len(key) != _KEY_SIZE:
            raise CryptoError("a link key has 32 bytes")
        self._key = key
        self._counter = counter

    def _next_key(self) -> bytes:
        """The key of the next cell, which is a new one before every 1,024th."""
        if self._counter % REKEY_INTERVAL == 0 and self._counter > 0:
            return _seal(_ZEROS, None, _REKEY_NONCE, self._key)[:_KEY_SIZE]
        return self._key


class SendingCipher(_LinkCipher):
    """Seals the cells of one direction, in their order.

    Args:
        key: the 32-byte sending key of a link; where ``counter`` is not 0, the key of the cell before.
        counter: the number of the next cell.
    """

    __slots__ = ()

    def seal(self, plaintext: bytes) -> bytes:
        """The next cell: 1,936 bytes in, 1,952 out.

        Raises:
            LocalProtocolError: ``plaintext`` has another length, or the counter is used up.
        """
        if len(plaintext) != CELL_PLAINTEXT_SIZE:
            raise LocalProtocolError("a cell holds 1,936 bytes")
        if self._counter >= COUNTER_LIMIT:
            raise LocalProtocolError("this link's counter is used up")
        self._key = self._next_key()
        cell = _seal(plaintext, None, bytes(4) + self._counter.to_bytes(8, "little"), self._key)
        self._counter += 1
        return cell


class ReceivingCipher(_LinkCipher):
    """Opens the cells of one direction, in their order.

    Args:
        key: the 32-byte receiving key of a link; where ``counter`` is not 0, the key of the cell before.
        counter: the number of the next cell.
    """

    __slots__ = ()

    def open(self, cell: bytes) -> bytes:
        """What the next cell holds: 1,952 bytes in, 1,936 out.

        Raises:
            DecryptionError: this is not the peer's next cell. Nothing has changed.
        """
        if len(cell) != CELL_SIZE or self._counter >= COUNTER_LIMIT:
            raise DecryptionError
        key = self._next_key()
        try:
            plaintext = _open(cell, None, bytes(4) + self._counter.to_bytes(8, "little"), key)
        except _SodiumError:
            raise DecryptionError from None
        self._key = key
        self._counter += 1
        return plaintext
