"""«Invite», and the onion address of «Keys»."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from .primitives import Refused, blake2b, hkdf

PREFIX = "onionchat:"
BASE32_LENGTH = 144


def onion_address(onion: bytes) -> str:
    """Tor's rend-spec-v3, [ONIONADDRESS]: public key ‖ checksum ‖ version."""
    checksum = hashlib.sha3_256(b".onion checksum" + onion + b"\x03").digest()[:2]
    return base64.b32encode(onion + checksum + b"\x03").decode().lower() + ".onion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """The fields of version 1, kind 0."""

    expiry: int  # hours since 1970, 0 for never
    onion: bytes
    static: bytes
    secret: bytes

    @property
    def psk(self) -> bytes:
        return hkdf(salt=self.onion, ikm=self.secret, info=b"onionchat/1 invite psk", size=32)

    def is_past(self, now: float) -> bool:
        return self.expiry != 0 and now >= 3600 * self.expiry

    def text(self) -> str:
        data = bytes([1, 0]) + self.expiry.to_bytes(4, "big") + self.onion + self.static + self.secret
        data += blake2b(data, 4, person=b"onionchat/1 inv.")
        return PREFIX + base64.b32encode(data).decode().lower()


def read_invite(text: str) -> Invite:
    """Checks in the order of the text: prefix; length, alphabet and checksum; version; kind."""
    text = "".join(text.split()).lower()
    if not text.startswith(PREFIX):
        raise Refused("no invite")
    body = text[len(PREFIX) :]
    if len(body) != BASE32_LENGTH or set(body) - set("abcdefghijklmnopqrstuvwxyz234567"):
        raise Refused("damaged")
    data = base64.b32decode(body.upper())
    if blake2b(data[:86], 4, person=b"onionchat/1 inv.") != data[86:]:
        raise Refused("damaged")
    if data[0] != 1:
        raise Refused(f"version {data[0]}")
    if data[1] != 0:
        raise Refused(f"kind {data[1]}")
    return Invite(
        expiry=int.from_bytes(data[2:6], "big"), onion=data[6:38], static=data[38:70], secret=data[70:86]
    )
