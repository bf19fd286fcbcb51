"""Changing one way to unlock the vault: what is new, and the vault's passphrase.

Laws: one request makes the change, so that Escape before it leaves all as it was; while it is under way
nothing closes. What is typed here leaves with the request and stays in no field; a PIN goes to the security
key alone.
"""

from __future__ import annotations

import asyncio
import os
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from ...client.key_file import key_file_secret, make_key_file
from ...client.phrase import new_passphrase, new_recovery_words
from ...control.limits import MAX_PASSPHRASE
from ...control.replies import Done
from ...control.requests import (
    AnyRequest,
    VaultDuress,
    VaultKeyFile,
    VaultPassphrase,
    VaultRecovery,
    VaultSecurityKey,
)
from ...errors import ConfigError, OnionchatError
from ..session import Session
from ..widgets.entry import Entry, Secret
from .choosing import SIX_WORDS, judged, to_write_down
from .panel import NEXT_FIELD, Sheet, prose
from .start import SLOW, whole_path
from .unlock import Holder


class WaySheet(Sheet[str]):
    """One change, for the vault's passphrase. Dismissed with what to say of it."""

    BINDINGS: ClassVar[list[BindingType]] = [NEXT_FIELD]
    SENTENCE: ClassVar[str] = ""
    SAID: ClassVar[str] = ""

    def parts(self) -> ComposeResult:
        """What it does, and the vault's passphrase."""
        yield prose(self.SENTENCE)
        yield Secret("The passphrase of your vault", id="passphrase")

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Go on to the next field, or with what was typed."""
        if event.input is not self.query(Input).last():
            self.focus_next()
            return
        passphrase = self.query_one("#passphrase", Secret).value
        if 0 < len(passphrase) <= MAX_PASSPHRASE:
            self.go(passphrase)
        else:
            self.refuse("the passphrase of your vault is missing, or too long", "#passphrase")

    def go(self, passphrase: str) -> None:
        """Make the change."""
        self.send(self.request(passphrase))

    def request(self, passphrase: str) -> AnyRequest:
        """What is asked of the engine."""
        raise NotImplementedError

    def ask(self, request: AnyRequest) -> None:
        """Ask it, and close with what is to be said."""
        self.attempt(request, Done, lambda _: self.dismiss(self.SAID), meanwhile=SLOW)

    def send(self, request: AnyRequest) -> None:
        """Ask it; nothing that was typed stays."""
        self.ask(request)
        for secret in self.query(Secret):
            secret.value = ""
        self.query_one("#passphrase").focus()

    def refuse(self, why: str, field: str) -> None:
        """Say what is wrong, and go to where it is."""
        self.note.complain(ConfigError(why, hint="nothing was changed"))
        self.query_one(field).focus()

    def action_back(self) -> None:
        """Close the sheet, unless the change is on its way: its outcome is to be seen."""
        if not self._asking:
            self.dismiss(None)


class NewPassphraseSheet(WaySheet):
    """A passphrase of the user's, twice, with its strength; or one of six words."""

    BINDINGS: ClassVar[list[BindingType]] = [SIX_WORDS]
    NEW: ClassVar[str] = ""
    SEALED: ClassVar[str] = "the vault"

    def parts(self) -> ComposeResult:
        """The new one, too."""
        yield from super().parts()
        yield Secret(self.NEW, id="new")
        yield Static(judged(""), id="strength", markup=False)
        yield Secret("The same once more", id="again")

    @on(Input.Changed, "#new")
    def judge(self, event: Input.Changed) -> None:
        """Say how strong it is, as far as it was typed."""
        said = self.query_one("#strength", Static)
        said.update(judged(event.value, self.SEALED))
        said.scroll_visible(animate=False)  # it may have grown beyond the edge

    def action_six_words(self) -> None:
        """Fill in six words and show them; they are to be written down and typed once."""
        made = new_passphrase(os.urandom)
        with self.prevent(Input.Changed):
            self.query_one("#new", Secret).value = made
        self.query_one("#strength", Static).update(to_write_down(made))
        empty = "#again" if self.query_one("#passphrase", Secret).value else "#passphrase"
        self.query_one(empty).focus()

    def go(self, passphrase: str) -> None:
        """Only with the same typed twice."""
        new, again = self.query_one("#new", Secret), self.query_one("#again", Secret)
        if not 0 < len(new.value) <= MAX_PASSPHRASE:
            self.refuse("there is no new passphrase, or it is too long", "#new")
        elif new.value != again.value:
            new.value = again.value = ""
            self.refuse("the two are not the same", "#new")
        else:
            super().go(passphrase)


class ChangePassphrase(NewPassphraseSheet):
    """Another passphrase."""

    TITLE: ClassVar[str] = "Change the passphrase"
    SENTENCE: ClassVar[str] = "The one that you have now opens nothing any more afterwards."
    SAID: ClassVar[str] = "The passphrase was changed."
    NEW: ClassVar[str] = "The new passphrase"

    def request(self, passphrase: str) -> AnyRequest:
        """Both."""
        return VaultPassphrase(passphrase=passphrase, new=self.query_one("#new", Secret).value)


class SetDuress(NewPassphraseSheet):
    """A passphrase that burns."""

    TITLE: ClassVar[str] = "A second passphrase that burns"
    SENTENCE: ClassVar[str] = (
        "Typed to unlock, it burns everything and opens an empty vault; nothing asks whether you mean it. "
        "Nobody can see here or in the vault's folder whether there is one."
    )
    SAID: ClassVar[str] = "Unlocking with the second passphrase burns the vault."
    NEW: ClassVar[str] = "The passphrase that burns"

    def request(self, passphrase: str) -> AnyRequest:
        """Both."""
        return VaultDuress(passphrase=passphrase, duress=self.query_one("#new", Secret).value)


