"""What each request of the control socket does.

Laws: a request is answered at once, after what it asks for is stored; every refusal is an error of our
taxonomy with what to do; while the vault is locked one can look, watch, unlock, burn and stop, nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from .. import __version__
from ..control import notices, replies, requests
from ..control.text import plain
from ..crypto.factor import NO_FACTORS
from ..errors import ControlError
from ..protocol import commands as do
from ..protocol import events
from ..protocol.constants import MAX_TEXT_BYTES, MESSAGE_ID
from ..protocol.contact import Contact
from ..protocol.record import IdentityRecord, pack
from ..store import vault_exists
from . import report
from .backup_answer import make_backup, restore_backup
from .burn import burn_conversation, burn_identity
from .engine import Engine
from .invite_answer import HANDLE, accept_invite, new_invite
from .lifetime import allow_off, keep, meant, timer_told
from .lock import lock, lock_after, lock_default
from .panic import burn_everything
from .policy_answer import PolicyRequest, answer_policy, answer_window
from .room import require_room
from .unlock_answer import Unlocker

T = TypeVar("T")
ContactRequest = (
    requests.ContactRemove
    | requests.ContactRename
    | requests.ConversationBurn
    | requests.SetLifetime
    | requests.Keep
    | requests.WindowAsk
    | requests.WindowAnswer
    | requests.Messages
    | requests.Send
    | requests.Delete
    | requests.Shown
    | requests.Closed
)
OpenRequest = (
    ContactRequest
    | PolicyRequest
    | requests.IdentityCreate
    | requests.IdentityList
    | requests.IdentityBurn
    | requests.LockAfter
    | requests.LockDefault
    | requests.BackupMake
    | requests.InviteCreate
    | requests.InviteList
    | requests.InviteRevoke
    | requests.InviteAccept
    | requests.ContactList
    | requests.AllowOff
    | requests.TimerTold
)
"""What only an open vault can answer."""


class Answers:
    """Answers requests on behalf of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._unlocker = Unlocker(engine)
        self.starved_ms = 0.0
        self.worked = False
        """The engine itself took long (the passphrase's cost): nobody kept it waiting."""

    def answer(self, request: requests.AnyRequest) -> replies.AnyResult:
        """Carry out one request.

        Raises:
            OnionchatError: it was not carried out.
        """
        self._engine.idle.asked(request)
        match request:
            case requests.Status():
                return self._status()
            case (
                requests.Unlock()
                | requests.VaultShow()
                | requests.VaultPassphrase()
                | requests.VaultKeyFile()
                | requests.VaultSecurityKey()
                | requests.VaultRecovery()
                | requests.VaultDuress()
                | requests.VaultRecover()
            ):
                self.worked = not isinstance(request, requests.VaultShow)
                return self._unlocker.answer(request)
            case requests.BackupRestore():
                self.worked = True
                return restore_backup(self._engine, request)
            case requests.Watch():
                return replies.Done()
            case requests.Here():
                return replies.Done()
            case requests.Lock(receive=receive):
                return lock(self._engine, receive=receive)
            case requests.VaultBurn():
                burn_everything(self._engine)
                if self._engine.failure is not None:
                    raise self._engine.failure
                return replies.Done()
            case requests.Stop():
                self._engine.stop()
                return replies.Done()
        if self._engine.book is None:
            raise ControlError(
                "vault-locked", "the vault is locked", hint="unlock it first: onionchat unlock", exit_code=5
            )
        return self._answer_open(request)

    def _answer_open(self, request: OpenRequest) -> replies.AnyResult:
        match request:
            case requests.IdentityCreate() | requests.IdentityList():
                return self._identity(request)
            case requests.IdentityBurn(identity=identity):
                known = self._known(self._engine.opened().identities, identity, "identity")
                return burn_identity(self._engine, known)
            case requests.InviteCreate() | requests.InviteList() | requests.InviteRevoke():
                return self._invite(request)
            case requests.InviteAccept():
                user = self._known(self._engine.opened().identities, request.identity, "identity")
                return accept_invite(self._engine, user, request.code, _name(request.name))
            case requests.ContactList(identity=identity):
                return self._contacts(identity)
            case requests.LockAfter(seconds=seconds):
                return lock_after(self._engine, seconds)
            case requests.LockDefault(receive=receive):
                return lock_default(self._engine, receive=receive)
            case requests.BackupMake():
                self.worked = True
                return make_backup(self._engine, request)
            case requests.AllowOff(allowed=allowed):
                return allow_off(self._engine, allowed=allowed)
            case requests.TimerTold(read=read):
                return timer_told(self._engine, read=read)
            case (
                requests.PolicyShow() | requests.ScheduleSet() | requests.PresenceSet() | requests.BudgetSet()
            ):
                return self._policy(request)
            case _:
                return self._about_contact(self._contact(request.contact), request)

    def _about_contact(self, contact: Contact, request: ContactRequest) -> replies.AnyResult:
        require_room(self._engine, contact, request)
        match request:
            case requests.ContactRemove():
                self._engine.opened().burn(contact)
                self._engine.forget(contact)
                self._engine.tell(notices.ContactRemoved(contact=request.contact))
                return replies.Done()
            case requests.ConversationBurn():
                return burn_conversation(self._engine, contact)
            case requests.ContactRename(name=name):
                self._engine.apply(contact, events.Renamed(name=_name(name)))
                return report.contact(contact)
            case requests.SetLifetime(lifetime=lifetime):
                chosen = events.LifetimeChosen(lifetime=meant(self._engine, lifetime))
                self._engine.apply(contact, chosen)
                return report.contact(contact)
            case requests.Keep(where=where):
                keep(self._engine, contact, where)
                return report.contact(contact)
            case requests.WindowAsk() | requests.WindowAnswer():
                return answer_window(self._engine, request, contact)
        return self._conversation(contact, request)

    def _policy(self, request: PolicyRequest) -> replies.Policy:
        contact, identity = None, None
        if not isinstance(request, requests.BudgetSet):
            if request.contact is not None:
                contact = self._contact(request.contact)
            if request.identity is not None:
                identity = self._known(self._engine.opened().identities, request.identity, "identity")
        return answer_policy(self._engine, request, contact, identity)

    def unlock(self, passphrase: str, *, create: bool) -> None:
        """Open the vault, or make it, with a passphrase that did not come by the socket."""
        self.worked = True
        self._unlocker.unlock(passphrase, create=create, factors=NO_FACTORS)

    def _status(self) -> replies.StatusReport:
        engine = self._engine
        vault: replies.VaultState = "open"
        if engine.vault is None:
            vault = "locked" if vault_exists(Path(engine.plan.vault)) else "absent"
        online = engine.book.contacts.values() if engine.book is not None else ()
        return replies.StatusReport(
            version=__version__,
            pid=os.getpid(),
            vault=vault,
            amnesic=engine.plan.amnesic,
            tor=engine.tor.state,
            reachable_since=engine.services.reachable_since,
            services=len(engine.services),
            reachable=engine.services.reachable_count,
            elsewhere=engine.services.elsewhere_count,
            links=sum(contact.presence == "online" for contact in online),
            tick=engine.plan.tick,
            starved_ms=self.starved_ms,
            metronome_realtime=engine.launch.has_realtime("metronome"),
            tor_realtime=engine.launch.has_realtime("tor"),
            lock_after=engine.book.policies.settings.lock_after if engine.book is not None else 0,
            lock_receives=engine.book is not None and engine.book.policies.settings.lock_receives,
            receiving=len(engine.receiver),
            clock_behind=engine.clock.behind() if engine.book is not None else 0.0,
        )

    # --- identities and invites --------------------------------------------------------------------

    def _identity(self, request: requests.IdentityCreate | requests.IdentityList) -> replies.AnyResult:
        book = self._engine.opened()
        if isinstance(request, requests.IdentityList):
            return replies.Identities(
                identities=[
                    report.identity(record, len(book.of_identity(record.id)))
                    for record in book.identities.values()
                ]
            )
        name = _name(request.name)
        if any(record.name == name for record in book.identities.values()):
            raise ControlError(
                "name-taken", f"there is an identity «{name}» already", hint="choose another name"
            )
        record = IdentityRecord(
            id=os.urandom(HANDLE),
            name=name,
            created=self._engine.clock.now(),
            disposable=request.disposable,
        )
        book.persist(do.Persist(puts=((do.Key(kind="identity", key=record.id), pack(record)),)))
        book.identities[record.id] = record
        made = report.identity(record, 0)
        self._engine.tell(notices.IdentityChanged(identity=made))
        return made

    def _invite(
        self, request: requests.InviteCreate | requests.InviteList | requests.InviteRevoke
    ) -> replies.AnyResult:
        engine, book = self._engine, self._engine.opened()
        match request:
            case requests.InviteCreate(identity=identity, hours=hours):
                return new_invite(engine, self._known(book.identities, identity, "identity"), hours)
            case requests.InviteRevoke(invite=invite):
                engine.end_invitation(self._known(book.invitations, invite, "invite"))
                return replies.Done()
        return replies.Invites(
            invites=[
                report.invite(open_one, reachable=engine.services.reachable(open_one.onion.public))
                for open_one in book.invitations.values()
            ]
        )

    # --- contacts and conversations ----------------------------------------------------------------

    def _contacts(self, identity: str | None) -> replies.Contacts:
        book = self._engine.opened()
        wanted = list(book.contacts.values())
        if identity is not None:
            wanted = book.of_identity(self._known(book.identities, identity, "identity").id)
        return replies.Contacts(contacts=[report.contact(contact) for contact in wanted])

    def _conversation(
        self,
        contact: Contact,
        request: requests.Messages | requests.Send | requests.Delete | requests.Shown | requests.Closed,
    ) -> replies.AnyResult:
        match request:
            case requests.Messages(limit=limit):
                return report.conversation(contact, limit, self._engine.clock.now())
            case requests.Send():
                return self._send(contact, request)
            case requests.Delete():
                return self._delete(contact, request)
            case requests.Shown(messages=shown):
                event = events.MessagesShown(messages=tuple(_bytes(message) for message in shown))
                self._engine.apply(contact, event)
                return replies.Done()
            case requests.Closed():
                self._engine.apply(contact, events.ConversationClosed())
                return replies.Done()

    def _send(self, contact: Contact, request: requests.Send) -> replies.Message:
        if len(request.text.encode()) > MAX_TEXT_BYTES:
            raise ControlError(
                "too-long",
                f"a message has at most {MAX_TEXT_BYTES // 1024} KiB of text",
                hint="send it in several messages",
            )
        identifier = os.urandom(MESSAGE_ID)
        lifetime = None if request.lifetime is None else meant(self._engine, request.lifetime)
        self._engine.apply(contact, events.TextWritten(id=identifier, text=request.text, lifetime=lifetime))
        record = contact.talk.timeline.get(identifier)
        if record is None:
            raise ControlError("message-gone", "the message was gone at once")
        return report.message(contact.record.id, record, sent=False)

    def _delete(self, contact: Contact, request: requests.Delete) -> replies.Done:
        identifier = _bytes(request.message)
        message = contact.talk.timeline.get(identifier)
        if message is None:
            raise ControlError(
                "no-such-message", "there is no such message any more", hint="it may have expired"
            )
        if request.both and not message.mine:
            raise ControlError(
                "not-yours",
                "only your own messages can be deleted for both",
                hint="delete it here; your contact decides about theirs",
            )
        self._engine.apply(
            contact,
            events.DeletionAsked(message=identifier, both=request.both, id=os.urandom(MESSAGE_ID)),
        )
        return replies.Done()

    def _contact(self, handle: str) -> Contact:
        return self._known(self._engine.opened().contacts, handle, "contact")

    @staticmethod
    def _known(things: dict[bytes, T], handle: str, what: str) -> T:
        try:
            return things[_bytes(handle)]
        except KeyError:
            raise ControlError(
                f"no-such-{what}", f"there is no such {what}", hint=f"onionchat {what} list shows them"
            ) from None


def _bytes(handle: str) -> bytes:
    try:
        return bytes.fromhex(handle)
    except ValueError:
        return b""


def _name(name: str) -> str:
    clean = plain(name, multiline=False)
    if not clean:
        raise ControlError("bad-name", "a name needs a visible character", hint="choose another name")
    return clean
