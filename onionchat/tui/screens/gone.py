"""The engine does not answer."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from ...errors import OnionchatError
from .. import wording
from ..session import Session
from ..widgets.bars import KeyBar
from .panel import Panel, prose


class TryAgain(Message):
    """The user wants another connection."""


class GoneScreen(Panel[None]):
    """What happened, what is safe, and two choices."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,r", "again", "Try again", tooltip="Connect to the engine again."),
    ]

    def __init__(self, session: Session, error: OnionchatError) -> None:
        super().__init__(session)
        self._error = error

    def compose(self) -> ComposeResult:
        """The sentence and the hint."""
        with Vertical(id="sheet") as box:
            box.border_title = "No connection to the engine"
            yield prose(wording.sentence(self._error.message))
            if self._error.hint:
                yield prose(wording.sentence(self._error.hint))
            yield prose("What you were writing is kept while this window stays open.")
            yield self.note
        yield KeyBar()

    def action_again(self) -> None:
        """Connect again."""
        self.post_message(TryAgain())
