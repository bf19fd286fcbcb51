"""What the wire tells: when cells leave, whether we are seen, and bulk windows.

Of a conversation, of an identity's contacts, or of all; what was chosen for the narrower goes first.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from ...control.replies import Contact, Identity, Policy, Schedule, Scope
from ...control.requests import PolicyShow, PresenceSet, ScheduleSet, WindowAnswer
from .. import wording
from ..session import Session
from ..widgets.choices import Choices
from .acts import Act, ActsSheet
from .budget import BudgetSheet
from .panel import prose
from .window import WindowSheet


class WireSheet(ActsSheet):
    """Choose a schedule by what it costs, appear offline, or send much at once.

    Args:
        session: the session.
        contact: whose conversation it is about.
        identity: whose contacts it is about; with neither, about all.
    """

    TITLE: ClassVar[str] = "What the wire tells"

    def __init__(
        self, session: Session, contact: Contact | None = None, *, identity: Identity | None = None
    ) -> None:
        super().__init__(session)
        self._contact = contact
        self._identity = identity
        self._at = contact.contact if contact is not None else None
        self._of = identity.identity if identity is not None else None
        named = contact or identity
        self._who = wording.name(named.name) if named is not None else ""

    def parts(self) -> ComposeResult:
        """What it is about; the choices come with the engine's answer."""
        yield prose(
            f"{self._about} cells of one size leave at a steady pace, whether anything is said or not. A "
            "quicker pace costs more, and who watches sees the pace, never the words."
        )
        yield Choices(())
        yield prose("", id="origin")

    def on_mount(self) -> None:
        """Ask what holds."""
        self.attempt(PolicyShow(contact=self._at, identity=self._of), Policy, self._show)

    @property
    def _scope(self) -> Scope:
        if self._contact is not None:
            return "contact"
        return "identity" if self._identity is not None else "vault"

    @property
    def _about(self) -> str:
        if self._contact is not None:
            return f"While you and {self._who} are on line,"
        whose = f"of {self._who}" if self._who else "of yours"
        return f"While a contact {whose} for whom nothing else was chosen is on line,"

    def _show(self, policy: Policy) -> None:
        self.query_one("#origin", Static).update(f"Now: {wording.source(policy)}.")
        offers = [] if self._contact is None else self._offers(self._contact)
        acts = [*offers, *self._schedules(policy), *self._presence(policy)]
        if self._contact is not None:
            acts += self._window(self._contact)
        self.offer([*acts, *self._wider()], top=bool(offers))

    # when cells leave

    def _schedules(self, policy: Policy) -> list[Act]:
        """Where a budget holds, nothing else would take effect."""
        if policy.budget is not None:
            label = f"One rate for all links: {policy.budget:g} kB/s …"
            return [Act(label=label, do=self.opening(lambda: BudgetSheet(self.session)))]
        acts = [self._schedule(one, now=one == policy.schedule) for one in policy.choices]
        if policy.otherwise is not None and policy.source == self._scope:
            label = f"Forget what was chosen here ({wording.with_cost(policy.otherwise)})"
            inherit = ScheduleSet(contact=self._at, identity=self._of, inherit=True)
            acts.append(Act(label=label, do=self.asking(inherit)))
        if self._scope == "vault":
            share = self.opening(lambda: BudgetSheet(self.session))
            acts.append(Act(label="One rate for all links …", do=share))
        return acts

    def _schedule(self, choice: Schedule, *, now: bool) -> Act:
        request = ScheduleSet(
            contact=self._at,
            identity=self._of,
            level=choice.level,
            tick=choice.tick,
            batch=choice.batch,  # type: ignore[arg-type]  # the engine offers only what it takes
        )
        return Act(label=wording.with_cost(choice), do=self.asking(request), now=now)

    # who sees us

    def _presence(self, policy: Policy) -> list[Act]:
        """Hide what is not hidden; or undo it where it was done."""
        match policy.hidden_by:
            case "vault":
                return [self._seen("Be seen again by everybody", visible=True)]
            case "identity":
                owner = self._of if self._contact is None else self._contact.identity
                return [self._seen("Be seen again as this identity", visible=True, identity=owner)]
            case "contact":
                return [self._seen(f"Be seen again by {self._who}", visible=True, contact=self._at)]
        acts = []
        if self._contact is not None:
            acts.append(self._seen(f"Appear offline to {self._who}", visible=False, contact=self._at))
        elif self._identity is not None:
            acts.append(self._seen(f"Appear offline as {self._who}", visible=False, identity=self._of))
        return [*acts, self._seen("Appear offline to everybody", visible=False)]

    def _seen(
        self, label: str, *, visible: bool, contact: str | None = None, identity: str | None = None
    ) -> Act:
        request = PresenceSet(visible=visible, contact=contact, identity=identity)
        return Act(label=label, do=self.asking(request))

    # bulk windows

    def _offers(self, contact: Contact) -> list[Act]:
        """The contact waits for an answer: that comes first."""
        theirs = contact.their_window
        if theirs.state != "asked":
            return []
        yes, no = (WindowAnswer(contact=contact.contact, agree=agree) for agree in (True, False))
        return [
            Act(
                label=f"Let {self._who} send much at once for {theirs.seconds} s",
                do=self.asking(yes, Contact),
            ),
            Act(label=f"Decline {self._who}'s window of {theirs.seconds} s", do=self.asking(no, Contact)),
        ]

    def _window(self, contact: Contact) -> list[Act]:
        if contact.window.state != "none" or contact.presence != "online":
            return []
        label = f"Send much at once: ask {self._who} for a window …"
        return [Act(label=label, do=self.opening(lambda: WindowSheet(self.session, contact)))]

    # the wider ones

    def _wider(self) -> list[Act]:
        """The same for more contacts."""
        acts = []
        if self._contact is not None:
            owner = self.session.model.identities.get(self._contact.identity)
            if owner is not None:
                label = f"For all contacts of {wording.name(owner.name)} …"
                sheet = self.opening(lambda: WireSheet(self.session, identity=owner))
                acts.append(Act(label=label, do=sheet))
        if self._scope != "vault":
            acts.append(Act(label="For everybody …", do=self.opening(lambda: WireSheet(self.session))))
        return acts


def of_the_open(session: Session) -> WireSheet:
    """About the open conversation; where none is open about the identity; without one about all."""
    model = session.model
    contact = model.contacts.get(model.conversation or "")
    identity = model.identities.get(model.identity or "") if contact is None else None
    return WireSheet(session, contact, identity=identity)
