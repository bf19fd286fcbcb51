"""When the vault locks itself, what becomes of links then, and whether messages may live without end.

Laws: what holds is asked of the engine each time, for a command may have changed it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Static

from ...control.replies import Done, StatusReport
from ...control.requests import AllowOff, AnyRequest, LockAfter, LockDefault, Status
from ...errors import OnionchatError
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from .panel import Sheet, prose

AFTER: Final = (wording.MINUTE, 5 * wording.MINUTE, 15 * wording.MINUTE, wording.HOUR, 8 * wording.HOUR)
"""The times that are offered; `onionchat lock --after` takes others."""
_NOW: Final = "  (now)"


class _Change(NamedTuple):
    """A line to choose, what it asks for, and what is said when that was done."""

    label: str
    request: AnyRequest
    said: str


class LockingSheet(Sheet[None]):
    """What holds, and a line for each change."""

    TITLE: ClassVar[str] = "Locking"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._changes: list[_Change] = []

    def parts(self) -> ComposeResult:
        """What there is, and what can be done."""
        yield prose("one moment …", id="locking")
        yield Choices(())

    def on_mount(self) -> None:
        """Learn what there is."""
        self._look()

    @work
    async def _look(self) -> None:
        try:
            status = await self.session.ask(Status(), StatusReport)
        except OnionchatError as error:
            self.note.complain(error)
            return
        self.query_one("#locking", Static).update(_present(status))
        self._changes = list(_changes(status))
        choices = self.query_one(Choices)
        place = choices.highlighted or 0
        choices.clear_options()
        choices.add_options(change.label for change in self._changes)
        choices.highlighted = place
        choices.focus()

    @on(Choices.OptionSelected)
    def selected(self, event: Choices.OptionSelected) -> None:
        """Change it."""
        change = self._changes[event.option_index]
        self.attempt(change.request, Done, lambda _: self._changed(change.said))

    def _changed(self, said: str) -> None:
        self.note.say(said)
        self._look()


def _present(status: StatusReport) -> str:
    """What holds now."""
    if status.amnesic:
        return "What is kept in memory only cannot be locked: stop the engine when you leave."
    when = "only when you lock it (F9)"
    if status.lock_after:
        when = f"by itself when nobody was there for {wording.span(status.lock_after)}"
    links = (
        "Links that are up then stay up: what comes waits on the disk until you unlock, and contacts go on "
        "seeing you on line."
        if status.lock_receives
        else "Links end then: what is written to you waits at those who wrote it."
    )
    return f"The vault locks {when}. {links}"


def _changes(status: StatusReport) -> Iterator[_Change]:
    """What can be changed there."""
    if not status.amnesic:
        for seconds in AFTER:
            after = f"when nobody was there for {wording.span(seconds)}"
            now = _NOW if status.lock_after == seconds else ""
            yield _Change(f"lock {after}{now}", LockAfter(seconds=seconds), f"the vault locks itself {after}")
        never = "never lock by itself" + ("" if status.lock_after else _NOW)
        yield _Change(never, LockAfter(seconds=None), "the vault does not lock itself")
        if status.lock_receives:
            yield _Change("end the links on locking", LockDefault(receive=False), "links end on locking")
        else:
            said = "links stay up and receive on locking"
            yield _Change("let links receive on locking", LockDefault(receive=True), said)
    yield _Change(
        "allow messages that live without end («off»)",
        AllowOff(allowed=True),
        "messages may live without end, where you choose it",
    )
    yield _Change(
        "allow none to live without end", AllowOff(allowed=False), "no message may live without end"
    )
