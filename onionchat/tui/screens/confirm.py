"""One sentence that says what cannot be undone, and the choices."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from ...control.replies import Done
from ...control.requests import AnyRequest
from ..session import Session
from ..widgets.choices import Choices
from .panel import Sheet, prose


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A line to choose, and what is then asked of the engine; None for nothing."""

    label: str
    request: AnyRequest | None


class ConfirmSheet(Sheet[bool]):
    """Dismissed with True once the engine has done it. Stands on the harmless choice at first."""

    def __init__(self, session: Session, title: str, sentence: str, choices: list[Choice]) -> None:
        super().__init__(session)
        self._title, self._sentence = title, sentence
        self._choices = [Choice(label="No, leave it", request=None), *choices]

    def parts(self) -> ComposeResult:
        """The sentence and the choices."""
        yield prose(self._sentence)
        yield Choices(choice.label for choice in self._choices)

    def on_mount(self) -> None:
        """The harmless choice first."""
        self.query_one("#sheet").border_title = Content(self._title)
        self.query_one(Choices).highlighted = 0

    @on(Choices.OptionSelected)
    def selected(self, event: Choices.OptionSelected) -> None:
        """Do it."""
        request = self._choices[event.option_index].request
        if request is None:
            self.dismiss(False)
        else:
            self.attempt(request, Done, lambda _: self.dismiss(True))
