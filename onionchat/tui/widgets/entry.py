"""Fields to write in. Pasted text is made safe before it is shown; a secret is never copied out.

Laws: Enter is handled where characters are, in the field's own queue and never by a priority binding: those
run before what was typed ahead of them has arrived, and would send half a message.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, TextArea

from ...control.text import plain

ENTER = Binding("enter", "submit", "Confirm", tooltip="Go on with what was typed.")


class Entry(Input):
    """One line of text."""

    BINDINGS: ClassVar[list[BindingType]] = [ENTER]

    async def on_key(self, event: events.Key) -> None:
        """Enter, in its turn."""
        if event.key == "enter":
            event.prevent_default()
            event.stop()
            await self.action_submit()

    def on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted as one safe line."""
        event.prevent_default()
        event.stop()
        self.replace(plain(event.text, multiline=False), *self.selection)


class Secret(Input):
    """A passphrase: hidden, and never given to the clipboard."""

    BINDINGS: ClassVar[list[BindingType]] = [ENTER]

    def __init__(self, placeholder: str, *, id: str) -> None:  # noqa: A002 -- Textual's own word
        super().__init__(placeholder=placeholder, password=True, id=id)

    async def on_key(self, event: events.Key) -> None:
        """Enter, in its turn."""
        if event.key == "enter":
            event.prevent_default()
            event.stop()
            await self.action_submit()

    def action_copy(self) -> None:
        """Nothing: a passphrase stays here."""

    def action_cut(self) -> None:
        """Nothing: a passphrase stays here."""


class Draft(TextArea):
    """Several lines of plain text. Enter submits them."""

    BINDINGS: ClassVar[list[BindingType]] = [ENTER]

    class Submitted(Message):
        """Enter was pressed; ``text`` is what stood there at that moment."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str, placeholder: str = "") -> None:  # noqa: A002 -- Textual's own word
        super().__init__(id=id, placeholder=placeholder, highlight_cursor_line=False, compact=True)

    def on_key(self, event: events.Key) -> None:
        """Enter, in its turn."""
        if event.key == "enter":
            event.prevent_default()
            event.stop()
            self.action_submit()

    def on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, made safe."""
        event.prevent_default()
        event.stop()
        self.replace(plain(event.text), *self.selection, maintain_selection_offset=False)
        self.scroll_cursor_visible()

    def action_submit(self) -> None:
        """Hand the text to the screen."""
        self.post_message(self.Submitted(self.text))


class Composer(Draft):
    """Where a message to one contact is written. What is sent leaves it at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", tooltip="Send what is written."),
        Binding(
            "ctrl+j,shift+enter,alt+enter",
            "newline",
            "New line",
            tooltip="Begin a new line in the message.",
        ),
    ]

    class Sent(Message):
        """Enter was pressed. ``contact`` is whom the text was written to, whatever is shown by now."""

        def __init__(self, contact: str, text: str) -> None:
            super().__init__()
            self.contact, self.text = contact, text

    NEWLINE: ClassVar[set[str]] = {"ctrl+j", "shift+enter", "alt+enter"}

    def __init__(self) -> None:
        super().__init__(id="composer")
        self.contact: str | None = None

    def open(self, contact: str, draft: str) -> None:
        """Go on with a draft for ``contact``."""
        self.contact, self.text = contact, draft
        self.move_cursor(self.document.end)

    def close(self) -> None:
        """There is nobody to write to; nothing that was written stays here, nor can it be undone back."""
        self.contact, self.text = None, ""

    def on_key(self, event: events.Key) -> None:
        """Line breaks, in their turn."""
        if event.key in self.NEWLINE:
            event.prevent_default()
            event.stop()
            self.action_newline()

    def action_submit(self) -> None:
        """Hand the text over and begin anew."""
        text = self.text
        if self.contact is not None and text.strip():
            self.text = ""
            self.post_message(self.Sent(self.contact, text))

    def action_newline(self) -> None:
        """Insert a line break."""
        self.insert("\n")
        self.scroll_cursor_visible()
