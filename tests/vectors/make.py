"""Write the vectors of version 1: ``python -m tests.vectors.make``, by hand, never in CI.

Every value follows from its name, but for what the KEM drew: encapsulation cannot be repeated, so what once
stood in ``v1/kem`` is used again. Running this on an unchanged program changes no file.
"""

from __future__ import annotations

from functools import cache
from hashlib import shake_256
from typing import Any

import msgspec

from onionchat.crypto import RandomSource
from onionchat.crypto.kem import KemPair, encapsulate

from .vector import HERE, Vector, files, read

Head = list[tuple[str, str]]


def value(name: str, size: int = 32) -> bytes:
    """Bytes that anybody can make again."""
    return shake_256(f"onionchat/1 vector {name}".encode()).digest(size)


def tape(*pieces: bytes) -> RandomSource:
    """A source that gives these pieces, in this order."""
    rest = iter(pieces)
    return lambda _: next(rest)


def flipped(data: bytes, place: int) -> bytes:
    """``data`` with one bit changed."""
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def payload(content: Any, size: int, *, length: int | None = None, packed: bytes | None = None) -> bytes:
    """Length, MessagePack of ``content`` (or ``packed``), zeros."""
    data = msgspec.msgpack.encode(content) if packed is None else packed
    used = len(data) if length is None else length
    return (used.to_bytes(2, "big") + data).ljust(size, b"\0")


class Folder:
    """All vectors of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.made: list[Vector] = []

    def add(self, name: str, expect: str, about: str, head: Head, *blocks: bytes) -> None:
        """One vector; ``about`` says what is special about it."""
        whole = [("kind", self.kind), ("expect", expect), ("about", about), *head]
        self.made.append(Vector(name=f"{self.kind}/{name}", head=tuple(whole), blocks=blocks))


@cache
def encapsulations() -> list[tuple[bytes, bytes, bytes]]:
    """Seed, secret and ciphertext of three encapsulations, as they were drawn once."""
    found = []
    for number in range(3):
        seed = value(f"kem seed {number}", 64)
        file = HERE / "kem" / f"ok-{number}.txt"
        if file.exists():
            vector = read(file)
            secret, ciphertext = vector.octets("secret"), vector.blocks[1]
        else:
            secret, ciphertext = encapsulate(KemPair.from_seed(seed).public)
        found.append((seed, secret, ciphertext))
    return found


def main() -> None:
    """Write what is new or different, take away what is no longer made, and say so."""
    from . import (
        make_bodies,
        make_cells,
        make_greetings,
        make_handshakes,
        make_invites,
        make_ratchets,
        make_sessions,
    )

    modules = (
        make_bodies,
        make_cells,
        make_greetings,
        make_handshakes,
        make_invites,
        make_ratchets,
        make_sessions,
    )
    vectors = [vector for module in modules for folder in module.folders() for vector in folder.made]
    wanted = {HERE / f"{vector.name}.txt": vector.write() for vector in vectors}
    assert len(wanted) == len(vectors)
    for file in files():
        if file not in wanted:
            print("gone", file.name)
            file.unlink()
    for file, text in wanted.items():
        if not file.exists() or file.read_text(encoding="ascii") != text:
            print("written", file.relative_to(HERE))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
