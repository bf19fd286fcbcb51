"""Choosing a passphrase: for a vault that is made or restored, and after recovery words have opened one.

Laws: its strength is said while it is typed; one that was made here is shown until it was typed back.
"""

from __future__ import annotations

import os
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from ...client.phrase import new_passphrase, recovery_words, strength
from ...control.limits import MAX_PASSPHRASE, USUAL_MEMORY
from ...control.replies import Backup, Done, VaultWays
from ...control.requests import BackupRestore, Unlock, VaultRecover, VaultShow
from ...errors import ConfigError, OnionchatError
from ..widgets.entry import Entry, Secret
from .panel import NEXT_FIELD, prose
from .start import SLOW, Opened, Start, whole_path

SIX_WORDS: Final = Binding(
    "f2", "six_words", "Six words", tooltip="Make a passphrase of six words by chance."
)


def judged(typed: str, of: str = "the vault") -> str:
    """What is said of a new passphrase, as far as it was typed, and of what it seals."""
    if not typed:
        return "F2 makes one of six words for you."
    found = strength(typed)
    weak = f" Whoever gets a copy of {of} can guess it." if found.is_weak else ""
    return f"Strength: {found.words}.{weak}"


def to_write_down(made: str) -> str:
    """How a passphrase is shown that was made by chance."""
    return f"Write it down, then type it below. It is not shown again:\n{made}"


class Choosing(Start):
    """A new passphrase, twice, with its strength; or one of six words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        NEXT_FIELD,
        SIX_WORDS,
    ]
    NEW: ClassVar[str] = "Passphrase"

    def parts(self) -> ComposeResult:
        """The passphrase, twice."""
        yield Secret(self.NEW, id="passphrase")
        yield Static(id="strength", markup=False)
        yield Secret("The same once more", id="again")

    @on(Secret.Changed, "#passphrase")
    def judge(self, event: Secret.Changed) -> None:
        """Say how strong it is, as far as it was typed."""
        said = self.query_one("#strength", Static)
        said.update(judged(event.value))
        said.scroll_visible(animate=False)  # it may have grown beyond the edge

    def action_six_words(self) -> None:
        """Fill in six words and show them; they are to be written down and typed once."""
        made = new_passphrase(os.urandom)
        with self.prevent(Secret.Changed):
            self.query_one("#passphrase", Secret).value = made
        self.query_one("#strength", Static).update(to_write_down(made))
        self.query_one("#again", Secret).focus()

    @on(Secret.Submitted)
    def chosen(self, event: Secret.Submitted) -> None:
        """Go on to the next field, or with what was chosen."""
        if event.input.id != "again" and not self.passphrase("#again"):
            self.focus_next()  # at once: the next keys belong there
        elif self.passphrase() != self.passphrase("#again"):
            self.note.complain(ConfigError("the two are not the same", hint="type both again"))
            self.start_again()
        elif self.usable():
            self.choose(self.passphrase())

    def choose(self, passphrase: str) -> None:
        """Take it."""


class RecoverScreen(Choosing):
    """The recovery words, and a new passphrase."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="Unlock with the passphrase after all."),
    ]
    HEADING: ClassVar[str] = "Open your vault by recovery words"
    NEW: ClassVar[str] = "A new passphrase"

    def parts(self) -> ComposeResult:
        """The words, and the new passphrase twice."""
        yield prose("They work once. Afterwards no key file and no security key is needed any more.")
        with VerticalScroll(id="sheet-body", can_focus=False):
            yield Secret("The twelve words", id="words")
            yield from super().parts()

    def choose(self, passphrase: str) -> None:
        """Open the vault."""
        try:
            words = recovery_words(self.passphrase("#words"))
        except ConfigError as error:
            self.note.complain(error)
            self.query_one("#words").focus()
            return
        request = VaultRecover(words=words, new=passphrase)
        self.attempt(request, Done, lambda _: self.post_message(Opened()), meanwhile=SLOW)
        self.start_again()
        self.query_one("#words").focus()

    def action_back(self) -> None:
        """Back to the passphrase."""
        self.app.pop_screen()


class NewVault(Choosing):
    """A vault that there was not."""

    def made(self) -> None:
        """Go on, but say before where guesses at its passphrase cost less than usual."""
        self._tell_cost()

    @work
    async def _tell_cost(self) -> None:
        try:
            ways = await self.session.ask(VaultShow(), VaultWays)
        except OnionchatError:
            ways = None  # the vault was made all the same; what is wrong shows on the next screen
        if ways is not None and ways.memory < USUAL_MEMORY:
            self.app.notify(
                f"Each guess at your passphrase takes {ways.memory} MiB of memory, less than the usual "
                f"{USUAL_MEMORY}: this computer has no more to spare now.",
                timeout=20,
                markup=False,
            )
        self.post_message(Opened())


class RestoreScreen(NewVault):
    """A backup with its passphrase, and one for the vault that is made of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="Make a new vault after all."),
    ]
    HEADING: ClassVar[str] = "Restore from a backup"
    NEW: ClassVar[str] = "A passphrase for the vault here"

    def parts(self) -> ComposeResult:
        """The file, its passphrase, and a new one twice."""
        yield prose("Your contacts are told that you come from a backup. Use one copy alone, from now on.")
        with VerticalScroll(id="sheet-body", can_focus=False):
            yield Entry(placeholder="The backup, such as /media/stick/backup", id="file")
            yield Secret("The passphrase of the backup", id="backup")
            yield from super().parts()

    def choose(self, passphrase: str) -> None:
        """Make the vault of the backup."""
        file, sealed = self.query_one("#file", Entry), self.passphrase("#backup")
        try:
            path = whole_path(file.value)
        except ConfigError as error:
            self.note.complain(error)
            file.focus()
            return
        if not file.value or not 0 < len(sealed) <= MAX_PASSPHRASE:
            self.note.complain(ConfigError("something is missing", hint="a backup, and its passphrase"))
            self.query_one("#backup" if file.value else "#file").focus()
            return
        request = BackupRestore(file=str(path), passphrase=sealed, new=passphrase)
        self.attempt(request, Backup, lambda _: self.made(), meanwhile=SLOW)
        self.start_again()
        self.query_one("#backup").focus()

    def action_back(self) -> None:
        """Back to a new vault."""
        self.app.pop_screen()


class MakeVaultScreen(NewVault):
    """A first passphrase."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "restore", "Restore a backup", tooltip="Bring identities and contacts from a backup."),
    ]
    HEADING: ClassVar[str] = "Welcome to onionchat"

    def parts(self) -> ComposeResult:
        """What a vault is, and its passphrase twice."""
        yield prose(
            "First, a vault: the folder on this computer in which everything is kept, sealed with a "
            "passphrase that only you know."
        )
        yield prose("There is no way to reset it. If you forget it, what is inside is lost.")
        yield from super().parts()

    def choose(self, passphrase: str) -> None:
        """Make the vault."""
        request = Unlock(passphrase=passphrase, create=True)
        self.attempt(request, Done, lambda _: self.made(), meanwhile=SLOW)
        self.start_again()

    def action_restore(self) -> None:
        """Go to the backup."""
        self.app.push_screen(RestoreScreen(self.session))
