"""Sheets for names: a new identity, the identities that there are, another name for a contact."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...control.limits import MAX_NAME
from ...control.replies import Contact, Identity
from ...control.requests import ContactRename, IdentityCreate
from ...control.text import plain
from ...errors import ConfigError
from .. import wording
from ..session import Session
from ..widgets.entry import Entry
from .panel import Sheet, prose

NEW = "new"


class IdentitySheet(Sheet[Identity]):
    """Make an identity."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", "Make it", priority=True, tooltip="Make this identity.")
    ]
    TITLE: ClassVar[str] = "A new identity"

    def parts(self) -> ComposeResult:
        """What it is, and its name."""
        yield prose(
            "An identity is one of your names, with keys and addresses that it shares with no other. "
            "Only you see what you call it."
        )
        yield Entry(placeholder="A name, such as Ada or work", id="name", max_length=MAX_NAME)

    def action_go(self) -> None:
        """Make it."""
        name = plain(self.query_one(Entry).value, multiline=False)
        if not name:
            self.note.complain(ConfigError("an identity needs a name", hint="any name will do"))
        else:
            self.attempt(IdentityCreate(name=name), Identity, self.dismiss)


class IdentitiesSheet(Sheet[str]):
    """Choose as whom to write. Dismissed with the identity's handle, or `NEW`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Write as", priority=True, tooltip="Write as this identity.")
    ]
    TITLE: ClassVar[str] = "Write as"

    def parts(self) -> ComposeResult:
        """One line for each, with what waits there, and one more for a new one."""
        yield OptionList(
            *(Option(self._line(one), id=one.identity) for one in self.session.model.identities.values()),
            Option("+ a new identity", id=NEW),
            markup=False,
            id="identities",
        )

    def on_mount(self) -> None:
        """Start at the current one."""
        current = self.session.model.identity
        choices = self.query_one(OptionList)
        choices.highlighted = 0 if current is None else choices.get_option_index(current)

    def action_choose(self) -> None:
        """Choose what is marked."""
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def selected(self, event: OptionList.OptionSelected) -> None:
        """Write as this one."""
        self.dismiss(event.option.id)

    def _line(self, identity: Identity) -> Content:
        contacts = [one for one in self.session.model.contacts.values() if one.identity == identity.identity]
        unread = sum(one.unread for one in contacts)
        count = f"{len(contacts)} contact{'' if len(contacts) == 1 else 's'}"
        return Content(f"{wording.name(identity.name)}  {count}{f', {unread} new' if unread else ''}")


class RenameSheet(Sheet[Contact]):
    """Another name for a contact."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", "Rename", priority=True, tooltip="Use this name.")
    ]
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

    def action_go(self) -> None:
        """Rename."""
        name = plain(self.query_one(Entry).value, multiline=False)
        if not name:
            self.note.complain(ConfigError("a contact needs a name"))
        else:
            self.attempt(ContactRename(contact=self._contact.contact, name=name), Contact, self.dismiss)
