"""An open invite of ours: who connects to its service, until one has used it. docs/protocol.md, «Invite».

Laws: a stranger gets no byte of answer; connections are bounded and the oldest goes first; the first that
proves the invite's secret makes the contact, and every other connection ends.
"""

from __future__ import annotations

from ..crypto.handshake import invite_psk, prologue
from ..crypto.keys import KeyPair
from ..crypto.onion import OnionKey
from ..errors import CryptoError, LocalProtocolError, RemoteProtocolError
from . import commands as do
from . import events
from .batch import Batch
from .commands import Command, Key
from .constants import DEFAULT_LIFETIME, HALF_OPEN_INVITE
from .contact import Contact, Surroundings
from .greeting import Intent
from .invite import Invite
from .link import Answer, Established, Link, first_to_go
from .pace import Pace
from .record import ContactRecord, InviteRecord, Psk, pack
from .talk import Talk

CONTACT_ID = 8


class Invitation:
    """The machine of one invite that nobody has used yet.

    Args:
        record: what is kept of it.
        around: what all machines share.
        pace: at which we send to who uses it, until the contact has a pace of its own.
        visible: whether anybody may reach it.
    """

    def __init__(
        self, record: InviteRecord, around: Surroundings, *, pace: Pace, visible: bool = True
    ) -> None:
        self.record = record
        self.pace = pace
        self.visible = visible
        self.onion = OnionKey.from_seed(record.onion_seed)
        self.contact: Contact | None = None
        """Who used it; from then on the contact's machine takes the events of this service."""
        self._static = KeyPair.from_secret(record.static_secret)
        self._psk = Psk(generation=0, key=invite_psk(record.secret, self.onion.public), session=b"")
        self._around = around
        self._links: dict[int, Link] = {}

    @property
    def invite(self) -> Invite:
        """What to hand over."""
        return Invite(
            expires_hour=self.record.expires_hour,
            onion=self.onion.public,
            static=self._static.public,
            secret=self.record.secret,
        )

    @property
    def expires(self) -> float | None:
        """When nobody may use it any more, in seconds since 1970."""
        return self.record.expires_hour * 3600.0 or None

    @property
    def next_deadline(self) -> float | None:
        """When `handle` wants `events.DeadlinePassed`."""
        times = [link.deadline for link in self._links.values()]
        return min((time for time in times if time is not None), default=None)

    def handle(self, event: events.Event, now: float) -> tuple[Command, ...]:
        """What ``event`` leads to; look at `contact` afterwards.

        Raises:
            LocalProtocolError: the engine's bug.
        """
        batch = Batch()
        match event:
            case events.ConnectionAccepted(link=number):
                self._accept(number, now, batch)
            case events.CellReceived(link=number, cell=cell):
                self._received(number, cell, now, batch)
            case events.LinkEnded(link=number):
                self._links.pop(number, None)
            case events.PaceChosen(pace=pace):
                self.pace = pace
            case events.PresenceChosen(visible=visible):
                self.visible = visible
                for number in [] if visible else list(self._links):
                    self._close(number, batch)
            case events.DeadlinePassed():
                for number, link in list(self._links.items()):
                    if link.deadline is not None and link.deadline <= now:
                        self._close(number, batch)
            case _:
                raise LocalProtocolError(f"an event that no invite knows: {type(event).__name__}")
        return batch.commands()

    def _accept(self, number: int, now: float, batch: Batch) -> None:
        if not self.visible or (self.expires is not None and self.expires <= now):
            batch.do(do.CloseLink(link=number))
            return
        if self.contact is not None:
            raise LocalProtocolError("an invite that was used takes no more connections")
        if number in self._links:
            raise LocalProtocolError("a link's number was given twice")
        if len(self._links) >= HALF_OPEN_INVITE:
            self._close(first_to_go(tuple(self._links.values())).number, batch)
        self._links[number] = Link.accept(
            number,
            prologue=prologue(self.onion.public),
            static=self._static,
            psks=(self._psk,),
            session=b"",
            ratchet_key=KeyPair.generate(self._around.random),
            random=self._around.random,
            pace=self.pace,
            now=now,
        )

    def _received(self, number: int, cell: bytes, now: float, batch: Batch) -> None:
        link = self._links.get(number)
        if link is None:  # closed by us; what was on its way does not count
            return
        try:
            self._cell(link, cell, now, batch)
        except (RemoteProtocolError, CryptoError):
            self._close(number, batch)

    def _cell(self, link: Link, cell: bytes, now: float, batch: Batch) -> None:
        match link.receive(cell, random=self._around.random, now=now):
            case Answer(cell=answer):
                batch.do(do.SendCell(link=link.number, cell=answer))
            case Established():  # pragma: no branch – a link leaves this machine before a cell arrives
                if link.intent is not Intent.CONTACT:
                    raise RemoteProtocolError("an invite that was dialled for something else")
                self._used(link, now, batch)

    def _used(self, link: Link, now: float, batch: Batch) -> None:
        del self._links[link.number]
        for number in list(self._links):
            self._close(number, batch)
        random = self._around.random
        identifier = random(CONTACT_ID)
        record = ContactRecord(
            id=identifier,
            identity=self.record.identity,
            name=f"unnamed {identifier.hex()[:4]}",
            created=now,
            lifetime=DEFAULT_LIFETIME,
            onion_seed=OnionKey.generate(random).seed(),
            static_secret=KeyPair.generate(random).secret(),
            first_static=self.record.static_secret,
            peer_statics=[link.remote_static],
            invite=self.record.id,
            invite_onion=self.onion.public,
            invite_psk=self._psk.key,
            memory=self.record.memory,
        )
        self.record.contact = identifier
        batch.put(Key(kind="invite", key=self.record.id), pack(self.record))
        self.contact = Contact(record, Talk(record, random=random), self._around, pace=self.pace)
        self.contact.adopt(link, now, batch)

    def _close(self, number: int, batch: Batch) -> None:
        del self._links[number]
        batch.do(do.CloseLink(link=number))


def join(
    invite: Invite,
    *,
    identity: bytes,
    name: str,
    now: float,
    around: Surroundings,
    pace: Pace,
    visible: bool = True,
    memory: bool = False,
) -> Contact:
    """The contact behind an invite that somebody gave us; store its record, then `Contact.start` it."""
    random = around.random
    record = ContactRecord(
        id=random(CONTACT_ID),
        identity=identity,
        name=name,
        created=now,
        lifetime=DEFAULT_LIFETIME,
        onion_seed=OnionKey.generate(random).seed(),
        static_secret=KeyPair.generate(random).secret(),
        first_onion=invite.onion,
        peer_onion=invite.onion,
        peer_statics=[invite.static],
        invite_psk=invite_psk(invite.secret, invite.onion),
        memory=memory,
    )
    return Contact(record, Talk(record, random=random), around, pace=pace, visible=visible)
