"""What the vault keeps: named values, and how one is laid out before it is sealed.

Laws: what a value means is the caller's business. The name is sealed with the value; outside, only a tag of
it is used, and that tag stands in the key tree, not beside the sealed value.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from ..errors import VaultCorrupt

TAG_SIZE: Final = 16

_LENGTHS: Final = struct.Struct(">HHHI")
_SMALLEST_CLASS: Final = 512


@dataclass(frozen=True, slots=True)
class Name:
    """What a value is found by: its kind, the scope it is listed with, and its key within both.

    For example ``Name("message", contact_id, message_id)``. Each part is at most 65,535 bytes.
    """

    kind: str
    scope: bytes
    key: bytes


class Tags(NamedTuple):
    """16 bytes each that stand for a name, and for all names of its kind and scope."""

    name: bytes
    scope: bytes

    @classmethod
    def of(cls, name: Name) -> Self:
        """The tags of a name."""
        kind = name.kind.encode()
        return cls(_tag(b"onionchat/1 name", kind, name.scope, name.key), scope_tag(name.kind, name.scope))


@dataclass(frozen=True, slots=True)
class Record:
    """A value under its name, and when it ends; the value stays out of the record's repr."""

    name: Name
    value: bytes = field(repr=False)
    until: float = math.inf
    """Seconds since 1970 from which on `Vault.expire` erases it; infinity for never."""

    def encode(self) -> bytes:
        """Lay out name and value, padded with zeros to the next power of two from 512 bytes on.

        Who sees the sealed rows learns the size to a factor of two, and not where the name ends. When the
        value ends stands in the key tree alone.
        """
        kind = self.name.kind.encode()
        lengths = _LENGTHS.pack(len(kind), len(self.name.scope), len(self.name.key), len(self.value))
        plain = lengths + kind + self.name.scope + self.name.key + self.value
        return plain.ljust(max(_SMALLEST_CLASS, 1 << (len(plain) - 1).bit_length()), b"\0")

    @classmethod
    def decode(cls, plain: bytes, *, until: float = math.inf) -> Self:
        """Read what `encode` laid out; the bytes are authentic, so anything else is damage of our own making.

        Raises:
            VaultCorrupt: the parts do not fit.
        """
        if len(plain) < _LENGTHS.size:
            raise VaultCorrupt("a value in the vault is cut short")
        parts = []
        at = _LENGTHS.size
        for length in _LENGTHS.unpack_from(plain):
            parts.append(plain[at : at + length])
            at += length
        if at > len(plain):
            raise VaultCorrupt("a value in the vault is cut short")
        kind, scope, key, value = parts
        try:
            return cls(Name(kind.decode(), scope, key), value, until)
        except UnicodeDecodeError:
            raise VaultCorrupt("a value in the vault has a damaged name") from None


def scope_tag(kind: str, scope: bytes) -> bytes:
    """What `Tags.scope` is for every name of one kind and scope."""
    return _tag(b"onionchat/1 scop", kind.encode(), scope)


def _tag(label: bytes, *parts: bytes) -> bytes:
    tag = hashlib.blake2b(digest_size=TAG_SIZE, person=label)
    for part in parts:
        tag.update(len(part).to_bytes(4) + part)
    return tag.digest()
