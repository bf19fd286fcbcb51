"""One sentence that says what cannot be undone, and the choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from ...control.replies import Done
from ...control.requests import AnyRequest
from ..session import Session
from .panel import Sheet, prose


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A line to choose, and what is then asked of the engine; None for nothing."""

    label: str
    request: AnyRequest | None


class ConfirmSheet(Sheet[bool]):
    """Dismissed with True once the engine has done it. Stands on the harmless choice at first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Choose", priority=True, tooltip="Do what is marked."),
    ]

    def __init__(self, session: Session, title: str, sentence: str, choices: list[Choice]) -> None:
        super().__init__(session)
        self._title, self._sentence = title, sentence
        self._choices = [Choice(label="No, leave it", request=None), *choices]

    def parts(self) -> ComposeResult:
        """The sentence and the choices."""
        yield prose(self._sentence)
        yield OptionList(*(choice.label for choice in self._choices), markup=False, id="choices")

    def on_mount(self) -> None:
        """The harmless choice first."""
        self.query_one("#sheet").border_title = Content(self._title)
        self.query_one(OptionList).highlighted = 0

    def action_choose(self) -> None:
        """Choose what is marked."""
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def selected(self, event: OptionList.OptionSelected) -> None:
        """Do it."""
        request = self._choices[event.option_index].request
        if request is None:
            self.dismiss(False)
        else:
            self.attempt(request, Done, lambda _: self.dismiss(True))
