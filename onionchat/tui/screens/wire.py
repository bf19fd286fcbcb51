"""What the wire tells of a conversation: when cells leave, whether we are seen, and bulk windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets.option_list import Option

from ...control.replies import Contact, Policy, Result
from ...control.requests import (
    AnyRequest,
    PolicyShow,
    PresenceSet,
    ScheduleSet,
    WindowAnswer,
    WindowAsk,
)
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from .panel import NEXT_FIELD, Sheet, prose

WINDOW_SECONDS: Final = 64
"""The bulk window that is offered here; the command line has the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One line and what it asks the engine for."""

    label: str
    request: AnyRequest
    answer: type[Result] = Policy


class WireSheet(Sheet[None]):
    """Choose a schedule by what it costs, appear offline, or send much at once."""

    BINDINGS: ClassVar[list[BindingType]] = [NEXT_FIELD]
    TITLE: ClassVar[str] = "What the wire tells"

    def __init__(self, session: Session, contact: Contact) -> None:
        super().__init__(session)
        self._contact = contact
        self._acts: list[Act] = []

    def parts(self) -> ComposeResult:
        """What it is about; the choices come with the engine's answer."""
        name = wording.name(self._contact.name)
        yield prose(
            f"While you and {name} are on line, cells of one size leave at a steady pace, whether anything "
            "is said or not. A quicker pace costs more, and who watches sees the pace, never the words."
        )
        yield Choices(())
        yield prose("", id="origin")

    def on_mount(self) -> None:
        """Ask what holds."""
        self.attempt(PolicyShow(contact=self._contact.contact), Policy, self._show)

    def _show(self, policy: Policy) -> None:
        self.query_one("#origin").update(f"Now: {wording.source(policy)}.")  # type: ignore[attr-defined]  # a Static, which prose makes
        schedules = self._schedules(policy)
        self._acts = [*self._offer(), *schedules, *self._presence(policy), *self._window()]
        choices = self.query_one(Choices)
        choices.clear_options()
        choices.add_options(Option(act.label) for act in self._acts)
        held = [policy.schedule == choice for choice in policy.choices].index(True)
        choices.highlighted = 0 if self._contact.their_window.state == "asked" else held
        choices.focus()

    def _schedules(self, policy: Policy) -> list[Act]:
        contact = self._contact.contact
        acts = []
        for choice in policy.choices:
            request = ScheduleSet(
                contact=contact,
                level=choice.level,
                tick=choice.tick,
                batch=choice.batch,  # type: ignore[arg-type]  # the engine offers only what it takes
            )
            now = "  (now)" if choice == policy.schedule else ""
            acts.append(
                Act(label=f"{wording.schedule(choice)}: {wording.cost(choice)}{now}", request=request)
            )
        if policy.source == "contact":
            acts.append(
                Act(
                    label="The same as everywhere: forget what was chosen here",
                    request=ScheduleSet(contact=contact, inherit=True),
                )
            )
        return acts

    def _presence(self, policy: Policy) -> list[Act]:
        name, contact = wording.name(self._contact.name), self._contact.contact
        acts = []
        if policy.hidden_by != "contact" and policy.visible:
            hide = PresenceSet(visible=False, contact=contact)
            acts.append(Act(label=f"Appear offline to {name}", request=hide))
        if policy.visible:
            acts.append(Act(label="Appear offline to everybody", request=PresenceSet(visible=False)))
        elif policy.hidden_by == "vault":
            acts.append(Act(label="Be seen again by everybody", request=PresenceSet(visible=True)))
        elif policy.hidden_by == "identity":
            seen = PresenceSet(visible=True, identity=self._contact.identity)
            acts.append(Act(label="Be seen again as this identity", request=seen))
        else:
            seen = PresenceSet(visible=True, contact=contact)
            acts.append(Act(label=f"Be seen again by {name}", request=seen))
        return acts

    def _offer(self) -> list[Act]:
        """The contact waits for an answer: that comes first."""
        name, contact = wording.name(self._contact.name), self._contact.contact
        theirs = self._contact.their_window
        if theirs.state != "asked":
            return []
        yes, no = (WindowAnswer(contact=contact, agree=agree) for agree in (True, False))
        return [
            Act(label=f"Let {name} send much at once for {theirs.seconds} s", request=yes, answer=Contact),
            Act(label=f"Decline {name}'s window of {theirs.seconds} s", request=no, answer=Contact),
        ]

    def _window(self) -> list[Act]:
        name, contact = wording.name(self._contact.name), self._contact.contact
        if self._contact.window.state != "none" or self._contact.presence != "online":
            return []
        ask = WindowAsk(contact=contact, seconds=WINDOW_SECONDS)
        label = f"Send much at once: ask {name} for a window of {WINDOW_SECONDS} s"
        return [Act(label=label, request=ask, answer=Contact)]

    @on(Choices.OptionSelected)
    def chosen(self, event: Choices.OptionSelected) -> None:
        """Do it; what the engine answers shows up by its notices."""
        act = self._acts[event.option_index]
        self.attempt(act.request, act.answer, lambda _: self.dismiss(None))
