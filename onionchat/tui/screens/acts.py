"""Sheets that are a list of acts: each line says what it does, and choosing it does it.

Laws: an act asks the engine for one thing or opens a sheet with more; once something was done, all of them
close, and what came of it shows up by the engine's notices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widgets.option_list import Option

from ...control.replies import Policy, Result
from ...control.requests import AnyRequest
from ..session import Session
from ..widgets.choices import Choices
from .panel import NEXT_FIELD, Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One line and what it does."""

    label: str
    do: Callable[[], object]
    now: bool = False
    """Whether it is so already."""


class ActsSheet(Sheet[bool]):
    """Choose one. Dismissed with True once it was done."""

    BINDINGS: ClassVar[list[BindingType]] = [NEXT_FIELD]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._acts: Sequence[Act] = ()

    def offer(self, acts: Sequence[Act], *, top: bool = False) -> None:
        """Show these, and start at the ``top`` or at what is so already."""
        self._acts = acts
        choices = self.query_one(Choices)
        choices.clear_options()
        choices.add_options(Option(f"{act.label}  (now)" if act.now else act.label) for act in acts)
        choices.highlighted = next((n for n, act in enumerate(acts) if act.now and not top), 0)
        choices.focus()

    def asking(self, request: AnyRequest, kind: type[Result] = Policy) -> Callable[[], object]:
        """What asks the engine for it."""
        return lambda: self.attempt(request, kind, lambda _: self.dismiss(True))

    def opening(self, sheet: Callable[[], Sheet[bool]]) -> Callable[[], object]:
        """What opens a sheet with more."""
        return lambda: self.app.push_screen(sheet(), self._done)

    @on(Choices.OptionSelected)
    def chosen(self, event: Choices.OptionSelected) -> None:
        """Do it."""
        self._acts[event.option_index].do()

    def _done(self, done: bool | None) -> None:
        if done:
            self.dismiss(True)
