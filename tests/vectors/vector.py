"""A vector as a file: a head of ``key: value`` lines, an empty line, and blocks of hexadecimal.

The form is described in README.md beside this file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent / "v1"
LINE: Final = 40
"""Bytes on a line of a block."""
_ZEROS: Final = re.compile(r"00 \* (\d+)")
_FEWEST_ZEROS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """What a file says.

    Attributes:
        name: folder and file, without the ending: ``invite/expired``.
        head: the lines of the head, in order; a key may come several times.
        blocks: the bytes of the body's blocks.
    """

    name: str
    head: tuple[tuple[str, str], ...]
    blocks: tuple[bytes, ...] = ()

    @property
    def kind(self) -> str:
        return self.text("kind")

    @property
    def expect(self) -> str:
        return self.text("expect")

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.head if name == key]

    def has(self, key: str) -> bool:
        return bool(self.all(key))

    def text(self, key: str) -> str:
        (value,) = self.all(key)
        return value

    def number(self, key: str) -> int:
        return int(self.text(key))

    def octets(self, key: str) -> bytes:
        return bytes.fromhex(self.text(key))

    def write(self) -> str:
        """The file's text."""
        lines = [f"{key}: {value}".rstrip() for key, value in self.head]
        for block in self.blocks:
            lines += ["", *_lines(block)]
        return "\n".join(lines) + "\n"


def read(file: Path) -> Vector:
    """The vector in a file."""
    head, *blocks = file.read_text(encoding="ascii").rstrip("\n").split("\n\n")
    pairs = [line.partition(":") for line in head.splitlines()]
    return Vector(
        name=str(file.relative_to(HERE).with_suffix("")),
        head=tuple((key, value.strip()) for key, _, value in pairs),
        blocks=tuple(_octets(block) for block in blocks),
    )


def files() -> list[Path]:
    """Every vector of version 1."""
    return sorted(HERE.rglob("*.txt"))


def _octets(block: str) -> bytes:
    return b"".join(
        bytes(int(run[1])) if (run := _ZEROS.fullmatch(line)) else bytes.fromhex(line)
        for line in block.splitlines()
    )


def _lines(block: bytes) -> list[str]:
    """Lines of hexadecimal, with long runs of zeros cut short."""
    lines = []
    for piece in re.split(b"(\\x00{%d,})" % _FEWEST_ZEROS, block):
        if len(piece) >= _FEWEST_ZEROS and not piece.strip(b"\0"):
            lines.append(f"00 * {len(piece)}")
        else:
            lines += [piece[at : at + LINE].hex() for at in range(0, len(piece), LINE)]
    return lines
