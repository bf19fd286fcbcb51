"""Before the conversations: making a vault, or unlocking it.

Laws: what is typed here leaves with the request and is kept in no field; the PIN of a security key goes to
the key and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import ClassVar, Final

from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from ...client.key_file import key_file_secret
from ...client.phrase import new_passphrase, strength
from ...control.limits import MAX_PASSPHRASE
from ...control.replies import Done, VaultWays
from ...control.requests import Unlock, VaultShow
from ...errors import ConfigError, OnionchatError
from ..widgets.bars import KeyBar, Note
from ..widgets.entry import Entry, Secret
from .panel import NEXT_FIELD, Panel, prose

USUAL_MEMORY: Final = 512
"""MiB that a try of a passphrase takes where a machine has them."""
_SLOW: Final = "one moment: this is slow on purpose, so that guessing is slow too"


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


class Holder:
    """The person with the security key, who typed its PIN before; asked from another thread."""

    def __init__(self, app: App[None], note: Note, pin: str) -> None:
        self._app, self._note, self._pin = app, note, pin

    def pin(self) -> str:
        """The PIN as it was typed."""
        return self._pin

    def touch(self) -> None:
        """Say that the key waits."""
        self._app.call_from_thread(self._note.say, "touch the security key")


class UnlockScreen(Start):
    """One passphrase, and the factors that the vault asks for."""

    BINDINGS: ClassVar[list[BindingType]] = [NEXT_FIELD]
    HEADING: ClassVar[str] = "Unlock your vault"

    def parts(self) -> ComposeResult:
        """The passphrase, and fields for factors that are shown where they are asked for."""
        yield prose("Your identities, contacts and messages are sealed with your passphrase.")
        yield Secret("Passphrase", id="passphrase")
        yield Entry(placeholder="The key file: its path", id="key-file")
        yield Secret("The security key's PIN (none: leave it empty)", id="pin")
        yield prose("Forgot it, or lost the key? With recovery words: onionchat vault recover", id="recovery")

    def on_mount(self) -> None:
        """Learn what the vault asks for."""
        self._ways: VaultWays | None = None
        for field in ("#key-file", "#pin", "#recovery"):
            self.query_one(field).display = False
        self._look()

    @work
    async def _look(self) -> None:
        try:
            self._ways = await self.session.ask(VaultShow(), VaultWays)
        except OnionchatError as error:
            self.note.complain(error)
            return
        self.query_one("#key-file").display = self._ways.key_file
        self.query_one("#pin").display = bool(self._ways.credential)
        self.query_one("#recovery").display = self._ways.key_file or bool(self._ways.credential)

    @on(Secret.Submitted)
    @on(Entry.Submitted)
    def unlock(self) -> None:
        """Unlock."""
        if self.usable():
            self._unlock(self.passphrase(), self.query_one("#pin", Secret).value)
            self.start_again()

    @work(exclusive=True)
    async def _unlock(self, passphrase: str, pin: str) -> None:
        try:
            file_secret = await self._key_file()
            key_secret = await self._security_key(pin)
        except OnionchatError as error:
            self.note.complain(error)
            return
        self.attempt(
            Unlock(passphrase=passphrase, key_file=file_secret, security_key=key_secret),
            Done,
            lambda _: self.post_message(Opened()),
            meanwhile=_SLOW,
        )

    async def _key_file(self) -> bytes | None:
        if self._ways is None or not self._ways.key_file:
            return None
        path = self.query_one("#key-file", Entry).value
        if not path:
            raise ConfigError("the vault asks for its key file, too", hint="type its path")
        return await asyncio.to_thread(key_file_secret, Path(path).expanduser())

    async def _security_key(self, pin: str) -> bytes | None:
        if self._ways is None or not self._ways.credential:
            return None
        from ...client import security_key  # noqa: PLC0415 -- fido2, only where a key is used

        def ask(credential: bytes) -> bytes:
            with security_key.find() as device:
                return security_key.secret_of(device, credential, Holder(self.app, self.note, pin))

        return await asyncio.to_thread(ask, self._ways.credential)


class MakeVaultScreen(Start):
    """A new passphrase, twice, with its strength; or one of six words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        NEXT_FIELD,
        Binding("f2", "six_words", "Six words", tooltip="Make a passphrase of six words by chance."),
    ]
    HEADING: ClassVar[str] = "Welcome to onionchat"

    def parts(self) -> ComposeResult:
        """The passphrase, twice."""
        yield prose(
            "First, a vault: the folder on this computer in which everything is kept, sealed with a "
            "passphrase that only you know."
        )
        yield prose("There is no way to reset it. If you forget it, what is inside is lost.")
        yield Secret("Passphrase", id="passphrase")
        yield Static(id="strength", markup=False)
        yield Secret("The same once more", id="again")

    @on(Secret.Changed, "#passphrase")
    def judge(self, event: Secret.Changed) -> None:
        """Say how strong it is, as far as it was typed."""
        shown = self.query_one("#strength", Static)
        if not event.value:
            shown.update("F2 makes one of six words for you.")
            return
        found = strength(event.value)
        weak = " Whoever gets a copy of the vault can guess it." if found.is_weak else ""
        shown.update(f"Strength: {found.words}.{weak}")

    def action_six_words(self) -> None:
        """Fill in six words and show them; they are to be written down and typed once."""
        made = new_passphrase(os.urandom)
        with self.prevent(Secret.Changed):
            self.query_one("#passphrase", Secret).value = made
        self.query_one("#strength", Static).update(
            f"Write it down, then type it below. It is not shown again:\n{made}"
        )
        self.query_one("#again", Secret).focus()

    @on(Secret.Submitted)
    def make(self, event: Secret.Submitted) -> None:
        """Make the vault."""
        if event.input.id == "passphrase" and not self.passphrase("#again"):
            self.set_focus(self.query_one("#again"))  # at once: the next keys belong there
        elif self.passphrase() != self.passphrase("#again"):
            self.note.complain(ConfigError("the two are not the same", hint="type both again"))
            self.start_again()
        elif self.usable():
            request = Unlock(passphrase=self.passphrase(), create=True)
            self.attempt(request, Done, lambda _: self._tell_cost(), meanwhile=_SLOW)
            self.start_again()

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
