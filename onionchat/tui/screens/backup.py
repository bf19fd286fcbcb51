"""Making a backup: a file, the vault's passphrase, and one for the backup.

Laws: what is typed here leaves with the request; no passphrase is kept in a field after that.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from ...client.backup_file import require_written
from ...control.replies import Backup
from ...control.requests import AnyRequest, BackupMake
from ...errors import ConfigError, StoreError
from .. import wording
from ..widgets.entry import Entry, Secret
from .start import SLOW, whole_path
from .way import NewPassphraseSheet


class BackupSheet(NewPassphraseSheet):
    """Write identities and contacts to a file. Dismissed with what became of it."""

    TITLE: ClassVar[str] = "Make a backup"
    SENTENCE: ClassVar[str] = (
        "Your identities and contacts, without anything that was said. Whoever has the file and its "
        "passphrase can take your place, and your contacts would be told that you come from a backup."
    )
    NEW: ClassVar[str] = "A passphrase for the backup"
    SEALED: ClassVar[str] = "the backup"

    def parts(self) -> ComposeResult:
        """Where it goes, too."""
        sentence, *rest = super().parts()
        yield sentence
        yield Entry(placeholder="A file that is not there yet, such as /media/stick/backup", id="file")
        yield from rest

    def go(self, passphrase: str) -> None:
        """Only with a file to write to."""
        typed = self.query_one("#file", Entry)
        try:
            self._file = whole_path(typed.value)
        except ConfigError as error:
            self.note.complain(error)
            typed.focus()
            return
        if typed.value:
            self._was_there = self._file.is_file()
            super().go(passphrase)
        else:
            self.refuse("no file was named", "#file")

    def request(self, passphrase: str) -> AnyRequest:
        """The file and both passphrases."""
        new = self.query_one("#new", Secret).value
        return BackupMake(file=str(self._file), passphrase=passphrase, new=new)

    def ask(self, request: AnyRequest) -> None:
        """Ask the engine, and look whether the file is there."""
        self.attempt(request, Backup, self._made, meanwhile=SLOW)

    def _made(self, made: Backup) -> None:
        try:
            require_written(self._file, before=self._was_there)
        except StoreError as error:
            self.note.complain(error)
        else:
            self.dismiss(wording.backup(made))
