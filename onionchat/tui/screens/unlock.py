"""Unlocking a vault with its passphrase and the factors that it asks for.

Laws: the PIN of a security key goes to the key and nowhere else.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar, Final

from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from ...client.key_file import key_file_secret
from ...control.replies import Done, StatusReport, VaultWays
from ...control.requests import Status, Unlock, VaultShow
from ...errors import ConfigError, OnionchatError
from .. import wording
from ..widgets.bars import Note
from ..widgets.entry import Entry, Secret
from .choosing import RecoverScreen
from .panel import NEXT_FIELD, prose
from .start import SLOW, Opened, Start, whole_path

LOOK_SECONDS: Final = 5.0


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

    BINDINGS: ClassVar[list[BindingType]] = [
        NEXT_FIELD,
        Binding("f3", "recover", "Recovery words", tooltip="Open the vault by its recovery words."),
    ]
    HEADING: ClassVar[str] = "Unlock your vault"

    def parts(self) -> ComposeResult:
        """The passphrase, and fields for factors that are shown where they are asked for."""
        yield prose("Your identities, contacts and messages are sealed with your passphrase.")
        yield prose("", id="receiving")
        yield Secret("Passphrase", id="passphrase")
        yield Entry(placeholder="The key file: its path", id="key-file")
        yield Secret("The security key's PIN (none: leave it empty)", id="pin")
        yield prose("Forgot it, or lost the key? Recovery words open the vault, too: F3.", id="recovery")

    def on_mount(self) -> None:
        """Learn what the vault asks for."""
        self._ways: VaultWays | None = None
        for field in ("#key-file", "#pin", "#receiving"):
            self.query_one(field).display = False
        self._look()
        self._look_at_links()
        self.set_interval(LOOK_SECONDS, self._look_at_links)

    @work(exclusive=True, group="links")
    async def _look_at_links(self) -> None:
        """Say whether anything still comes; links end without a word."""
        with suppress(OnionchatError):  # it is said where it matters
            links = (await self.session.ask(Status(), StatusReport)).receiving
            line = self.query_one("#receiving", Static)
            line.display = bool(links)
            line.update(wording.receiving(links))

    @work
    async def _look(self) -> None:
        try:
            self._ways = await self.session.ask(VaultShow(), VaultWays)
        except OnionchatError as error:
            self.note.complain(error)
            return
        self.query_one("#key-file").display = self._ways.key_file
        self.query_one("#pin").display = bool(self._ways.credential)

    @on(Secret.Submitted)
    @on(Entry.Submitted)
    def unlock(self) -> None:
        """Unlock."""
        if self.usable():
            self._unlock(self.passphrase(), self.query_one("#pin", Secret).value)
            self.start_again()

    def action_recover(self) -> None:
        """Go to the recovery words."""
        self.app.push_screen(RecoverScreen(self.session))

    @work(exclusive=True, description="unlock")  # Textual would describe it by its arguments
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
            meanwhile=SLOW,
        )

    async def _key_file(self) -> bytes | None:
        if self._ways is None or not self._ways.key_file:
            return None
        path = self.query_one("#key-file", Entry).value
        if not path:  # under duress nothing but a passphrase is needed; else the engine says what is missing
            return None
        return await asyncio.to_thread(key_file_secret, whole_path(path))

    async def _security_key(self, pin: str) -> bytes | None:
        if self._ways is None or not self._ways.credential:
            return None
        from ...client import security_key  # noqa: PLC0415 -- fido2, only where a key is used

        def ask(credential: bytes) -> bytes | None:
            try:
                device = security_key.find()
            except ConfigError:  # likewise
                return None
            with device:
                return security_key.secret_of(device, credential, Holder(self.app, self.note, pin))

        return await asyncio.to_thread(ask, self._ways.credential)
