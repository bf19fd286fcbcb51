"""Making a backup: a file, the vault's passphrase, and one for the backup.

Laws: what is typed here leaves with the request; no passphrase is kept in a field after that.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from ...client.phrase import strength
from ...control.limits import MAX_PASSPHRASE
from ...control.replies import Backup
from ...control.requests import BackupMake
from ...errors import ConfigError
from ..widgets.entry import Entry, Secret
from .panel import NEXT_FIELD, Sheet, prose
from .start import SLOW


def whole_path(typed: str) -> Path:
    """The path that was typed, as the engine needs it.

    Raises:
        ConfigError: it begins with the home folder of nobody.
    """
    try:
        return Path(typed).expanduser().absolute()
    except RuntimeError:
        raise ConfigError("nobody has such a home folder", hint="write the whole path") from None


class BackupSheet(Sheet[Backup]):
    """Write identities and contacts to a file."""

    BINDINGS: ClassVar[list[BindingType]] = [NEXT_FIELD]
    TITLE: ClassVar[str] = "Make a backup"

    def parts(self) -> ComposeResult:
        """What it is, where it goes, and the passphrases."""
        yield prose(
            "Your identities and contacts, without anything that was said. Whoever has the file and its "
            "passphrase can take your place, and your contacts would be told that you come from a backup."
        )
        yield Entry(placeholder="A file that is not there yet, such as /media/stick/backup", id="file")
        yield Secret("The passphrase of your vault", id="passphrase")
        yield Secret("A passphrase for the backup", id="new")
        yield Static(id="strength", markup=False)
        yield Secret("The same once more", id="again")

    @on(Input.Changed, "#new")
    def judge(self, event: Input.Changed) -> None:
        """Say how strong it is, as far as it was typed."""
        words = f"Strength: {strength(event.value).words}." if event.value else ""
        self.query_one("#strength", Static).update(words)

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Go on to the next field, or with what was typed."""
        if event.input.id != "again":
            self.focus_next()
            return
        file, passphrase, new, again = (field.value for field in self.query(Input))
        if not file or not passphrase or not 0 < len(new) <= MAX_PASSPHRASE:
            self.note.complain(
                ConfigError("something is missing", hint="a file, the vault's passphrase and another one")
            )
        elif new != again:
            self.note.complain(ConfigError("the two are not the same", hint="type both again"))
            self._empty("#new", "#again")
        else:
            self._make(file, passphrase, new)
            self._empty("#passphrase", "#new", "#again")

    def _make(self, file: str, passphrase: str, new: str) -> None:
        try:
            path = whole_path(file)
        except ConfigError as error:
            self.note.complain(error)
            return
        request = BackupMake(file=str(path), passphrase=passphrase, new=new)
        self.attempt(request, Backup, self.dismiss, meanwhile=SLOW)

    def _empty(self, *fields: str) -> None:
        for field in fields:
            self.query_one(field, Secret).value = ""
        self.query_one(fields[0]).focus()
