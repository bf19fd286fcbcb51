"""Target: the text of an invite."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from onionchat.control.limits import MAX_CODE
from onionchat.errors import ConfigError
from onionchat.protocol import invite

from .target import Run, Target, attempt, guarded, head, require

_BODY: Final = invite.SIZE - 4
_SAMPLE: Final = bytes((1, 0)) + bytes(4) + bytes(range(80))


def _make() -> Run:
    def run(data: bytes) -> str:
        code = _code(data)
        found = attempt(lambda: invite.decode(code), ConfigError)
        plain = "".join(code.split()).lower()
        require(found.encode() == plain, "an invite has one form only, but for case and white space")
        require(invite.decode(found.encode()) == found, "an invite comes back as it was")
        return f"taken {found.expired(1_700_000_000)}"

    return guarded(run)


def _code(data: bytes) -> str:
    """After a zero the text as it is; else a code around these bytes, whose checksum is right."""
    if head(data) == 0:
        return data[1:].decode("utf-8", "surrogateescape")
    body = data[1:]
    checksum = blake2b(body, digest_size=4, person=b"onionchat/1 inv.").digest()
    text = invite.PREFIX + b32encode(body + checksum).decode().rstrip("=")
    return text if head(data) & 1 else text.lower()


def _seeds() -> Sequence[bytes]:
    good = _code(b"\2" + _SAMPLE)
    texts = (good, good.upper(), good[:70] + " \n" + good[70:], good[:-1], invite.PREFIX, "")
    later = b"\1\2\0" + bytes(40)
    return [b"\1" + _SAMPLE, b"\2" + _SAMPLE[:_BODY], later, *(b"\0" + text.encode() for text in texts)]


TARGETS: Final = (Target(name="invite", make=_make, seeds=_seeds, longest=MAX_CODE + 16),)
