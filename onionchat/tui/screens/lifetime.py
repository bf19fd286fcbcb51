"""How long messages of a conversation live."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from ...control.replies import Contact
from ...control.requests import SetLifetime
from ...errors import ConfigError
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from ..widgets.entry import Entry
from .panel import NEXT_FIELD, Sheet, prose


class LifetimeSheet(Sheet[Contact]):
    """Choose one, or type one."""

    BINDINGS: ClassVar[list[BindingType]] = [
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
        yield Choices(self._line(seconds) for seconds in wording.LIFETIMES)
        yield Entry(placeholder="or type it: 90s, 10m, 2h, 3d, 1w", id="typed")

    def on_mount(self) -> None:
        """Start at what holds now."""
        lifetime = self._contact.lifetime
        known = lifetime in wording.LIFETIMES
        self.query_one(Choices).highlighted = wording.LIFETIMES.index(lifetime) if known else 0
        if not known:
            self.note.say(f"at present: {wording.span(lifetime)}")

    @on(Choices.OptionSelected)
    def chosen(self, event: Choices.OptionSelected) -> None:
        """One of the list."""
        self._set(wording.LIFETIMES[event.option_index])

    @on(Entry.Submitted)
    def typed(self, event: Entry.Submitted) -> None:
        """One that was typed."""
        try:
            self._set(wording.parse_span(event.value))
        except ValueError as error:
            self.note.complain(ConfigError(str(error)))

    def _set(self, seconds: int) -> None:
        request = SetLifetime(contact=self._contact.contact, lifetime=seconds)
        self.attempt(request, Contact, self.dismiss)

    def _line(self, seconds: int) -> str:
        return wording.span(seconds) + ("  (now)" if seconds == self._contact.lifetime else "")
