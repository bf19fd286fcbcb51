"""Sheets for invites: one to give away, and one that was given."""

from __future__ import annotations

import string
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from ...control.limits import MAX_CODE, MAX_NAME
from ...control.notices import AnyNotice, InviteChanged
from ...control.replies import Contact, Done, Invite
from ...control.requests import InviteAccept, InviteCreate, InviteRevoke
from ...control.text import plain
from ...errors import ConfigError
from .. import wording
from ..session import Session
from ..widgets.entry import Draft, Entry
from .panel import NEXT_FIELD, Sheet, prose

LINE = 48
"""Characters of a code on one line: four lines."""

AROUND: Final = f"{string.whitespace}│|>"
"""What gets into a code that is copied from a screen or a quotation: line ends, frames, quotation marks."""


class InviteSheet(Sheet[None]):
    """An invite to give away; the newest open one of the identity, or a fresh one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "c",
            "copy",
            "Copy",
            tooltip="Copy the code to the clipboard of your terminal; other programs can read it there.",
        ),
        Binding("n", "another", "Another one", tooltip="Make one more, for another person."),
        Binding("left,right", "turn", "Next open one", tooltip="Show another invite that is still open."),
        Binding("x", "revoke", "Take back", tooltip="Make this invite useless."),
    ]
    TITLE: ClassVar[str] = "An invite, for one person"

    def __init__(self, session: Session, identity: str) -> None:
        super().__init__(session)
        self._identity = identity
        self._invite: Invite | None = None

    def parts(self) -> ComposeResult:
        """What to do with it, the code, and whether it works already."""
        yield prose(
            "Give this code to one person, once, over a way that you both trust. Whoever uses it first "
            "becomes your contact, and it is used up."
        )
        yield Static("", id="code", markup=False)
        yield prose("", id="state")

    def on_mount(self) -> None:
        """Show the newest open one, or make one."""
        invites = self.session.model.own_invites()
        if invites:
            self._show(invites[-1])
        else:
            self.action_another()

    def changed(self, notice: AnyNotice) -> None:
        """Its address became reachable, or it was used."""
        if not isinstance(notice, InviteChanged) or self._invite is None:
            return
        if notice.invite.invite == self._invite.invite:
            if notice.state == "open":
                self._show(notice.invite)
            else:
                self._over(
                    "It was used: you have a new contact." if notice.state == "used" else "It is gone."
                )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Copying and taking back need an invite, turning needs two."""
        if action in {"copy", "revoke"}:
            return self._invite is not None
        if action == "turn":
            return len(self.session.model.own_invites()) > 1
        return True

    def action_copy(self) -> None:
        """To the terminal's clipboard, by OSC 52."""
        if self._invite is not None:
            self.app.copy_to_clipboard(self._invite.code)
            self.note.say("sent to your terminal's clipboard, where other programs can read it")

    def action_another(self) -> None:
        """Make one more."""
        self.attempt(InviteCreate(identity=self._identity), Invite, self._made, meanwhile="making an invite")

    def action_turn(self) -> None:
        """The next open one."""
        invites = self.session.model.own_invites()
        ids = [one.invite for one in invites]
        current = self._invite.invite if self._invite else ""
        place = ids.index(current) + 1 if current in ids else 0
        self._show(invites[place % len(invites)])

    def action_revoke(self) -> None:
        """Take it back."""
        if self._invite is not None:
            request = InviteRevoke(invite=self._invite.invite)
            self.attempt(request, Done, lambda _: self._over("It was taken back and works no more."))

    def _made(self, invite: Invite) -> None:
        self.session.model.invites.setdefault(invite.invite, invite)
        self._show(invite)

    def _show(self, invite: Invite) -> None:
        self._invite = invite
        code = plain(invite.code)
        lines = [code[start : start + LINE] for start in range(0, len(code), LINE)]
        self.query_one("#code", Static).update(Content("\n".join(lines)))
        self._state(
            "● Its address can be reached: the code works now."
            if invite.reachable
            else "○ Its address is not reachable yet. You can hand the code out already: "
            "it works as soon as it is."
        )
        self.refresh_bindings()

    def _over(self, sentence: str) -> None:
        self._invite = None
        self.query_one("#code", Static).update(Content("—"))
        self._state(sentence)
        self.refresh_bindings()

    def _state(self, sentence: str) -> None:
        self.query_one("#state", Static).update(Content(sentence))


class AcceptSheet(Sheet[Contact]):
    """Use an invite that somebody gave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        NEXT_FIELD,
    ]
    TITLE: ClassVar[str] = "Use an invite"

    def __init__(self, session: Session, identity: str) -> None:
        super().__init__(session)
        self._identity = identity

    def parts(self) -> ComposeResult:
        """The code and a name."""
        own = wording.name(self.session.model.identities[self._identity].name)
        yield prose(f"Paste the code that you were given. You will write to them as {own}.")
        yield Draft(id="code", placeholder="onionchat:…")
        yield Entry(placeholder="How you want to call this person", id="name", max_length=MAX_NAME)

    @on(Draft.Submitted)
    @on(Entry.Submitted)
    def use(self) -> None:
        """Use it."""
        code = "".join(character for character in self.query_one(Draft).text if character not in AROUND)
        name = plain(self.query_one(Entry).value, multiline=False)
        if not code:
            self.note.complain(ConfigError("there is no code yet", hint="paste the code that you were given"))
            self.query_one(Draft).focus()
        elif len(code) > MAX_CODE:
            self.note.complain(ConfigError("this is too long to be an invite", hint="paste the code alone"))
        elif not name:
            self.note.complain(ConfigError("the contact needs a name", hint="only you will see it"))
            self.query_one(Entry).focus()
        else:
            self.query_one(Draft).focus()  # should the code be refused, that is what is pasted again
            self.query_one(Draft).select_all()
            self.attempt(
                InviteAccept(identity=self._identity, code=code, name=name),
                Contact,
                self.dismiss,
                meanwhile="checking the invite",
            )