class RemoveDuress(WaySheet):
    """No passphrase that burns."""

    TITLE: ClassVar[str] = "Remove the second passphrase"
    SENTENCE: ClassVar[str] = "No passphrase burns the vault any more, whether one did or not."
    SAID: ClassVar[str] = "No passphrase burns the vault."

    def request(self, passphrase: str) -> AnyRequest:
        """None instead of what there was."""
        return VaultDuress(passphrase=passphrase)


class AddKeyFile(WaySheet):
    """A key file from now on."""

    TITLE: ClassVar[str] = "A key file beside the passphrase"
    SENTENCE: ClassVar[str] = (
        "From now on the vault opens only with this file beside the passphrase; it is made if it is not "
        "there. Keep a copy, not beside the vault: whoever loses it needs recovery words."
    )
    SAID: ClassVar[str] = "From now on the vault opens only with the key file beside the passphrase."

    def parts(self) -> ComposeResult:
        """The file, too."""
        yield from super().parts()
        yield Entry(placeholder="The key file, such as /media/stick/key", id="file")

    def go(self, passphrase: str) -> None:
        """Read the file first."""
        file = self.query_one("#file", Entry).value
        if file:
            self._add(passphrase, file)
        else:
            self.refuse("no file was named", "#file")

    @work(exclusive=True, description="read the key file")
    async def _add(self, passphrase: str, file: str) -> None:
        try:
            secret = await asyncio.to_thread(_secret_of, file)
        except OnionchatError as error:
            self.note.complain(error)
        else:
            self.send(VaultKeyFile(passphrase=passphrase, key_file=secret))


class RemoveKeyFile(WaySheet):
    """No key file any more."""

    TITLE: ClassVar[str] = "Remove the key file"
    SENTENCE: ClassVar[str] = "The vault opens without it afterwards. The file itself stays where it is."
    SAID: ClassVar[str] = "No key file is needed any more."

    def request(self, passphrase: str) -> AnyRequest:
        """None instead of the one there was."""
        return VaultKeyFile(passphrase=passphrase)


class AddSecurityKey(WaySheet):
    """A security key from now on."""

    TITLE: ClassVar[str] = "A security key beside the passphrase"
    SENTENCE: ClassVar[str] = (
        "From now on the vault opens only with the FIDO2 key that is plugged in now. It is touched twice. "
        "Whoever loses it needs recovery words."
    )
    SAID: ClassVar[str] = "From now on the vault opens only with the security key beside the passphrase."

    def parts(self) -> ComposeResult:
        """Its PIN, too."""
        yield from super().parts()
        yield Secret("The security key's PIN (none: leave it empty)", id="pin")

    def go(self, passphrase: str) -> None:
        """Have the key make its secret first."""
        self._add(passphrase, self.query_one("#pin", Secret).value)

    @work(exclusive=True, description="ask the security key")
    async def _add(self, passphrase: str, pin: str) -> None:
        from ...client import security_key  # noqa: PLC0415 -- fido2, only where a key is used

        def enrolled() -> tuple[bytes, bytes]:
            with security_key.find() as device:
                return security_key.enrol(device, Holder(self.app, self.note, pin))

        try:
            credential, secret = await asyncio.to_thread(enrolled)
        except OnionchatError as error:
            self.note.complain(error)
        else:
            self.send(VaultSecurityKey(passphrase=passphrase, credential=credential, security_key=secret))


class RemoveSecurityKey(WaySheet):
    """No security key any more."""

    TITLE: ClassVar[str] = "Remove the security key"
    SENTENCE: ClassVar[str] = "The vault opens without it afterwards."
    SAID: ClassVar[str] = "No security key is needed any more."

    def request(self, passphrase: str) -> AnyRequest:
        """None instead of the one there was."""
        return VaultSecurityKey(passphrase=passphrase)


class MakeRecovery(WaySheet):
    """Twelve words, shown before they count."""

    TITLE: ClassVar[str] = "Recovery words"
    SENTENCE: ClassVar[str] = (
        "Write these words down and keep them away from this computer. They open the vault once, without "
        "passphrase and factors, as soon as you have given the passphrase here; earlier ones no more."
    )
    SAID: ClassVar[str] = "The twelve words open the vault once."

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._words = new_recovery_words(os.urandom)

    def parts(self) -> ComposeResult:
        """The words, too."""
        sentence, *rest = super().parts()
        yield sentence
        yield prose(self._words, id="words")
        yield from rest

    def request(self, passphrase: str) -> AnyRequest:
        """With the words."""
        return VaultRecovery(passphrase=passphrase, words=self._words)


class RemoveRecovery(WaySheet):
    """No recovery words any more."""

    TITLE: ClassVar[str] = "Remove the recovery words"
    SENTENCE: ClassVar[str] = "Whoever forgets the passphrase, or loses a factor, has lost the vault then."
    SAID: ClassVar[str] = "No words open the vault any more."

    def request(self, passphrase: str) -> AnyRequest:
        """None instead of those there were."""
        return VaultRecovery(passphrase=passphrase)


def _secret_of(file: str) -> bytes:
    """What the key file stands for; made if it is not there.

    Raises:
        ConfigError: it cannot be made or read.
    """
    path = whole_path(file)
    if not path.exists():
        make_key_file(path, os.urandom)
    return key_file_secret(path)
