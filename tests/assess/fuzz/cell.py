"""Target: a cell on a link, from its seal to the ids of a have-list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from onionchat.crypto.link import ReceivingCipher, SendingCipher
from onionchat.errors import DecryptionError, RemoteProtocolError
from onionchat.protocol.cell import CellType, lay_out, split_have, take_apart
from onionchat.protocol.constants import CELL_PLAIN, CELL_SIZE, ENVELOPE_SIZE

from .target import Run, Target, attempt, guarded, head, require

_KEY: Final = bytes(range(32))


def _make() -> Run:
    genuine = SendingCipher(_KEY).seal(lay_out(CellType.COVER))

    def run(data: bytes) -> str:
        if head(data) == 0:  # as it comes from the wire
            cipher, cell = ReceivingCipher(_KEY), data[1:]
            try:
                attempt(lambda: cipher.open(cell), DecryptionError)
            finally:
                require(
                    cell == genuine or bool(cipher.open(genuine)), "a cell that was refused changes nothing"
                )
            return "opened"
        plaintext = data[1:]
        if len(plaintext) != CELL_PLAIN and head(data) & 1:
            plaintext = plaintext[:CELL_PLAIN].ljust(CELL_PLAIN, b"\0")
        if len(plaintext) == CELL_PLAIN:  # what a peer can put into a cell arrives as it was
            opened = ReceivingCipher(_KEY).open(SendingCipher(_KEY).seal(plaintext))
            require(opened == plaintext, "a cell opens to what was sealed")
        kind, body = attempt(lambda: take_apart(plaintext), RemoteProtocolError)
        require(lay_out(kind, body) == plaintext, "a plaintext has one form only")
        if kind is CellType.HAVE:
            require(b"".join(split_have(body)) == body, "a have-list is all ids")
        return f"taken {kind.name} {min(len(body), 17)}"

    return guarded(run)


def _seeds() -> Sequence[bytes]:
    plain = [
        lay_out(CellType.COVER),
        lay_out(CellType.CLOSE),
        lay_out(CellType.HAVE, bytes(range(32))),
        lay_out(CellType.ENVELOPE, bytes(ENVELOPE_SIZE)),
    ]
    whole = [b"\0" + SendingCipher(_KEY).seal(one) for one in plain[:1]]
    return [*whole, *(b"\1" + one[:40] for one in plain), *(b"\2" + one for one in plain)]


TARGETS: Final = (Target(name="cell", make=_make, seeds=_seeds, longest=CELL_SIZE + 16),)
