"""Every label of version 1, in one place.

Laws: a label belongs to one derivation and to no other, and begins ``onionchat/1 ``. Those given to BLAKE2b
as ``person`` have at most 16 bytes. Changing one makes another protocol. (A vault's own, which no other
program has to know, are in ``store``, and its box's in ``box``.)
"""

from __future__ import annotations

from typing import Final

PROLOGUE: Final = b"onionchat/1"
"""What a handshake's prologue begins with; the only one that is not a derivation's."""

INVITE_CHECKSUM: Final = b"onionchat/1 inv."
"""BLAKE2b ``person`` of an invite's checksum."""

INVITE_PSK: Final = b"onionchat/1 invite psk"
SESSION: Final = b"onionchat/1 session"
RECOVERY_PSK: Final = b"onionchat/1 recovery psk"
SESSION_AD: Final = b"onionchat/1 session ad"
ROOT: Final = b"onionchat/1 root"
ROOT_WITH_KEM: Final = b"onionchat/1 root with kem"

CHAIN: Final = b"onionchat/1 ck"
"""BLAKE2b ``person`` of the chain step."""

KEM_BINDING: Final = b"onionchat/1 kem"
"""BLAKE2b ``person`` of the hash that binds a KEM secret to its epoch, key and ciphertext."""
