"""Contacts on the left, the conversation on the right, a composer below it, and how Tor is at the bottom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import OptionList, TextArea

from ...control import notices, replies, requests
from ...control.limits import MAX_TEXT
from ...control.text import plain
from ...errors import OnionchatError
from .. import wording
from ..promise import Promise
from ..reading import Reading
from ..sending import Sending
from ..session import Session
from ..widgets.bars import KeyBar, Note, StatusBar
from ..widgets.contact_list import ContactList
from ..widgets.conversation_view import ConversationView
from ..widgets.entry import Composer
from ..widgets.welcome import Welcome
from . import burning
from .confirm import ConfirmSheet
from .invites import AcceptSheet, InviteSheet
from .lifetime import LifetimeSheet, MessageLifetimeSheet, PromiseSheet
from .naming import DISPOSABLE, NEW, IdentitiesSheet, IdentitySheet, RenameSheet
from .panel import Panel
from .wire import of_the_open

STARVED_S: Final = 30.0
"""How long it is mentioned that the engine had to wait for the processor."""


class MainScreen(Panel[None]):
    """Everything that one does all day."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+n", "make_invite", "Make invite", tooltip="Make a code that lets one person reach you."
        ),
        Binding("ctrl+o", "use_invite", "Use invite", tooltip="Paste a code that somebody gave you."),
        Binding(
            "ctrl+g", "identities", "Identities", tooltip="Choose as whom you write, or make an identity."
        ),
        Binding("ctrl+t", "lifetime", "Lifetime", tooltip="Set how long messages live in this conversation."),
        Binding("ctrl+r", "message_lifetime", "This one's", tooltip="How long the next message alone lives."),
        Binding(
            "ctrl+l",
            "wire",
            "Schedule",
            tooltip="When cells leave, what it costs, appearing offline, windows.",
        ),
        Binding("tab", "app.focus_next", "Next part", tooltip="Contacts, messages, writing, and around."),
        Binding("escape", "write", "Write", tooltip="Go to where messages are written."),
    ]

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-wide")]  # noqa: RUF012 -- declared by Textual

    def __init__(self, session: Session, wanted: str | None) -> None:
        super().__init__(session)
        self._wanted = wanted
        self.promise = Promise(session, lambda words: self.app.push_screen_wait(PromiseSheet(session, words)))
        self.reading = Reading(session, self.promise)
        self.sending = Sending(session, self.promise)
        self._starved_until = 0.0
        self.contacts = ContactList()
        self.view = ConversationView()
        self.welcome = Welcome()
        self.composer = Composer()
        self.trouble = Note()
        self.status = StatusBar()

    def compose(self) -> ComposeResult:
        """The parts."""
        with Horizontal(id="panes"):
            yield self.contacts
            with Vertical(id="right"):
                yield self.welcome
                yield self.view
                yield self.trouble
                yield self.note
                yield self.composer
        yield self.status
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what is known; open the conversation that was asked for."""
        self.set_interval(1, self._tick)
        self.watch(self.app, "app_focus", self.view.report_seen, init=False)
        if self._wanted in self.session.model.contacts:
            self.open_conversation(self._wanted)
        else:
            self.tell()
            self.contacts.focus()

    # what happens

    def changed(self, notice: notices.AnyNotice) -> None:
        """Show what is new."""
        match notice:
            case notices.TorChanged() | notices.ReachabilityChanged() | notices.Starved():
                self._tell_status()
            case notices.MessageArrived() | notices.MessageChanged() | notices.MessageGone():
                self._tell_messages()
            case notices.DeletionConfirmed():
                self.note.say("the message was deleted at your contact's too")
            case _:
                self.tell()

    def tell(self) -> None:
        """Show everything."""
        model, now = self.session.model, self.session.clock()
        identity = model.identities.get(model.identity or "")
        contact = model.contacts.get(model.conversation or "")
        self.contacts.tell(model, now)
        elsewhere = model.unread_elsewhere()
        # titles are Content: Textual would read markup in a string
        own = wording.name(identity.name) if identity else ""
        self.contacts.border_title = Content(f"You are {own}" if own else "Contacts")
        self.contacts.border_subtitle = f"{elsewhere} new elsewhere" if elsewhere else ""
        self.welcome.display = contact is None
        self.view.display = self.composer.display = contact is not None
        self.trouble.clear()
        if contact is None:
            self.composer.close()
            self.view.open("")
            self.welcome.tell(model)
        else:
            name = wording.name(contact.name)
            self.view.border_title = Content(f"{name}  {wording.presence(contact, now)}")
            self.view.border_subtitle = self._subtitle(contact)
            self.composer.border_title = Content(f"To {name} as {own}")
            if contact.problem:
                self.trouble.warn(contact.problem)
        self._tell_messages()
        self._tell_status()
        self.refresh_bindings()

    def _subtitle(self, contact: replies.Contact) -> Content:
        """What is out of the ordinary, then the lifetime."""
        hidden = "" if contact.visible else "you appear offline here"
        parts = [wording.window(contact), hidden, wording.keeping(contact)]
        return Content(" │ ".join(filter(None, parts)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now is offered."""
        model = self.session.model
        match action:
            case "make_invite" | "use_invite":
                return model.identity is not None
            case "lifetime" | "message_lifetime":
                return model.conversation is not None
            case "write":
                return model.conversation is not None and not self.composer.has_focus
            case "rename_contact" | "remove_contact" | "burn_conversation":
                return self.contacts.chosen is not None
            case "delete_message":
                return self.view.selected is not None
            case _:
                return True

    def _tell_messages(self) -> None:
        model = self.session.model
        contact = model.contacts.get(model.conversation or "")
        if contact is not None:
            self.view.tell(wording.name(contact.name), model.messages, self.session.clock())
            self.refresh_bindings()

    def _tell_status(self) -> None:
        self.status.tell(self.session.model, self.session.clock())
        self._starved_until = self.session.clock() + STARVED_S if self.session.model.starved_ms else 0.0

    def _tick(self) -> None:
        now = self.session.clock()
        if 0.0 < self._starved_until <= now:
            self.session.model.starved_ms = 0.0
            self._tell_status()
        if self.session.model.drop_expired(now):
            self._tell_messages()
        self.view.tick(now)

    # conversations

    def open_conversation(self, contact: str) -> None:
        """Show a conversation and put the cursor where one writes."""
        model = self.session.model
        self._close()
        model.begin(contact)
        self.note.clear()
        self.view.open(wording.name(model.contacts[contact].name))
        self.composer.open(contact, model.drafts.get(contact, ""))
        self.tell()
        self.contacts.point_at(contact)
        self.composer.focus()
        self._load(contact)

    def _close(self) -> None:
        """The open conversation leaves the screen: what lives once and was read is gone."""
        self._tell_lifetime()
        model = self.session.model
        if model.conversation is not None and any(one.lifetime == "once" for one in model.messages):
            self._report(partial(self.reading.closed, model.conversation))

    @work(description="report what was read or closed")
    async def _report(self, report: Callable[[], Awaitable[None]]) -> None:
        try:
            await report()
        except OnionchatError as error:
            self.note.complain(error)

    @work(group="load", exclusive=True, description="load the conversation")
    async def _load(self, contact: str) -> None:
        try:
            await self.promise.learn()  # now, when somebody is there: a message may come when nobody is
            answer = await self.session.ask(
                requests.Messages(contact=contact, limit=1000), replies.Conversation
            )
        except OnionchatError as error:
            self.note.complain(error)
        else:
            self.session.model.load(contact, answer.messages)
            self._tell_messages()

    @on(OptionList.OptionSelected, "#contacts")
    def contact_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a contact."""
        if event.option.id is not None:
            self.open_conversation(event.option.id)

    @on(OptionList.OptionHighlighted, "#contacts")
    def contact_highlighted(self) -> None:
        """What can be done depends on it."""
        self.refresh_bindings()

    @on(TextArea.Changed, "#composer")
    def draft_changed(self) -> None:
        """Keep what is written, in memory."""
        contact = self.composer.contact
        if contact is not None and contact in self.session.model.contacts:
            self.session.model.drafts[contact] = self.composer.text

    @on(Composer.Sent)
    def send(self, event: Composer.Sent) -> None:
        """Send what was written; what the engine does not take comes back."""
        if event.contact not in self.session.model.contacts:  # burned since Enter was pressed
            return
        text = plain(event.text).strip("\n")
        self.sending.add(event.contact, text)
        self._tell_lifetime()
        if len(text) > MAX_TEXT:
            self._take_back()
            self.note.warn(f"this has {len(text)} characters, a message at most {MAX_TEXT}: send it in parts")
        else:
            self._send_all()

    @work
    async def _send_all(self) -> None:
        """What the engine does not take is written on."""
        try:
            await self.sending.send_all()
        except OnionchatError as error:
            self._take_back()
            self.note.complain(error)
        else:
            self.note.clear()

    def _take_back(self) -> None:
        self.draft_changed()
        drafts = self.session.model.drafts
        self.session.model.take_back()
        if self.composer.contact is not None:
            self.composer.open(self.composer.contact, drafts.get(self.composer.contact, ""))

    def on_unmount(self) -> None:
        """Nothing that was written is lost with the engine."""
        self.session.model.take_back()

    @on(ConversationView.Seen)
    def seen(self, event: ConversationView.Seen) -> None:
        """Tell the engine, but only what a person can have seen."""
        contact = self.session.model.conversation
        if contact is not None and self.app.screen is self and self.app.app_focus:
            fresh = self.reading.take(contact, event.messages)
            if fresh:
                self._report(partial(self.reading.shown, contact, fresh))

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        """Back from a sheet: what is on screen can be seen again."""
        self.view.report_seen()

    # sheets

    def action_write(self) -> None:
        """To the composer."""
        self.composer.focus()

    def action_make_invite(self) -> None:
        """An invite of the current identity."""
        if self.session.model.identity is not None:
            self.app.push_screen(
                InviteSheet(self.session, self.session.model.identity), lambda _: self.tell()
            )

    def action_use_invite(self) -> None:
        """Somebody else's invite, for the current identity."""
        if self.session.model.identity is not None:
            self.app.push_screen(AcceptSheet(self.session, self.session.model.identity), self._accepted)

    def _accepted(self, contact: replies.Contact | None) -> None:
        if contact is not None:
            self.session.model.contacts.setdefault(contact.contact, contact)
            self.open_conversation(contact.contact)

    def action_identities(self) -> None:
        """Choose an identity, or make the first one."""
        if self.session.model.identities:
            self.app.push_screen(IdentitiesSheet(self.session), self._identity_chosen)
        else:
            self._identity_chosen(NEW)

    def _identity_chosen(self, identity: str | None) -> None:
        if identity in (NEW, DISPOSABLE):
            sheet = IdentitySheet(self.session, disposable=identity == DISPOSABLE)
            self.app.push_screen(sheet, self._identity_made)
        elif identity is not None:
            self._write_as(identity)

    def _identity_made(self, identity: replies.Identity | None) -> None:
        if identity is not None:
            self.session.model.identities.setdefault(identity.identity, identity)
            self._write_as(identity.identity)

    def _write_as(self, identity: str) -> None:
        self._close()
        self.session.model.write_as(identity)
        self.note.clear()
        self.tell()
        self.contacts.focus()

    def action_lifetime(self) -> None:
        """The lifetime of the open conversation."""
        contact = self.session.model.contacts.get(self.session.model.conversation or "")
        if contact is not None:
            self.app.push_screen(LifetimeSheet(self.session, contact), self._contact_changed)

    def action_message_lifetime(self) -> None:
        """The lifetime of what is written next."""
        contact = self.session.model.contacts.get(self.session.model.conversation or "")
        if contact is not None:
            sheet = MessageLifetimeSheet(self.session, contact, self.sending.lifetime)
            self.app.push_screen(sheet, self._tell_lifetime)

    def _tell_lifetime(self, chosen: replies.Lifetime | None = None) -> None:
        self.sending.lifetime = chosen
        self.composer.border_subtitle = f"this message: {wording.lifetime(chosen)}" if chosen else ""

    def action_wire(self) -> None:
        """What the wire tells of the open conversation, or of the identity."""
        self.app.push_screen(of_the_open(self.session))

    def action_rename_contact(self) -> None:
        """The contact under the cursor."""
        contact = self.session.model.contacts.get(self.contacts.chosen or "")
        if contact is not None:
            self.app.push_screen(RenameSheet(self.session, contact), self._contact_changed)

    def _contact_changed(self, contact: replies.Contact | None) -> None:
        if contact is not None:
            self.session.model.contacts[contact.contact] = contact
            self.tell()

    def action_remove_contact(self) -> None:
        """Burn the contact under the cursor."""
        self._ask_before(burning.contact)

    def action_burn_conversation(self) -> None:
        """Burn the messages with the contact under the cursor."""
        self._ask_before(burning.conversation)

    def _ask_before(self, sheet: Callable[[Session, replies.Contact], ConfirmSheet]) -> None:
        contact = self.session.model.contacts.get(self.contacts.chosen or "")
        if contact is not None:
            self.app.push_screen(sheet(self.session, contact))

    def action_delete_message(self) -> None:
        """Delete the selected message."""
        message = self.view.selected
        if message is not None:
            self.app.push_screen(burning.message(self.session, message))
