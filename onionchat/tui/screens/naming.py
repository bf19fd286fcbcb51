"""Sheets for names: a new identity, the identities that there are, another name for a contact."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets.option_list import Option

from ...control.limits import MAX_NAME
from ...control.replies import Contact, Identity
from ...control.requests import ContactRename, IdentityBurn, IdentityCreate
from ...control.text import plain
from ...errors import ConfigError
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from ..widgets.entry import Entry
from .confirm import Choice, ConfirmSheet
from .panel import Sheet, prose

NEW = "new"
DISPOSABLE = "disposable"


class IdentitySheet(Sheet[Identity]):
    """Make an identity."""

    TITLE: ClassVar[str] = "A new identity"

    def __init__(self, session: Session, *, disposable: bool = False) -> None:
        super().__init__(session)
        self._disposable = disposable

    def parts(self) -> ComposeResult:
        """What it is, and its name."""
        yield prose(
            "An identity is one of your names, with keys and addresses that it shares with no other. "
            "Only you see what you call it."
        )
        if self._disposable:
            yield prose(
                "This one lives in memory only: with its contacts and messages it never reaches the disk, "
                "and is gone when onionchat's engine ends or locks."
            )
        yield Entry(placeholder="A name, such as Ada or work", id="name", max_length=MAX_NAME)

    @on(Entry.Submitted)
    def make(self, event: Entry.Submitted) -> None:
        """Make it."""
        name = plain(event.value, multiline=False)
        if not name:
            self.note.complain(ConfigError("an identity needs a name", hint="any name will do"))
        else:
            request = IdentityCreate(name=name, disposable=self._disposable)
            self.attempt(request, Identity, self.dismiss)


class IdentitiesSheet(Sheet[str]):
    """Choose as whom to write. Dismissed with the identity's handle, `NEW` or `DISPOSABLE`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "d,delete",
            "burn",
            "Burn",
            tooltip="Burn the marked identity: contacts, messages, keys, addresses.",
        ),
    ]
    TITLE: ClassVar[str] = "Write as"

    def parts(self) -> ComposeResult:
        """One line for each, with what waits there, and one more for a new one."""
        identities = self.session.model.identities.values()
        yield Choices(
            [
                *(Option(self._line(one), id=one.identity) for one in identities),
                Option("+ a disposable identity, in memory only", id=DISPOSABLE),
                Option("+ a new identity", id=NEW),
            ]
        )

    def on_mount(self) -> None:
        """Start at the current one."""
        current = self.session.model.identity
        choices = self.query_one(Choices)
        choices.highlighted = 0 if current is None else choices.get_option_index(current)

    @on(Choices.OptionSelected)
    def selected(self, event: Choices.OptionSelected) -> None:
        """Write as this one."""
        self.dismiss(event.option.id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing is burned where no identity is marked."""
        return self._marked is not None if action == "burn" else True

    @property
    def _marked(self) -> Identity | None:
        """The identity under the cursor; None on the last line, and before there are any."""
        for choices in self.query(Choices):
            if choices.highlighted is not None:
                handle = choices.get_option_at_index(choices.highlighted).id
                return self.session.model.identities.get(handle or "")
        return None

    @on(Choices.OptionHighlighted)
    def highlighted(self) -> None:
        """What can be done depends on it."""
        self.refresh_bindings()

    def action_burn(self) -> None:
        """Burn the identity under the cursor."""
        identity = self._marked
        if identity is None:
            return
        name = wording.name(identity.name)
        sheet = ConfirmSheet(
            self.session,
            f"Burn the identity {name}",
            f"This erases {name} with all its contacts, messages, invites and keys; it cannot be undone. "
            f"Nobody is told: contacts only see {name} offline from now on.",
            [Choice(label=f"Yes, burn {name}", request=IdentityBurn(identity=identity.identity))],
        )
        self.app.push_screen(sheet, self._burned)

    def _burned(self, done: bool | None) -> None:
        if done:
            self.dismiss(None)

    def _line(self, identity: Identity) -> Content:
        contacts = [one for one in self.session.model.contacts.values() if one.identity == identity.identity]
        unread = sum(one.unread for one in contacts)
        count = f"{len(contacts)} contact{'' if len(contacts) == 1 else 's'}"
        where = ", in memory only" if identity.disposable else ""
        return Content(f"{wording.name(identity.name)}  {count}{f', {unread} new' if unread else ''}{where}")


class RenameSheet(Sheet[Contact]):
    """Another name for a contact."""

    TITLE: ClassVar[str] = "Rename a contact"

    def __init__(self, session: Session, contact: Contact) -> None:
        super().__init__(session)
        self._contact = contact

    def parts(self) -> ComposeResult:
        """The name."""
        yield prose("Only you see this name.")
        yield Entry(
            value=plain(self._contact.name, multiline=False),
            placeholder="Name",
            id="name",
            max_length=MAX_NAME,
        )

    @on(Entry.Submitted)
    def rename(self, event: Entry.Submitted) -> None:
        """Rename."""
        name = plain(event.value, multiline=False)
        if not name:
            self.note.complain(ConfigError("a contact needs a name"))
        else:
            self.attempt(ContactRename(contact=self._contact.contact, name=name), Contact, self.dismiss)
