"""How long messages of a conversation live, or the one that is being written."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from ...control.replies import Contact, Lifetime
from ...control.requests import Keep, SetLifetime
from ...errors import ConfigError
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from ..widgets.entry import Entry
from .panel import NEXT_FIELD, Sheet, T, prose


class _Lifetimes(Sheet[T]):
    """Choose one, or type one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        NEXT_FIELD,
    ]

    def __init__(self, session: Session, contact: Contact, present: Lifetime) -> None:
        super().__init__(session)
        self._contact = contact
        self._present = present

    def parts(self) -> ComposeResult:
        """The choices, and a field for others."""
        yield prose(self.sentence(wording.name(self._contact.name)))
        yield Choices([*(self._line(lifetime) for lifetime in wording.LIFETIMES), *self.further()])
        yield Entry(placeholder="or type it: 90s, 10m, 2h, 3d, 1w, off", id="typed")

    def on_mount(self) -> None:
        """Start at what holds now."""
        known = self._present in wording.LIFETIMES
        self.query_one(Choices).highlighted = wording.LIFETIMES.index(self._present) if known else 0
        if not known:
            self.note.say(f"at present: {wording.lifetime(self._present)}")

    @on(Choices.OptionSelected)
    def chosen(self, event: Choices.OptionSelected) -> None:
        """One of the list."""
        if event.option_index < len(wording.LIFETIMES):
            self.take(wording.LIFETIMES[event.option_index])
        else:
            self.take_further()

    @on(Entry.Submitted)
    def typed(self, event: Entry.Submitted) -> None:
        """One that was typed."""
        try:
            self.take(wording.parse_lifetime(event.value))
        except ValueError as error:
            self.note.complain(ConfigError(str(error)))

    def sentence(self, name: str) -> str:
        """What is chosen."""
        raise NotImplementedError

    def take(self, lifetime: Lifetime) -> None:
        """It was chosen."""
        raise NotImplementedError

    def further(self) -> tuple[str, ...]:
        """What else may be chosen, below the lifetimes: one line, or none."""
        return ()

    def take_further(self) -> None:
        """It was chosen."""

    def _line(self, lifetime: Lifetime) -> str:
        return wording.lifetime(lifetime) + ("  (now)" if lifetime == self._present else "")


class LifetimeSheet(_Lifetimes[Contact]):
    """For what is written in a conversation from now on."""

    TITLE: ClassVar[str] = "How long messages live"

    def __init__(self, session: Session, contact: Contact) -> None:
        super().__init__(session, contact, contact.lifetime)

    def sentence(self, name: str) -> str:
        """From when it counts, and for whom."""
        return (
            f"What you write from now on is erased on both sides after this time: here counted from its "
            f"delivery, at {name}'s from its reading. What {name} writes lives here no longer than this."
        )

    def take(self, lifetime: Lifetime) -> None:
        """Ask the engine for it."""
        request = SetLifetime(contact=self._contact.contact, lifetime=lifetime)
        self.attempt(request, Contact, self.dismiss)

    def further(self) -> tuple[str, ...]:
        """The other place where messages can live."""
        if self._contact.keep == "memory":
            return ("keep them in the vault, sealed on the disk",)
        return ("keep them in memory only: gone when the engine ends or locks",)

    def take_further(self) -> None:
        """Ask the engine for it."""
        where: Literal["vault", "memory"] = "vault" if self._contact.keep == "memory" else "memory"
        self.attempt(Keep(contact=self._contact.contact, where=where), Contact, self.dismiss)


class MessageLifetimeSheet(_Lifetimes[Lifetime]):
    """For the message that is being written, and no other."""

    TITLE: ClassVar[str] = "How long this message lives"

    def __init__(self, session: Session, contact: Contact, chosen: Lifetime | None) -> None:
        super().__init__(session, contact, contact.lifetime if chosen is None else chosen)

    def sentence(self, name: str) -> str:
        """Only this one."""
        return f"For the next message to {name} alone; the others keep to the conversation's lifetime."

    def take(self, lifetime: Lifetime) -> None:
        """The screen sends it with the message."""
        self.dismiss(lifetime)


class PromiseSheet(Sheet[bool]):
    """What lifetimes promise, and what not: until somebody has read it, before the first message."""

    TITLE: ClassVar[str] = "Messages vanish"

    def __init__(self, session: Session, words: str) -> None:
        super().__init__(session)
        self._words = words

    def parts(self) -> ComposeResult:
        """The words, and one way on."""
        yield prose(self._words)
        yield Choices(["I have read this"])

    @on(Choices.OptionSelected)
    def read(self) -> None:
        """They are not shown again."""
        self.dismiss(True)
