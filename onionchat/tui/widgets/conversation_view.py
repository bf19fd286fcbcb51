"""The messages of one conversation, drawn line by line so that length costs nothing.

Laws: only lines on screen are drawn, and a countdown redraws its own line. What the view reports as seen
was on a person's screen.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...control.replies import Message
from .. import wording
from .row import GUTTER_MINE, GUTTER_THEIRS, POINTER, SYSTEM, Row, lay_out

EMPTY = " No messages here now. What you write vanishes after its time."


class ConversationView(ScrollView, can_focus=True):
    """A conversation; arrow keys select a message."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "conversation--mine",
        "conversation--theirs",
        "conversation--detail",
        "conversation--text",
        "conversation--system",
        "conversation--selected",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "select(-1)", "Older", tooltip="Select the message above."),
        Binding("down", "select(1)", "Newer", tooltip="Select the message below."),
        Binding(
            "d,delete",
            "screen.delete_message",
            "Delete",
            tooltip="Delete the selected message, here or for both.",
        ),
    ]

    class Seen(Event):
        """Received messages were on screen."""

        def __init__(self, messages: list[str]) -> None:
            super().__init__()
            self.messages = messages

    def __init__(self) -> None:
        super().__init__(id="conversation")
        self._peer = ""
        self._now = 0.0
        self._rows: list[Row] = []
        self._cache: dict[str, Row] = {}
        self._tops: list[int] = []
        self._selected: str | None = None
        self._drawn: dict[str, str] = {}
        """The countdown of each message as it was last drawn."""
        self._messages: list[Message] = []
        self._following = True
        """Whether the newest message is kept on screen: until the reader scrolls up."""

    @property
    def selected(self) -> Message | None:
        """The selected message."""
        return next((one for one in self._messages if one.message == self._selected), None)

    def open(self, peer: str) -> None:
        """Begin with another conversation, still empty."""
        self._peer, self._selected, self._messages = peer, None, []
        self._cache.clear()
        self._following = True
        self._lay_out()

    def tell(self, peer: str, messages: list[Message], now: float) -> None:
        """Show these messages. The view follows the newest, or stays where the reader is."""
        self._peer, self._now, self._messages = peer, now, messages
        if self.selected is None:
            self._selected = None
        self._lay_out()

    def tick(self, now: float) -> None:
        """Redraw the countdowns that read differently now, and no other line."""
        self._now = now
        for index in self._on_screen():
            message = self._rows[index].message
            if self._drawn.get(message.message) != wording.time_left(message, now):
                self.refresh_line(self._tops[index])

    def report_seen(self) -> None:
        """Say which received messages are on screen and were not said to have been read."""
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        fresh = [
            self._rows[index].message.message
            for index in self._on_screen()
            if self._rows[index].message.state == "received"
            and self._tops[index] + 1 < bottom  # more than its header
            and self._tops[index] + self._rows[index].height - 1 > top  # more than the blank line after it
        ]
        if fresh:
            self.post_message(self.Seen(fresh))

    def action_select(self, step: int) -> None:
        """Move the selection, starting at the newest message that can be selected."""
        choices = [row.message.message for row in self._rows if not row.message.system]
        if not choices:
            return
        if self._selected in choices:
            place = min(max(choices.index(self._selected) + step, 0), len(choices) - 1)
        else:
            place = len(choices) - 1
        self._selected = choices[place]
        index = next(i for i, row in enumerate(self._rows) if row.message.message == self._selected)
        top, bottom = self._tops[index], self._tops[index] + self._rows[index].height
        if top < self.scroll_offset.y:
            self.scroll_to(y=top, animate=False)
        elif bottom > self.scroll_offset.y + self.size.height:
            self.scroll_to(y=min(top, bottom - self.size.height), animate=False)
        self.refresh()

    def on_focus(self) -> None:
        """Select the newest message, so that keys have something to act on."""
        if self._selected is None:
            self.action_select(0)

    def on_resize(self, _: events.Resize) -> None:
        """Wrap for the new width."""
        self._lay_out()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """What is on screen changed."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._following = self.scroll_offset.y >= self.max_scroll_y
            self.report_seen()

    def render_line(self, y: int) -> Strip:
        """The line ``y`` cells below the top of the view."""
        width = self.scrollable_content_region.width
        y += self.scroll_offset.y
        index = bisect_right(self._tops, y) - 1
        if y == 1 and not self._rows:
            return self._strip([(EMPTY, "detail")], width)
        if index < 0 or y >= self.virtual_size.height:
            return Strip.blank(width, self.rich_style)
        row, line = self._rows[index], y - self._tops[index]
        if line == row.height - 1:
            return Strip.blank(width, self.rich_style)
        if row.message.system:
            return self._strip([(SYSTEM + row.body[line], "system")], width)
        selected = row.message.message == self._selected
        if line == 0:
            return self._header(row, width, selected=selected)
        gutter = GUTTER_MINE if row.message.mine else GUTTER_THEIRS
        side = "mine" if row.message.mine else "theirs"
        return self._strip([(gutter, side), (row.body[line - 1], "text")], width, selected=selected)

    def _header(self, row: Row, width: int, *, selected: bool) -> Strip:
        who, when, left = row.header(self._peer, self._now)
        self._drawn[row.message.message] = left
        side = "mine" if row.message.mine else "theirs"
        pointer = POINTER if selected else " "
        room = max(0, width - cell_len(left) - 1)
        used = min(room, cell_len(pointer + who + when))
        parts = [(pointer, side), (who, side), (when, "detail"), (" " * (room - used), "detail")]
        return self._strip([*parts, (left, "detail")], width, selected=selected)

    def _strip(self, parts: list[tuple[str, str]], width: int, *, selected: bool = False) -> Strip:
        """Cells of exactly ``width``; what does not fit is cut, never wrapped."""
        base = self.rich_style
        if selected and self.has_focus:
            base += self.get_component_rich_style("conversation--selected", partial=True)
        segments: list[Segment] = []
        room = width
        for text, kind in parts:
            fitting = text if cell_len(text) <= room else set_cell_size(text, room)
            style: Style = base + self.get_component_rich_style(f"conversation--{kind}", partial=True)
            segments.append(Segment(fitting, style))
            room -= cell_len(fitting)
        segments.append(Segment(" " * room, base))
        return Strip(segments, width)

    def _lay_out(self) -> None:
        """Wrap what is new or changed, and keep the reader's place."""
        width = self.scrollable_content_region.width
        place = self._place()
        cache = self._cache
        self._cache = {}
        for message in self._messages:
            row = cache.get(message.message)
            if row is None or row.width != width or row.message is not message:
                row = lay_out(message, width)
            self._cache[message.message] = row
        self._rows = list(self._cache.values())
        *self._tops, height = accumulate((row.height for row in self._rows), initial=0)
        self._drawn.clear()
        self.virtual_size = Size(width, height)
        if self._following:
            self.scroll_to(y=height, animate=False, force=True)
        elif place is not None:
            self._return_to(*place)
        self.refresh()
        self.call_after_refresh(self.report_seen)

    def _place(self) -> tuple[int, str, int] | None:
        """The row at the top of the screen: its place, its message, and how far it is scrolled into."""
        index = bisect_right(self._tops, self.scroll_offset.y) - 1
        if index < 0:
            return None
        return index, self._rows[index].message.message, self.scroll_offset.y - self._tops[index]

    def _return_to(self, index: int, message: str, into: int) -> None:
        """Scroll so that the same message is on top; if it is gone, the one that took its place."""
        ids = list(self._cache)
        if message in self._cache:
            index = ids.index(message)
        else:
            index, into = min(index, len(ids) - 1), 0
        if ids:
            self.scroll_to(y=self._tops[index] + into, animate=False, force=True)

    def _on_screen(self) -> range:
        """The rows with a line on screen."""
        if not self._rows or not self.size.height:
            return range(0)
        top = self.scroll_offset.y
        first = max(0, bisect_right(self._tops, top) - 1)
        last = bisect_right(self._tops, top + self.size.height - 1)
        return range(first, last)
