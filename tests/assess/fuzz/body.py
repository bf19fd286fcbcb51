"""Target: the body of an envelope, and the parts in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from onionchat.errors import RemoteProtocolError
from onionchat.protocol import body
from onionchat.protocol.constants import ENVELOPE_BODY

from .sample import samples
from .structure import behind, bend_packed
from .target import Run, Target, attempt, guarded, require

_PARTS: Final[Sequence[body.Part]] = samples(body.Part)


def _make() -> Run:
    def run(data: bytes) -> str:
        laid_out = laid_out_body(data)
        parts = attempt(lambda: body.unpack(laid_out), RemoteProtocolError)
        require(body.unpack(body.pack(parts)) == parts, "parts that were taken come back as they were")
        return "taken " + " ".join(type(part).__name__ for part in parts[:3])

    return guarded(run)


def laid_out_body(data: bytes) -> bytes:
    """After a zero the bytes as they are, after anything else as what a body holds."""
    if data[:1] == b"\0":
        return data[1:]
    packed = data[1:][: ENVELOPE_BODY - 2]
    return (len(packed).to_bytes(2, "big") + packed).ljust(ENVELOPE_BODY, b"\0")


def _seeds() -> Sequence[bytes]:
    packed = [body.pack([part]) for part in _PARTS] + [body.pack(list(_PARTS[:4])), body.pack([])]
    inner = [one[2 : 2 + int.from_bytes(one[:2], "big")] for one in packed]
    return [b"\0" + packed[0], b"\0" + packed[-1], *(b"\1" + one for one in inner)]


TARGETS: Final = (
    Target(name="body", make=_make, seeds=_seeds, longest=ENVELOPE_BODY + 16, mutate=behind(1, bend_packed)),
)
