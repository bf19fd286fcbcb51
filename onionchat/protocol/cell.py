"""What is inside a cell: docs/protocol.md, «Cell».

Laws: every plaintext has the same length, whatever it holds; a received one is taken apart only after its
tag held; padding is zero and checked, so that it carries nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ..errors import LocalProtocolError, RemoteProtocolError
from .constants import CELL_BODY, CELL_PLAIN, ENVELOPE_SIZE, HAVE_LIST_MAX, MESSAGE_ID


class CellType(IntEnum):
    """What a cell carries; the wire shows none of it."""

    COVER = 0
    ENVELOPE = 1
    HAVE = 2
    CLOSE = 3


_EMPTY: Final = bytes(CELL_BODY)


def lay_out(cell_type: int, body: bytes = b"") -> bytes:
    """The plaintext of a cell.

    Args:
        cell_type: a `CellType`.
        body: at most 1,933 bytes.

    Returns:
        1,936 bytes: type, length (2, big-endian), body, zeros.

    Raises:
        LocalProtocolError: the body does not fit its type.
    """
    if not _fits(cell_type, len(body)):
        raise LocalProtocolError(f"a cell of type {cell_type} cannot carry {len(body)} bytes")
    return b"%c%c%c%b%b" % (cell_type, len(body) >> 8, len(body) & 255, body, _EMPTY[len(body) :])


def take_apart(plaintext: bytes) -> tuple[CellType, bytes]:
    """Type and body of an opened cell.

    Raises:
        RemoteProtocolError: the peer laid it out wrongly; the link ends.
    """
    if len(plaintext) != CELL_PLAIN:
        raise RemoteProtocolError("a cell of the wrong size")
    size = int.from_bytes(plaintext[1:3], "big")
    if not _fits(plaintext[0], size) or plaintext[3 + size :] != _EMPTY[size:]:
        raise RemoteProtocolError("a cell that is not laid out as it must be")
    return CellType(plaintext[0]), plaintext[3 : 3 + size]


def _fits(cell_type: int, size: int) -> bool:
    match cell_type:
        case CellType.COVER | CellType.CLOSE:
            return size == 0
        case CellType.ENVELOPE:
            return size == ENVELOPE_SIZE
        case CellType.HAVE:
            return size % MESSAGE_ID == 0 and size <= HAVE_LIST_MAX * MESSAGE_ID
    return False


def split_have(body: bytes) -> tuple[bytes, ...]:
    """The message ids of a have-list's body."""
    return tuple(body[at : at + MESSAGE_ID] for at in range(0, len(body), MESSAGE_ID))
