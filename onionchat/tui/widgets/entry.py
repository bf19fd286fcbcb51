"""Fields to write in. Pasted text is made safe before it is shown; a secret is never copied out."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, TextArea

from ...control.text import plain


class Entry(Input):
    """One line of text."""

    def on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted as one safe line."""
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(plain(event.text, multiline=False))


class Secret(Input):
    """A passphrase: hidden, and never given to the clipboard."""

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002 -- Textual's own word
        super().__init__(placeholder=placeholder, password=True, id=id)

    def action_copy(self) -> None:
        """Nothing: a passphrase stays here."""

    def action_cut(self) -> None:
        """Nothing: a passphrase stays here."""


class Draft(TextArea):
    """Several lines of plain text."""

    def __init__(self, *, id: str, placeholder: str = "") -> None:  # noqa: A002 -- Textual's own word
        super().__init__(id=id, placeholder=placeholder, highlight_cursor_line=False, compact=True)

    def on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, made safe."""
        event.prevent_default()
        event.stop()
        self.insert(plain(event.text))
        self.scroll_cursor_visible()


class Composer(Draft):
    """Where a message is written. Enter sends it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", priority=True, tooltip="Send what is written."),
        Binding(
            "ctrl+j,shift+enter,alt+enter",
            "newline",
            "New line",
            priority=True,
            tooltip="Begin a new line in the message.",
        ),
    ]

    class Submitted(Message):
        """Enter was pressed."""

    def action_submit(self) -> None:
        """Ask the screen to send the text."""
        self.post_message(self.Submitted())

    def action_newline(self) -> None:
        """Insert a line break."""
        self.insert("\n")
        self.scroll_cursor_visible()
