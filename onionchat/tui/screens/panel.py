"""What all screens share: the session, a line for what went wrong, and asking without losing anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from ...control.notices import AnyNotice
from ...control.replies import Result
from ...control.requests import AnyRequest
from ...errors import OnionchatError
from ..session import Session
from ..widgets.bars import KeyBar, Note

T = TypeVar("T")
R = TypeVar("R", bound=Result)

NEXT_FIELD: Final = Binding("tab", "app.focus_next", "Next field", tooltip="Go to the next field.")


class Panel(Screen[T]):
    """A screen that asks the engine and shows errors in its own `Note`."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.note = Note()
        self._asking = False

    def changed(self, notice: AnyNotice) -> None:
        """Something happened at the engine; the model already knows."""

    def attempt(
        self, request: AnyRequest, kind: type[R], done: Callable[[R], object], *, meanwhile: str = ""
    ) -> None:
        """Ask, then call ``done`` with the answer, or show the error and leave everything as it is.

        While an answer is awaited, another attempt is ignored.
        """
        if self._asking:
            return
        self._asking = True
        if meanwhile:
            self.note.say(meanwhile)
        self._attempt(request, kind, done)

    @work(description="ask the engine")  # Textual would describe it by its arguments, and keep that
    async def _attempt(self, request: AnyRequest, kind: type[R], done: Callable[[R], object]) -> None:
        try:
            answer = await self.session.ask(request, kind)
        except OnionchatError as error:
            self._asking = False
            self.note.complain(error)
        else:
            self._asking = False
            self.note.clear()
            done(answer)


class Sheet(Panel[T], ModalScreen[T]):
    """A box over the conversations: a title, one question, and a way back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="Close this and change nothing."),
    ]
    TITLE: ClassVar[str] = ""

    def compose(self) -> ComposeResult:
        """Title, then what a sheet is about, then errors; keys at the bottom."""
        with Vertical(id="sheet") as box:
            box.border_title = self.TITLE
            with VerticalScroll(id="sheet-body", can_focus=False):
                yield from self.parts()
            yield self.note
        yield KeyBar()

    def parts(self) -> ComposeResult:
        """What the sheet is about."""
        yield from ()

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close this sheet. Below another screen it stays: Textual would close that one in its place."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_back(self) -> None:
        """Close the sheet; nothing was changed."""
        self.dismiss(None)


def prose(text: str, *, id: str | None = None) -> Widget:  # noqa: A002 -- Textual's own word
    """A paragraph of ours (or, made safe before, of others): never markup, never a link."""
    return Static(text, id=id, markup=False, classes="prose")
