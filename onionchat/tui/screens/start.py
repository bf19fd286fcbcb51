"""What the screens before the conversations share: making a vault, unlocking it, recovering it.

Laws: what is typed here leaves with the request and is kept in no field.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from ...control.limits import MAX_PASSPHRASE
from ...errors import ConfigError
from ..widgets.bars import KeyBar
from ..widgets.entry import Secret
from .panel import Panel

SLOW: Final = "one moment: this is slow on purpose, so that guessing is slow too"


def whole_path(typed: str) -> Path:
    """The path that was typed, as the engine needs it.

    Raises:
        ConfigError: it begins with the home folder of nobody.
    """
    try:
        return Path(typed).expanduser().absolute()
    except RuntimeError:
        raise ConfigError("nobody has such a home folder", hint="write the whole path") from None


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

    def usable(self) -> bool:
        """Whether something was typed that can be a passphrase; otherwise it is said why not."""
        passphrase = self.passphrase()
        if not passphrase:
            self.note.complain(ConfigError("the passphrase is empty", hint="type one and press Enter"))
        elif len(passphrase) > MAX_PASSPHRASE:
            self.note.complain(ConfigError(f"a passphrase has at most {MAX_PASSPHRASE} characters"))
        else:
            return True
        return False

    def start_again(self) -> None:
        """Empty fields: nobody can see what is left in one, and would type behind it."""
        for secret in self.query(Secret):
            secret.value = ""
        self.query_one("#passphrase").focus()
