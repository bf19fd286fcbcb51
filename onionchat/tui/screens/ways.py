"""What unlocks the vault, and what can be changed about it.

Laws: nothing here says whether there is a second passphrase; who looks over a shoulder must not learn it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Static

from ...control.replies import VaultWays
from ...control.requests import VaultShow
from ...errors import OnionchatError
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from . import way
from .panel import Sheet, prose


class WaysSheet(Sheet[None]):
    """The ways to unlock, and a line for each change."""

    TITLE: ClassVar[str] = "What unlocks your vault"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._changes: list[type[way.WaySheet]] = []

    def parts(self) -> ComposeResult:
        """What there is, and what can be done."""
        yield prose("one moment …", id="ways")
        yield Choices(())

    def on_mount(self) -> None:
        """Learn what there is."""
        self._look()

    @work
    async def _look(self) -> None:
        try:
            ways = await self.session.ask(VaultShow(), VaultWays)
        except OnionchatError as error:
            self.note.complain(error)
            return
        self.query_one("#ways", Static).update(wording.ways(ways))
        offered = list(_changes(ways))
        self._changes = [change for _, change in offered]
        choices = self.query_one(Choices)
        choices.clear_options()
        choices.add_options(label for label, _ in offered)
        choices.highlighted = 0
        choices.focus()

    @on(Choices.OptionSelected)
    def selected(self, event: Choices.OptionSelected) -> None:
        """Change it."""
        self.note.clear()
        self.app.push_screen(self._changes[event.option_index](self.session), self._changed)

    def _changed(self, said: str | None) -> None:
        if said is not None:
            self.note.say(said)
            self._look()


def _changes(ways: VaultWays) -> Iterator[tuple[str, type[way.WaySheet]]]:
    """What can be changed where these are the ways."""
    yield "Change the passphrase", way.ChangePassphrase
    yield "Take another key file" if ways.key_file else "Add a key file", way.AddKeyFile
    if ways.key_file:
        yield "Remove the key file", way.RemoveKeyFile
    yield "Take another security key" if ways.credential else "Add a security key", way.AddSecurityKey
    if ways.credential:
        yield "Remove the security key", way.RemoveSecurityKey
    yield "Make other recovery words" if ways.recovery else "Make recovery words", way.MakeRecovery
    if ways.recovery:
        yield "Remove the recovery words", way.RemoveRecovery
    yield "Set a second passphrase that burns", way.SetDuress
    yield "Remove the second passphrase", way.RemoveDuress
