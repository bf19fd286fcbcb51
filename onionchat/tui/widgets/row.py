"""One message as lines of cells.

Laws: our own words stand on header lines and system lines, the peer's text only behind a gutter on lines of
its own: whatever it says, it can neither look like a header nor like a line of ours, and a terminal that
reorders right-to-left text has nothing else on the line to reorder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from ...control.replies import Message
from ...control.text import plain
from .. import wording

GUTTER_THEIRS: Final = " │ "
GUTTER_MINE: Final = " ┃ "
SYSTEM: Final = " ── "
POINTER: Final = "❯"
NARROWEST: Final = 20
WIDEST_NAME: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A message laid out for a width in cells: one header (none for a system line), then its text."""

    message: Message
    width: int
    body: tuple[str, ...]

    @property
    def height(self) -> int:
        """Lines, with the blank one that follows."""
        return len(self.body) + (1 if self.message.system else 2)

    def header(self, peer: str, now: float) -> tuple[str, str, str]:
        """Who, then when and its state, then the time it has left (right-aligned by the caller)."""
        message = self.message
        who = set_cell_size(peer, WIDEST_NAME).rstrip() if cell_len(peer) > WIDEST_NAME else peer
        state = wording.state(message)
        when = f"  {wording.clock(message.written, now)}" + (f"  {state}" if state else "")
        return ("you" if message.mine else who), when, wording.time_left(message, now)


def lay_out(message: Message, width: int) -> Row:
    """``message`` wrapped for ``width`` cells; its text is made safe here."""
    room = max(NARROWEST, width) - cell_len(GUTTER_MINE) - 1
    lines = tuple(line.plain for line in Content(plain(message.text)).wrap(room))
    return Row(message=message, width=width, body=lines)
