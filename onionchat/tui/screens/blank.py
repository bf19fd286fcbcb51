"""What stands there from the key that locks until the engine has locked: nothing that anybody said."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from ..widgets.bars import KeyBar
from .panel import Panel, prose


class BlankScreen(Panel[None]):
    """Takes the keys, too: who types a passphrase early must not write it to somebody."""

    def compose(self) -> ComposeResult:
        """What is being waited for, and what can be done where it takes long."""
        with Vertical(id="sheet") as box:
            box.border_title = "Locking"
            yield prose("The keys leave the memory once the engine hears of it: a moment, if it is busy.")
            yield prose("Should it not answer: F12 three times burns everything, ctrl+q closes this window.")
            yield self.note
        yield KeyBar()
