"""Aligned columns.

Laws: every cell is made harmless first, for it may come from a peer; no cell can begin a line of its own, so
that no text can look like another row.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final

_GAP: Final = "  "
_MIN_TEXT: Final = 20
"""Columns that the last cell gets beside the others; with fewer left it goes below them."""
_UNKNOWN_WIDTH: Final = 80
_INDENT: Final = 4
"""Columns before a last cell that went below the others."""


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """``rows``, all with as many cells, as aligned columns.

    The last cell may have several lines and is wrapped to the terminal; its further lines are indented.
    """
    from ..control.text import plain

    if not rows:
        return ""
    cells = [[*map(one_line, row[:-1]), plain(row[-1])] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    indent = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    columns = _columns()
    below = columns - indent < _MIN_TEXT
    if below:
        indent = _INDENT
    lines = []
    for row in cells:
        text = [piece for line in row[-1].split("\n") for piece in _wrapped(line, max(1, columns - indent))]
        fixed = [
            cell + " " * (width - _width(cell)) for cell, width in zip(row[:-1], widths[:-1], strict=True)
        ]
        if below:
            lines.append(_GAP.join(fixed).rstrip())
        else:
            lines.append(_GAP.join([*fixed, text.pop(0)]).rstrip())
        lines += [" " * indent + piece for piece in text]
    return "\n".join(lines)


def _columns() -> int:
    """How wide the terminal really is, whatever COLUMNS says; without one there is no edge to wrap at."""
    if not sys.stdout.isatty():
        return sys.maxsize
    return os.get_terminal_size(sys.stdout.fileno()).columns or _UNKNOWN_WIDTH


def one_line(text: str) -> str:
    """``text`` made harmless, on one line."""
    from ..control.text import plain

    return plain(text).replace("\n", " ")


def _wrapped(line: str, room: int) -> list[str]:
    """``line`` cut into pieces of at most ``room`` columns."""
    pieces, piece, used = [], "", 0
    for char in line:
        width = _width(char)
        if used + width > room:
            pieces.append(piece)
            piece, used = "", 0
        piece += char
        used += width
    return [*pieces, piece]


def _width(cell: str) -> int:
    """Columns that a terminal gives to ``cell``."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in cell
    )
