"""«Cells on a link» and «Cell»: one direction's cipher, and what a cell's plaintext says."""

from __future__ import annotations

from .primitives import Refused, aead_open, aead_seal

PLAINTEXT_SIZE = 1936
BODY_SIZE = 1933
REKEY_CELLS = 1024
COVER, ENVELOPE, HAVE_LIST, CLOSE = 0, 1, 2, 3


class Direction:
    """The key and the counter of one direction of a link."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._counter = 0

    def seal(self, plaintext: bytes) -> bytes:
        key, nonce = self._next()
        return aead_seal(key, nonce, b"", plaintext)

    def open(self, cell: bytes) -> bytes:
        key, nonce = self._next()
        return aead_open(key, nonce, b"", cell)

    def _next(self) -> tuple[bytes, bytes]:
        if self._counter and self._counter % REKEY_CELLS == 0:
            self._key = aead_seal(self._key, _nonce(2**64 - 1), b"", bytes(32))[:32]
        nonce = _nonce(self._counter)
        self._counter += 1
        return self._key, nonce


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "little")


def write_cell(kind: int, body: bytes = b"") -> bytes:
    return (bytes([kind]) + len(body).to_bytes(2, "big") + body).ljust(PLAINTEXT_SIZE, b"\0")


def read_cell(plaintext: bytes) -> tuple[int, bytes]:
    """The type and the body, of a length that the type has."""
    kind, length = plaintext[0], int.from_bytes(plaintext[1:3], "big")
    if length > BODY_SIZE or any(plaintext[3 + length :]):
        raise Refused("a length beyond the cell, or padding that is not zero")
    allowed = {
        COVER: length == 0,
        ENVELOPE: length == BODY_SIZE,
        HAVE_LIST: length % 16 == 0 and length <= 120 * 16,
        CLOSE: length == 0,
    }
    if not allowed.get(kind, False):
        raise Refused("a type that is not listed, or a length that it does not have")
    return kind, plaintext[3 : 3 + length]
