"""Targets with a bug that was put there: the same routine must find it, or its silence means nothing.

Laws: each bug is of a kind that decoders have; nothing here is run but as a control.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from onionchat.errors import RemoteProtocolError
from onionchat.protocol import body
from onionchat.protocol.cell import CellType, take_apart
from onionchat.protocol.constants import CELL_PLAIN

from . import body as body_target
from . import cell as cell_target
from .target import Run, Target, attempt, guarded, require


def _trusting_length() -> Run:
    """A cell decoder that believes the length of a have-list, and looks at the last id."""

    def trusting(plaintext: bytes) -> tuple[int, int]:
        size = int.from_bytes(plaintext[1:3], "big")
        if plaintext[0] == CellType.HAVE and size:
            return CellType.HAVE, plaintext[3 + size - 1]
        kind, content = take_apart(plaintext)
        return kind, len(content)

    def run(data: bytes) -> str:
        plaintext = data[1:][:CELL_PLAIN].ljust(CELL_PLAIN, b"\0")
        return f"taken {attempt(lambda: trusting(plaintext), RemoteProtocolError)[0]}"

    return guarded(run)


def _narrow_epoch() -> Run:
    """A reader of parts that has two bytes for an epoch, where there are four."""

    def run(data: bytes) -> str:
        parts = attempt(lambda: body.unpack(body_target.laid_out_body(data)), RemoteProtocolError)
        for part in parts:
            if isinstance(part, body.KemCiphertextPart):
                part.epoch.to_bytes(2, "big")
        return "taken " + " ".join(type(part).__name__ for part in parts[:3])

    return guarded(run)


def _forgetting_padding() -> Run:
    """A cell decoder that does not look at the padding of a cover cell."""

    def run(data: bytes) -> str:
        plaintext = data[1:][:CELL_PLAIN].ljust(CELL_PLAIN, b"\0")
        if plaintext[:3] == b"\0\0\0":
            require(not any(plaintext), "a plaintext has one form only")
        attempt(lambda: take_apart(plaintext), RemoteProtocolError)
        return "taken"

    return guarded(run)


def _planted(name: str, make: Callable[[], Run], like: Target) -> Target:
    return Target(name=name, make=make, seeds=like.seeds, longest=like.longest, mutate=like.mutate, near=0)


TARGETS: Final = (
    _planted("planted-trusted-length", _trusting_length, cell_target.TARGETS[0]),
    _planted("planted-forgotten-padding", _forgetting_padding, cell_target.TARGETS[0]),
    _planted("planted-narrow-epoch", _narrow_epoch, body_target.TARGETS[0]),
)
PLANTED_WITHIN: Final = 200_000
"""Executions within which each must be found."""
