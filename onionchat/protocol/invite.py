"""Invites: 90 bytes, 10 + 144 characters. docs/protocol.md, «Invite».

Laws: a typing error is told apart from everything else by the checksum; an invite is data and proves nothing
by itself.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from ..crypto import labels
from ..errors import ConfigError
from .constants import VERSION

PREFIX: Final = "onionchat:"
SIZE: Final = 90
PLAUSIBLE_VERSIONS: Final = 15
"""A version above is a typing error: a later onionchat's invite may have any length, but not any version."""
_CHECKSUM: Final = 4


class InviteKind(IntEnum):
    """How often an invite may be used; only one-time invites are made and taken by this version."""

    ONE_TIME = 0
    MANY = 1
    PUBLISHED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """What somebody needs to reach an identity for the first time."""

    kind: InviteKind = InviteKind.ONE_TIME
    expires_hour: int = 0
    """Hours since 1970, 0 for never."""
    onion: bytes
    static: bytes
    secret: bytes = field(repr=False)

    def encode(self) -> str:
        """The code to hand over: ``onionchat:`` and lower-case base32, which needs no padding here."""
        body = (
            bytes((VERSION, self.kind))
            + self.expires_hour.to_bytes(4, "big")
            + self.onion
            + self.static
            + self.secret
        )
        packed = body + _checksum(body)
        return PREFIX + base64.b32encode(packed).decode("ascii").lower()

    def expired(self, now: float) -> bool:
        """Whether its time has passed."""
        return bool(self.expires_hour) and now >= self.expires_hour * 3600


def decode(code: str) -> Invite:
    """The invite in ``code``; white space and line breaks inside are ignored, letters may be of either case.

    Raises:
        ConfigError: damaged (with what to do), of another version, or of a kind that we cannot use.
    """
    text = "".join(code.split()).lower()
    if not text.startswith(PREFIX):
        raise ConfigError(
            "this is not an invite", hint=f"an invite begins with «{PREFIX}»; copy it whole, from there on"
        )
    packed = _unbase32(text.removeprefix(PREFIX))
    if packed[0] != VERSION:
        raise _other_version(packed[0])
    if packed[1] != InviteKind.ONE_TIME:
        raise ConfigError(
            "this kind of invite is not known to this onionchat", hint="ask for a one-time invite"
        )
    return Invite(
        expires_hour=int.from_bytes(packed[2:6], "big"),
        onion=packed[6:38],
        static=packed[38:70],
        secret=packed[70:86],
    )


def _unbase32(text: str) -> bytes:
    damaged = ConfigError(
        "this invite is damaged: a letter was lost or mistyped", hint="copy it again, whole"
    )
    if not text.isascii() or len(text) > 4 * SIZE:
        raise damaged
    try:
        packed = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        raise damaged from None
    if len(packed) != SIZE and packed[:1] and VERSION < packed[0] <= PLAUSIBLE_VERSIONS:
        raise _other_version(packed[0])
    if len(packed) != SIZE or _checksum(packed[:-_CHECKSUM]) != packed[-_CHECKSUM:]:
        raise damaged
    return packed


def _other_version(version: int) -> ConfigError:
    return ConfigError(
        f"this invite is of version {version}, which this onionchat does not speak (or it was mistyped)",
        hint="update onionchat, or ask for an invite of version 1",
    )


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM, person=labels.INVITE_CHECKSUM).digest()
