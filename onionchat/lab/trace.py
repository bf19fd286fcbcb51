"""What was seen in windows of time, and the file that keeps it, so that a long measurement can go on later.

Laws: times and sizes only. A file begins with the settings that it was made with, and goes on only with the
same; a block of windows is written whole or counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from ..errors import ConfigError
from .legs import Packets
from .stage import LegName


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How windows were made."""

    tick: float
    """Seconds."""
    ticks: int
    """Of one window."""
    gap: int
    """Ticks between two windows, in which what was begun comes to its end."""
    scenarios: Sequence[str]
    seed: int

    @property
    def span(self) -> float:
        """Seconds of one window."""
        return self.tick * self.ticks


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What passed on one leg: seconds from the window's begin, and bytes (below 0 what came in)."""

    at: Sequence[float]
    size: Sequence[int]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One window."""

    scenario: str
    begin: float
    """Monotonic seconds."""
    life: int
    """Which run of the engines it belongs to: within one the link's slots are evenly spaced."""
    legs: dict[LegName, Seen]


Block = Sequence[Window]
"""One window of each scenario, close to each other, in random order."""


def cut_out(packets: Packets, begin: float, span: float) -> Seen:
    """What passed within a window."""
    inside = packets[(packets["at"] >= begin) & (packets["at"] < begin + span)]
    inside = inside[np.argsort(inside["at"], kind="stable")]
    sign = 2 * inside["out"].astype(int) - 1
    return Seen(at=(inside["at"] - begin).round(6).tolist(), size=(inside["size"] * sign).tolist())


class Keep:
    """A file of blocks.

    Args:
        file: it is made if it is not there.
        settings: what its blocks are made with.

    Raises:
        ConfigError: it was made with others, or it cannot be used.
    """

    def __init__(self, file: Path, settings: Settings) -> None:
        self._file = file
        self.blocks: list[Block] = []
        try:
            lines = (
                file.read_bytes().split(b"\n")[:-1] if file.exists() else []
            )  # what was cut off is dropped
            if not lines:
                lines = [msgspec.json.encode(settings)]
            if msgspec.json.decode(lines[0], type=Settings) != msgspec.json.decode(
                msgspec.json.encode(settings), type=Settings
            ):
                raise ConfigError(
                    f"{file} was made with other settings", hint="keep this measurement in another folder"
                )
            self.blocks = [msgspec.json.decode(line, type=list[Window]) for line in lines[1:]]
            file.write_bytes(b"".join(line + b"\n" for line in lines))
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(f"{file} cannot be used", hint="keep it in another folder") from error

    def add(self, block: Block) -> None:
        """Keep another block."""
        self.blocks.append(block)
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(block) + b"\n")
