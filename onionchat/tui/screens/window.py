"""A bulk window, for what would take too long at a conversation's pace."""

from __future__ import annotations

from typing import ClassVar, Final, get_args

from textual.app import ComposeResult

from ...control.replies import Contact
from ...control.requests import WindowAsk, WindowSeconds
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from .acts import Act, ActsSheet
from .panel import prose

LENGTHS: Final[tuple[WindowSeconds, ...]] = get_args(WindowSeconds)
"""Seconds, all that there are: few, so that the length tells little."""


class WindowSheet(ActsSheet):
    """Choose how long the window is that a contact is asked for."""

    TITLE: ClassVar[str] = "Send much at once"

    def __init__(self, session: Session, contact: Contact) -> None:
        super().__init__(session)
        self._at = contact.contact
        self._who = wording.name(contact.name)

    def parts(self) -> ComposeResult:
        """What it does, and the lengths."""
        yield prose(
            f"The window begins when {self._who} agrees. Then 20 cells leave each "
            "second to its end, whatever there is to send: who watches sees a window and its length, not how "
            "much was in it."
        )
        yield Choices(())

    def on_mount(self) -> None:
        """Show the lengths."""
        self.offer(
            [
                Act(
                    label=f"Ask {self._who} for a window of {seconds} s",
                    do=self.asking(WindowAsk(contact=self._at, seconds=seconds), Contact),
                )
                for seconds in LENGTHS
            ]
        )
