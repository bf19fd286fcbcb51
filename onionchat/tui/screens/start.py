"""Before the conversations: making a vault, or unlocking it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from ...control.limits import MAX_PASSPHRASE
from ...control.replies import Done
from ...control.requests import Unlock
from ...errors import ConfigError
from ..widgets.bars import KeyBar
from ..widgets.entry import Secret
from .panel import NEXT_FIELD, Panel, prose


class Opened(Message):
    """The vault is open."""


class Start(Panel[None]):
    """A box in the middle of an empty screen."""

    HEADING: ClassVar[str] = ""

    def compose(self) -> ComposeResult:
        """A heading, the question, and errors."""
        with Vertical(id="sheet") as box:
            box.border_title = self.HEADING
            yield from self.parts()
            yield self.note
        yield KeyBar()

    def parts(self) -> ComposeResult:
        """What is asked."""
        yield from ()

    def passphrase(self, field: str = "#passphrase") -> str:
        """What was typed."""
        return self.query_one(field, Secret).value

    def open(self, *, create: bool) -> None:
        """Ask the engine to open the vault; a passphrase that was refused is asked for again."""
        passphrase = self.passphrase()
        if not passphrase:
            self.note.complain(ConfigError("the passphrase is empty", hint="type one and press Enter"))
            return
        if len(passphrase) > MAX_PASSPHRASE:
            self.note.complain(ConfigError(f"a passphrase has at most {MAX_PASSPHRASE} characters"))
            return
        self.attempt(
            Unlock(passphrase=passphrase, create=create),
            Done,
            lambda _: self.post_message(Opened()),
            meanwhile="one moment: this is slow on purpose, so that guessing is slow too",
        )
        self._start_again()

    def _start_again(self) -> None:
        """Empty fields: nobody can see what is left in one, and would type behind it."""
        for secret in self.query(Secret):
            secret.value = ""
        self.query_one("#passphrase").focus()


class UnlockScreen(Start):
    """One passphrase."""

    HEADING: ClassVar[str] = "Unlock your vault"

    def parts(self) -> ComposeResult:
        """The passphrase."""
        yield prose("Your identities, contacts and messages are sealed with your passphrase.")
        yield Secret("Passphrase", id="passphrase")

    @on(Secret.Submitted)
    def unlock(self) -> None:
        """Unlock."""
        self.open(create=False)


class MakeVaultScreen(Start):
    """A new passphrase, twice."""

    BINDINGS: ClassVar[list[BindingType]] = [NEXT_FIELD]
    HEADING: ClassVar[str] = "Welcome to onionchat"

    def parts(self) -> ComposeResult:
        """The passphrase, twice."""
        yield prose(
            "First, a vault: the folder on this computer in which everything is kept, sealed with a "
            "passphrase that only you know."
        )
        yield prose("There is no way to reset it. If you forget it, what is inside is lost.")
        yield Secret("Passphrase", id="passphrase")
        yield Secret("The same once more", id="again")

    @on(Secret.Submitted)
    def make(self, event: Secret.Submitted) -> None:
        """Make the vault."""
        if event.input.id == "passphrase" and not self.passphrase("#again"):
            self.set_focus(self.query_one("#again"))  # at once: the next keys belong there
        elif self.passphrase() != self.passphrase("#again"):
            self.note.complain(ConfigError("the two are not the same", hint="type both again"))
            self._start_again()
        else:
            self.open(create=True)
