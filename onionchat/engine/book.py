"""Everything that an open vault holds, as live machines: identities, invites, contacts.

Laws: the vault is the truth; what is here is made from it at opening and stays in step because every change
goes through a `Persist`. A contact whose change could not be stored is read again from the vault. What has
expired while nothing ran is erased, unread, before anything else but the time is read. Messages and seen ids
stay in the vault until they are needed; with every change of messages their gist is stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import msgspec

from ..crypto.ratchet import Ratchet
from ..errors import CryptoError, DiskFull, RemoteProtocolError, StoreError, VaultCorrupt
from ..protocol.asleep import Asleep
from ..protocol.commands import Key, Persist
from ..protocol.contact import Contact, Surroundings
from ..protocol.delivery import Inbox, Outbox
from ..protocol.invitation import Invitation
from ..protocol.pace import Pace
from ..protocol.record import (
    BoxRecord,
    ClockRecord,
    ContactRecord,
    GistRecord,
    IdentityRecord,
    InviteRecord,
    MessageRecord,
    OutgoingRecord,
    R,
    SeenRecord,
    SessionRecord,
    SettingsRecord,
    end_of,
    pack,
    unpack,
)
from ..protocol.talk import Talk
from ..protocol.timeline import AsleepMessages, Timeline
from ..store import Name, Record, Vault
from .clock import Clock
from .policy import Policies
from .whereabouts import Whereabouts

NOTE_SECONDS: Final = 60.0
"""How far the time that the vault has seen may lag behind, where something is stored anyway."""
IN_A_CONTACT = ("box", "gist", "message", "outgoing", "seen", "session")


class Book:
    """Identities, open invites and contacts of an open vault.

    ``pace`` is what holds where nothing was set; ``failed`` is told when the vault can store nothing more
    until it is opened again; ``clock`` goes on from the latest time that the vault has seen.
    """

    def __init__(
        self,
        vault: Vault,
        around: Surroundings,
        pace: Pace,
        failed: Callable[[StoreError], None],
        clock: Clock,
    ) -> None:
        self._vault = Whereabouts(vault)
        self._around = around
        self._failed = failed
        self._clock = clock
        self._noted = 0.0
        for _, noted in self._scan("clock", b"", ClockRecord):
            self._noted = noted.seen
            clock.carry_on(noted.seen, noted.wall)
        self._vault.expire(clock.now())
        self.identities = {r.id: r for r in self._all("identity", IdentityRecord)}
        settings = [found for _, found in self._scan("settings", b"", SettingsRecord)]
        self.policies = Policies(settings[0] if settings else SettingsRecord(), self.identities, pace)
        contacts = self._all("contact", ContactRecord)
        self._vault.opened(contacts)
        for record in contacts:
            self.policies.seat(record.id)
        self.contacts = {r.id: self._contact(r) for r in contacts}
        records = self._all("invite", InviteRecord)
        self.invitations = {r.id: self.invitation(r) for r in records if not r.contact}
        self.used_invites = {r.id: r for r in records if r.contact}
        """Invites of contacts that do not have our pair address yet."""

    def invitation(self, record: InviteRecord) -> Invitation:
        """The machine of an open invite, under the policies that hold for its identity."""
        pace, _ = self.policies.pace(None, record.identity)
        visible = self.policies.hidden_by(None, record.identity) is None
        return Invitation(record, self._around, pace=pace, visible=visible)

    def persist(self, command: Persist) -> None:
        """Store what a machine wants stored.

        Raises:
            StoreError: nothing of it was stored.
        """
        now, noted = self._clock.now(), None
        puts = [Record(_name(key), value, end_of(key.kind, value)) for key, value in command.puts]
        puts += self._gists(command)
        if now - self._noted >= NOTE_SECONDS:
            value = pack(ClockRecord(seen=now, wall=self._clock.wall()))
            noted = Record(name=Name(kind="clock", scope=b"", key=b""), value=value)
        with self._usable():
            if self._vault.commit(puts, [_name(key) for key in command.drops], noted):
                self._noted = now

    def _gists(self, command: Persist) -> Iterator[Record]:
        """What must be known of the conversations that change, for when they are opened the next time."""
        keys = [*(key for key, _ in command.puts), *command.drops]
        gone = {key.key for key in command.drops if key.kind == "contact"}
        changed = dict.fromkeys(key.scope for key in keys if key.kind == "message")
        for scope in changed:
            contact = None if scope in gone else self.contacts.get(scope)
            if contact is not None:
                timeline = contact.talk.timeline
                yield Record(Name("gist", scope, b""), pack(timeline.gist), timeline.gist_until)

    def require_room(self, contact: Contact) -> None:
        """Refuse to begin what the disk may have no room for; of a disposable identity nothing is there.

        Raises:
            StoreError: nothing was tried.
        """
        if not self.identities[contact.record.identity].disposable:
            self._vault.require_room()

    def note_time(self, after: float) -> None:
        """Have the vault remember what time it is, ``after`` so many seconds without that.

        Raises:
            StoreError: it could not be stored.
        """
        if self._clock.now() - self._noted >= max(after, NOTE_SECONDS):
            self.persist(Persist())

    def close(self, *, remember: bool = True) -> None:
        """Close the vault, and wipe what lives in memory; ``remember`` lets it note the time before."""
        with contextlib.suppress(StoreError):  # one that has failed is closed all the same
            if remember:
                self.note_time(0.0)
        self._vault.close()

    def reload(self, contact: bytes) -> Contact | None:
        """The contact as the vault has it.

        Raises:
            StoreError: the vault does not say.
        """
        with self._usable():
            return self._reload(contact)

    def _reload(self, contact: bytes) -> Contact | None:
        value = self._vault.get(Name(kind="contact", scope=b"", key=contact))
        if value is None:
            self.contacts.pop(contact, None)
            return None
        self.contacts[contact] = self._contact(self._read(value, ContactRecord))
        return self.contacts[contact]

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Say so when the vault is of no more use; a full disk is something else."""
        try:
            yield
        except DiskFull:
            raise
        except StoreError as error:
            self._failed(error)
            raise

    def burn(self, contact: Contact) -> None:
        """Erase a contact with everything in it."""
        self.persist(Persist(drops=tuple(self._everything(contact))))
        self._forget(contact)

    def burn_identity(self, identity: IdentityRecord) -> tuple[list[Contact], list[Invitation]]:
        """Erase an identity with all that it has; gives the contacts and open invites that went with it."""
        contacts = self.of_identity(identity.id)
        invitations = [one for one in self.invitations.values() if one.record.identity == identity.id]
        drops = [Key(kind="identity", key=identity.id)]
        drops += [Key(kind="invite", key=one.record.id) for one in invitations]
        for contact in contacts:
            drops += self._everything(contact)
        self.persist(Persist(drops=tuple(drops)))
        for contact in contacts:
            self._forget(contact)
        for invitation in invitations:
            del self.invitations[invitation.record.id]
        del self.identities[identity.id]
        return contacts, invitations

    def _everything(self, contact: Contact) -> list[Key]:
        """The names of all that the vault holds of a contact."""
        record = contact.record
        drops = [Key(kind="contact", key=record.id)]
        if record.invite:
            drops.append(Key(kind="invite", key=record.invite))
        for kind in IN_A_CONTACT:
            names = [found.name for found in self._vault.scan(kind, record.id)]
            drops += [Key(kind=kind, scope=name.scope, key=name.key) for name in names]
        return drops

    def _forget(self, contact: Contact) -> None:
        del self.contacts[contact.record.id]
        self.used_invites.pop(contact.record.invite, None)

    def on_disk(self, contact: Contact) -> bool:
        """Whether what a contact sends is kept on the disk."""
        return not contact.record.memory and not self.identities[contact.record.identity].disposable

    def boxes(self) -> dict[bytes, BoxRecord]:
        """By contact, what opens what came while the vault was locked.

        Raises:
            StoreError: the vault does not say.
        """
        with self._usable():
            found = {contact: self._scan("box", contact, BoxRecord) for contact in self.contacts}
        return {contact: record for contact, boxes in found.items() for _, record in boxes}

    def of_identity(self, identity: bytes) -> list[Contact]:
        """Its contacts, in order of creation."""
        return [contact for contact in self.contacts.values() if contact.record.identity == identity]

    def _contact(self, record: ContactRecord) -> Contact:
        session = None
        for found in self._scan("session", record.id, SessionRecord):
            try:
                session = Ratchet.from_bytes(found[1].ratchet)
            except (CryptoError, RemoteProtocolError):
                record.session_lost = True
        outgoing = [item for _, item in self._scan("outgoing", record.id, OutgoingRecord)]
        talk = Talk(
            record,
            random=self._around.random,
            session=session,
            timeline=self._timeline(record.id),
            outbox=Outbox(record.id, outgoing),
            inbox=Inbox(
                record.id,
                asleep=Asleep(
                    load=partial(self._seen, record.id), due=self._vault.first_end("seen", record.id)
                ),
            ),
        )
        pace, _ = self.policies.pace(record, None)
        visible = self.policies.hidden_by(record, None) is None
        return Contact(record, talk, self._around, pace=pace, visible=visible)

    def _timeline(self, contact: bytes) -> Timeline:
        """Its messages, which stay where they are as long as their gist holds."""
        gists = [gist for _, gist in self._scan("gist", contact, GistRecord)]
        if not gists:
            return Timeline(contact, self._messages(contact))
        load, due = partial(self._messages, contact), self._vault.first_end("message", contact)
        return Timeline(contact, asleep=AsleepMessages(load=load, due=due, gist=gists[0]))

    def _messages(self, contact: bytes) -> list[MessageRecord]:
        with self._usable():
            return [message for _, message in self._scan("message", contact, MessageRecord)]

    def _seen(self, contact: bytes) -> dict[bytes, float]:
        with self._usable():
            return {key: seen.until for key, seen in self._scan("seen", contact, SeenRecord)}

    def _all(self, kind: str, record: type[R]) -> list[R]:
        found = [value for _, value in self._scan(kind, b"", record)]
        return sorted(found, key=lambda value: value.created)  # type: ignore[attr-defined]  # all three have it

    def _scan(self, kind: str, scope: bytes, record: type[R]) -> list[tuple[bytes, R]]:
        return [(found.name.key, self._read(found.value, record)) for found in self._vault.scan(kind, scope)]

    def _read(self, value: bytes, record: type[R]) -> R:
        try:
            return unpack(value, record)
        except msgspec.DecodeError:
            raise VaultCorrupt("a record of the vault cannot be read") from None


def _name(key: Key) -> Name:
    return Name(kind=key.kind, scope=key.scope, key=key.key)
