"""How long messages of a conversation live."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...control.replies import Contact
from ...control.requests import SetLifetime
from ...errors import ConfigError
from .. import wording
from ..session import Session
from ..widgets.entry import Entry
from .panel import NEXT_FIELD, Sheet, prose


class LifetimeSheet(Sheet[Contact]):
    """Choose one, or type one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Set", priority=True, tooltip="Set what is marked or typed."),
        NEXT_FIELD,
    ]
    TITLE: ClassVar[str] = "How long messages live"

    def __init__(self, session: Session, contact: Contact) -> None:
        super().__init__(session)
        self._contact = contact

    def parts(self) -> ComposeResult:
        """The choices, and a field for others."""
        name = wording.name(self._contact.name)
        yield prose(
            f"What you write from now on is erased on both sides after this time: here counted from its "
            f"delivery, at {name}'s from its reading. {name} decides about {name}'s messages."
        )
        yield OptionList(
            *(Option(self._line(seconds), id=f"s{seconds}") for seconds in wording.LIFETIMES),
            markup=False,
            id="lifetimes",
        )
        yield Entry(placeholder="or type it: 90s, 10m, 2h, 3d, 1w", id="typed")

    def on_mount(self) -> None:
        """Start at what holds now."""
        lifetime = self._contact.lifetime
        known = lifetime in wording.LIFETIMES
        self.query_one(OptionList).highlighted = wording.LIFETIMES.index(lifetime) if known else 0
        if not known:
            self.note.say(f"at present: {wording.span(lifetime)}")

    def action_choose(self) -> None:
        """Set what was typed, or else what is marked."""
        field = self.query_one(Entry)
        if not field.has_focus:
            self.query_one(OptionList).action_select()
            return
        try:
            self._set(wording.parse_span(field.value))
        except ValueError as error:
            self.note.complain(ConfigError(str(error)))

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """One of the list."""
        self._set(wording.LIFETIMES[event.option_index])

    def _set(self, seconds: int) -> None:
        request = SetLifetime(contact=self._contact.contact, lifetime=seconds)
        self.attempt(request, Contact, self.dismiss)

    def _line(self, seconds: int) -> str:
        return wording.span(seconds) + ("  (now)" if seconds == self._contact.lifetime else "")
