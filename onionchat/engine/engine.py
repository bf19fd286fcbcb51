"""The engine: performs what the machines command, between vault, metronome, tor and the control socket.

Laws: one thread, and `apply` never yields: an event's commands are performed whole before the next event;
when a `Persist` fails nothing after it happens and the contact is read again from the vault; the machines
decide, this file only does.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Callable, Container
from functools import partial

import trio

from ..control import notices
from ..crypto.onion import OnionKey
from ..errors import StoreError
from ..protocol import commands as do
from ..protocol import events
from ..protocol.contact import Contact, Surroundings
from ..protocol.invitation import Invitation
from ..protocol.pace import Pace
from ..store import Vault
from . import report
from .book import Book
from .burn import in_one_commit
from .clock import Clock
from .connection import Connections, Connector, Deliver
from .doors import connector, serve_contact, serve_invite
from .launch import Launch
from .lock import Idle
from .plan import Plan
from .receiving import Receiver, open_box
from .reconsider import reconsider
from .sender import Sender
from .service import Services
from .timekeeper import Timekeeper
from .torkeeper import TorKeeper

INVITES_SECONDS = 30.0
NOTE_TIME_SECONDS = 600.0
"""How often the vault is told what time it is where nothing else is stored."""
STORE_RETRY_SECONDS = 10.0
"""Before a contact is dialled again, or its deadlines are seen to, when something could not be stored."""
Machine = Contact | Invitation


class Engine:
    """Everything that runs while the engine does.

    ``tell`` gets every notice; ``stop`` has the engine end in order.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        launch: Launch,
        nursery: trio.Nursery,
        tell: Callable[[notices.AnyNotice], None],
        stop: Callable[[], None],
        control_password: str | None,
    ) -> None:
        self.plan = plan
        self.clock = Clock()
        self.around = Surroundings(random=os.urandom, numbers=itertools.count(1))
        self.pace = Pace(tick_ms=round(plan.tick * 1000))
        """Where nothing was set."""
        self.tell = tell
        self.stop = stop
        self.failure: StoreError | None = None
        """Why the vault is of no more use; the engine then ends."""
        self.burned = False
        """Everything was burned; the engine then ends, too."""
        self.vault: Vault | None = None
        self.book: Book | None = None
        self.launch = launch
        self.sender = Sender(launch, self._slot_freed, self._sending_ended, self._window_over)
        self.connections = Connections(nursery, self.sender)
        self.services = Services(nursery, self.clock.now, self._services_changed)
        self.tor = TorKeeper(
            nursery=nursery,
            plan=plan,
            launch=launch,
            services=self.services,
            changed=self._tor_changed,
            ready=self._tor_ready,
            control_password=control_password,
        )
        self.receiver = Receiver(self.connections.close, self.clock.now)
        self.idle = Idle(self)
        self._owners: dict[int, Machine] = {}
        self.time = Timekeeper[Machine](self.clock.now, self._deadline_passed)
        self._socks_salt = os.urandom(32)
        self._reachable_invites: set[bytes] = set()

    # --- opening and closing ---------------------------------------------------------------------

    def open(self, vault: Vault) -> None:
        """The vault is unlocked: bring everything in it to life.

        Raises:
            StoreError: it cannot be read; it is closed again.
        """
        self.receiver.end()
        self.clock.start_over()
        try:
            book = Book(vault, self.around, self.pace, self._vault_failed, self.clock)
        except StoreError:
            vault.close()
            raise
        self.vault, self.book = vault, book
        self.idle.begin()
        self._end_invitations()
        for contact in list(book.contacts.values()):
            self._attempt(contact, events.DeadlinePassed())  # nothing expired is ever handed out
        with self.services.together():
            for contact in book.contacts.values():
                serve_contact(self, contact)
            for invitation in book.invitations.values():
                serve_invite(self, invitation.record)
        self.tell(notices.VaultChanged(vault="open"))
        open_box(self, book)
        if self.tor.state.ready:
            self._tor_ready()

    def end_all(self, *, but: Container[int] = ()) -> None:
        """End every link at once; those that stay up have no machine any more."""
        for link in self._owners:
            if link not in but:
                self.connections.close(link)
        self._owners.clear()
        self._reachable_invites.clear()

    def opened(self) -> Book:
        """The open vault's book; only called where the vault is open."""
        if self.book is None:
            raise StoreError("the vault is locked", hint="unlock it first")
        return self.book

    def seat(self, contact: Contact) -> None:
        """A new contact takes its place among the others; theirs may change with it."""
        policies = self.opened().policies
        self._resettle(partial(policies.seat, contact.record.id))

    def _resettle(self, change: Callable[[], None]) -> None:
        """Change who has a place; a rotation that is another one then holds for all."""
        policies = self.opened().policies
        places = policies.places
        change()
        if policies.places != places:
            with contextlib.suppress(StoreError):
                self.reconsider()

    def start_contact(self, contact: Contact) -> None:
        """Let a contact dial, now or as soon as tor is ready."""
        if self.tor.socks is not None and contact.visible:
            contact.start(self.clock.now())
        self.time.expect(contact, contact.next_deadline)

    def forget(self, contact: Contact) -> None:
        """A contact was burned: its links and addresses go."""
        self._end_links(contact)
        self.time.expect(contact, None)
        self.services.remove(contact.onion.public)
        self.services.remove(contact.record.invite_onion)
        self._resettle(partial(self.opened().policies.unseat, contact.record.id))

    def forget_invitation(self, invitation: Invitation) -> None:
        """An invite was revoked, or its time has passed."""
        self.services.remove(invitation.onion.public)
        self._end_links(invitation)
        self.time.expect(invitation, None)

    def reconsider(self) -> None:
        """Some policy has changed: let it hold for everybody whom it concerns.

        Raises:
            StoreError: what does not hold yet for somebody could not be stored.
        """
        reconsider(self)

    # --- events and commands ---------------------------------------------------------------------

    def apply(self, machine: Machine, *happened: events.Event) -> None:
        """Give what ``happened`` to ``machine`` and perform what it commands, all of it in one commit.

        Raises:
            StoreError: nothing was stored and nothing was done; the contact is as the vault has it.
        """
        now = self.clock.now()
        performed = tuple(command for event in happened for command in machine.handle(event, now))
        try:
            self._perform(machine, performed if len(happened) == 1 else in_one_commit(performed))
        except StoreError as error:
            self._restore(machine)
            self.troubled(error)
            raise
        self.time.expect(machine, machine.next_deadline)

    def _attempt(self, machine: Machine, event: events.Event) -> None:
        """Apply where nobody waits for an answer: who watches is told of what could not be stored."""
        with contextlib.suppress(StoreError):
            self.apply(machine, event)

    def troubled(self, error: StoreError) -> None:
        """Tell whoever watches of what could not be stored."""
        self.tell(notices.StoreTroubled(problem=error.message, hint=error.hint))

    def _vault_failed(self, error: StoreError) -> None:
        self.failure = self.failure or error
        self.stop()

    def _deliver(self, link: int, event: events.Event) -> None:
        machine = self._owners.get(link)
        if machine is None:
            self.receiver.deliver(link, event)
            return
        if isinstance(event, events.LinkEnded):
            del self._owners[link]
        self._attempt(machine, event)

    def _perform(self, machine: Machine, performed: tuple[do.Command, ...]) -> None:
        for command in report.said_once(performed):
            match command:
                case do.Persist():
                    self.opened().persist(command)
                    if isinstance(machine, Invitation) and machine.contact is not None:
                        self._used(machine, machine.contact)
                case do.Dial(link=link, onion=onion):
                    self._owners[link] = machine
                    seen = machine.record.last_seen if isinstance(machine, Contact) else 0.0
                    self.connections.dial(link, self._connector(machine, onion), self._to(link), seen=seen)
                case do.SendCell(link=link, cell=cell):
                    self.connections.send(link, cell)
                case do.BeginSending(link=link, key=key, pace=pace):
                    place, places = self._place(machine)
                    self.connections.begin(link, key, pace, place=place, places=places)
                case do.ChangePace(link=link, pace=pace):
                    place, places = self._place(machine)
                    self.sender.change(link, pace, place=place, places=places)
                case do.BeginWindow(link=link, seconds=seconds):
                    self.sender.window(link, seconds)
                case do.Lay(link=link, cell_type=cell_type, body=body):
                    self.sender.lay(link, cell_type, body)
                case do.CloseLink(link=link):
                    self.connections.close(link)
                case do.RetireInvite(invite=invite):
                    self._retire(invite)
                case _:
                    self._tell(machine, command)

    def _place(self, machine: Machine) -> tuple[int, int]:
        """The machine's place in the rotation, and how many there are."""
        contact = machine.contact if isinstance(machine, Invitation) else machine
        return (0, 0) if contact is None else self.opened().policies.place(contact.record.id)

    def _tell(self, machine: Machine, command: do.Command) -> None:
        contact = machine.contact if isinstance(machine, Invitation) else machine
        notice = None if contact is None else report.notice(contact, command)
        if notice is not None:
            self.tell(notice)

    def _restore(self, machine: Machine) -> None:
        """Back to what the vault has: links end, and everything is resent on the next."""
        self._end_links(machine)
        self.time.expect(machine, None)
        if isinstance(machine, Invitation):
            machine.record.contact = b""
            self.opened().invitations[machine.record.id] = self.opened().invitation(machine.record)
            return
        with contextlib.suppress(StoreError):  # then the engine ends
            contact = self.opened().reload(machine.record.id)
            if contact is not None:
                later = self.clock.now() + STORE_RETRY_SECONDS
                contact.retry(later)
                self.time.expect(contact, later)
                self.tell(notices.ContactChanged(contact=report.contact(contact)))

    def _end_links(self, machine: Machine) -> None:
        for link in [link for link, owner in self._owners.items() if owner is machine]:
            del self._owners[link]
            self.connections.close(link)

    # --- invites ---------------------------------------------------------------------------------

    def _used(self, invitation: Invitation, contact: Contact) -> None:
        """Somebody used an invite: from now on its links and its service are the contact's."""
        book = self.opened()
        invite = report.invite(invitation, reachable=self.services.reachable(invitation.onion.public))
        del book.invitations[invitation.record.id]
        book.used_invites[invitation.record.id] = invitation.record
        book.contacts[contact.record.id] = contact
        self.seat(contact)
        self._owners.update(dict.fromkeys(contact.links, contact))
        self.time.expect(invitation, None)
        serve_contact(self, contact)
        self.time.expect(contact, contact.next_deadline)
        self.tell(notices.InviteChanged(invite=invite, state="used"))

    def _retire(self, invite: bytes) -> None:
        record = self.opened().used_invites.pop(invite, None)
        if record is not None:
            self.services.remove(OnionKey.from_seed(record.onion_seed).public)

    # --- connections -----------------------------------------------------------------------------

    def socket_name(self, _key: OnionKey) -> str:
        """Random: names stay in the folder's blocks on the disk, and must not tell whose address this was."""
        return os.urandom(6).hex()

    def accept(self, machine: Machine | None, connection: socket.socket, *, at_invite: bool) -> None:
        """Take a connection that somebody made at one of our addresses to the machine of that address."""
        if machine is None:
            connection.close()
            return
        link = next(self.around.numbers)
        self._owners[link] = machine
        self.connections.accept(link, connection, self._to(link))
        self._deliver(link, events.ConnectionAccepted(link=link, at_invite=at_invite))

    def _connector(self, machine: Machine, onion: bytes) -> Connector:
        contact = machine.record if isinstance(machine, Contact) else None
        return connector(self.tor.socks, self._socks_salt, contact, onion)

    def _to(self, link: int) -> Deliver:
        return partial(self._deliver, link)

    def _slot_freed(self, link: int) -> None:
        self._deliver(link, events.SlotFreed(link=link, waiting=self.sender.waiting(link)))

    def _sending_ended(self, link: int) -> None:
        self.connections.close(link)

    def _window_over(self, link: int) -> None:
        self._deliver(link, events.WindowEnded(link=link))

    # --- time ------------------------------------------------------------------------------------

    def _deadline_passed(self, machine: Machine) -> None:
        self._attempt(machine, events.DeadlinePassed())

    async def keep_invites(self) -> None:
        """End invites whose time has passed, and have the vault remember what time it is."""
        while True:
            await trio.sleep(INVITES_SECONDS)
            self._end_invitations()
            if self.book is not None:
                try:
                    self.book.note_time(NOTE_TIME_SECONDS)
                except StoreError as error:
                    self.troubled(error)

    def _end_invitations(self) -> None:
        now = self.clock.now()
        for invitation in list(self.book.invitations.values()) if self.book is not None else ():
            if invitation.invite.expired(now):
                try:
                    self.end_invitation(invitation)
                except StoreError as error:
                    self.troubled(error)

    def end_invitation(self, invitation: Invitation) -> None:
        """Take an open invite back."""
        key = do.Key(kind="invite", key=invitation.record.id)
        self.opened().persist(do.Persist(drops=(key,)))
        invite = report.invite(invitation, reachable=False)
        del self.opened().invitations[invitation.record.id]
        self.forget_invitation(invitation)
        self.tell(notices.InviteChanged(invite=invite, state="gone"))

    # --- tor -------------------------------------------------------------------------------------

    def _tor_changed(self) -> None:
        self.tell(notices.TorChanged(tor=self.tor.state))

    def _tor_ready(self) -> None:
        if self.book is not None:
            contacts = self.book.contacts.values()
            for contact in sorted(contacts, key=lambda contact: -contact.record.last_seen):
                self.start_contact(contact)

    def _services_changed(self) -> None:
        services = self.services
        self.tell(report.reachability(services))
        if self.book is not None:
            for invitation in self.book.invitations.values():
                reachable = services.reachable(invitation.onion.public)
                if reachable is not (invitation.record.id in self._reachable_invites):
                    self._reachable_invites ^= {invitation.record.id}
                    invite = report.invite(invitation, reachable=reachable)
                    self.tell(notices.InviteChanged(invite=invite, state="open"))
