"""What one contact and we say to each other: session, outbox, inbox, messages. docs/protocol.md, «Delivery».

Laws: an envelope is opened on the session it was made for or not at all; what arrives is decoded whole before
any of it acts; whatever the user asks goes through the outbox or the timeline, never to a link directly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..crypto import RandomSource
from ..crypto.epoch import KemCiphertext, KemKey
from ..crypto.keys import KeyPair
from ..crypto.onion import OnionKey
from ..crypto.ratchet import Ratchet
from ..errors import DecryptionError, LocalProtocolError, RemoteProtocolError
from . import body, events, lines
from . import commands as do
from .batch import Batch
from .box import take_out
from .cell import CellType
from .commands import Key
from .constants import (
    MAX_HELD,
    MAX_LIFETIME,
    MAX_TEXT_BYTES,
    MAX_UNANSWERED,
    MESSAGE_ID,
    OFF,
    UNREAD_LIFE,
)
from .delivery import Inbox, Outbox, seen_until
from .greeting import Capability, Intent
from .link import Link
from .pace import Pace
from .record import ContactRecord, MessageRecord, OutgoingKind, OutgoingRecord, SessionRecord, pack
from .terms import Terms
from .timeline import Timeline, upper_bound


class Talk:
    """Everything of a contact that does not depend on a link."""

    def __init__(
        self,
        record: ContactRecord,
        *,
        random: RandomSource,
        session: Ratchet | None = None,
        timeline: Timeline | None = None,
        outbox: Outbox | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        self.record = record
        self.timeline = timeline or Timeline(record.id)
        self.outbox = outbox or Outbox(record.id)
        self.inbox = inbox or Inbox(record.id)
        self.terms = Terms(random)
        self._random = random
        self._session = session
        self._rekey_said: tuple[type, int] | None = None
        self._stepped = False
        """The ratchet's state is newer than what is stored."""

    @property
    def lost(self) -> bool:
        """Whether a new session is needed."""
        return self.record.session_lost or self._session is None

    @property
    def next_deadline(self) -> float | None:
        """When something expires, in seconds since 1970."""
        holders = (self.timeline, self.outbox, self.inbox, self.terms)
        times = (holder.next_deadline for holder in holders)
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: float, batch: Batch) -> None:
        """Erase what has had its time."""
        self.timeline.expire(now, batch)
        self.outbox.expire(now, batch)
        self.inbox.expire(now, batch)
        self.terms.expire(now, batch)

    # --- sessions ------------------------------------------------------------------------------

    def begin(self, link: Link, now: float, batch: Batch, *, beside: bool = False) -> None:
        """The session that ``link``'s handshake made is the one from now on; see `lines.of_reset`."""
        if link.session is None:
            raise LocalProtocolError("a link that began no session")
        self._session, link.session = link.session, None
        self._rekey_said = None
        self.record.session = link.session_handle
        restored, self.record.restored, self.record.session_lost = self.record.restored, False, False
        self._stepped = True
        if link.intent is Intent.RESET:
            copied = link.recovers and link.dialled and not link.lost_there
            line = lines.of_reset(recovered=link.restores, restored=restored, copied=copied, beside=beside)
            self.timeline.note(self._random(MESSAGE_ID), line, self.record.lifetime, now, batch)
        if link.dialled:
            self._greet(now, batch)
        elif self.record.invite and all(item.kind != "address" for item in self.outbox):
            onion = OnionKey.from_seed(self.record.onion_seed).public
            static = KeyPair.from_secret(self.record.static_secret).public
            self._queue("address", now, batch, data=onion + static)

    def _greet(self, now: float, batch: Batch) -> None:
        """Say hello, so that the peer can send in this session.

        One that still waits may have arrived in the session before: it would not be said in this one.
        """
        for item in [item.id for item in self.outbox if item.kind == "hello"]:
            self.outbox.remove(item, batch)
        self._queue("hello", now, batch)

    def open(self, link: Link, pace: Pace, now: float, batch: Batch) -> None:
        """``link`` is the active one from now on: say what we have, wait for what the peer has."""
        self.terms.begin(link, pace, now, batch)
        self.outbox.restart(special=Capability.LIFETIMES in link.capabilities)
        self.inbox.restart()
        self._rekey_said = None
        if self._session is not None and self._session.sent_in_chain >= MAX_UNANSWERED:
            self.record.session_lost = True  # the peer could not skip so far: begin anew
        if link.session_handle != self.record.session:
            self.record.session_lost = True  # the peer chose this link with the session that we gave up
        self._lay(link, CellType.HAVE, self.inbox.have_list(), batch)

    # --- what the user asks ----------------------------------------------------------------------

    def asked(self, event: events.Event, now: float, batch: Batch) -> None:
        """A request of the user."""
        match event:
            case events.TextWritten():
                self._write(event, now, batch)
            case events.DeletionAsked():
                self._delete(event, now, batch)
            case events.MessagesShown(messages=messages):
                for message in messages:
                    self.timeline.shown(message, now, batch)
            case events.ConversationClosed():
                self.timeline.closed(batch)
            case (
                events.WindowAsked()
                | events.WindowWithdrawn()
                | events.WindowAnswered()
                | events.WindowEnded()
            ):
                self.terms.asked(event, now, batch)
            case events.BoxOpened():
                take_out(self, event, now, batch)
            case _:
                raise LocalProtocolError(f"an event that no contact knows: {type(event).__name__}")

    def _write(self, event: events.TextWritten, now: float, batch: Batch) -> None:
        data = event.text.encode()
        lifetime = self.record.lifetime if event.lifetime is None else event.lifetime
        if not 0 < len(data) <= MAX_TEXT_BYTES or not body.is_lifetime(lifetime):
            raise LocalProtocolError("a text that no peer would take")
        until = upper_bound(now, lifetime)
        message = MessageRecord(
            id=event.id, mine=True, text=event.text, written=now, stored=now, lifetime=lifetime, until=until
        )
        self.timeline.add(message, batch)
        self._queue("text", now, batch, item=event.id, data=data, lifetime=lifetime, until=until)

    def _delete(self, event: events.DeletionAsked, now: float, batch: Batch) -> None:
        message = self.timeline.get(event.message)
        if message is None:
            return
        may_be_there = message.delivered or self.outbox.ever_left(message.id)
        self.outbox.remove(message.id, batch)
        self.timeline.erase(message.id, "deleted", batch)
        if not event.both or not message.mine:
            return
        if not may_be_there:
            batch.do(do.TellDeletionConfirmed(message=message.id))
        else:
            # the upper bound of one that lives without end may have passed long ago
            until = max(message.until, upper_bound(now, message.lifetime) if message.lifetime == OFF else 0.0)
            self._queue("delete", now, batch, item=event.id, target=message.id, until=until)

    # --- what comes in -----------------------------------------------------------------------------

    def peer_has(self, ids: tuple[bytes, ...], now: float, batch: Batch) -> None:
        """The peer's have-list: the same as so many acknowledgements; the rest leaves again.

        Raises:
            RemoteProtocolError: it is not the first on this link.
        """
        if self.outbox.open:
            raise RemoteProtocolError("a second have-list on one link")
        for item in ids:
            self._acknowledged(item, now, batch)
        self.outbox.resume()

    def receive(
        self, link: Link, envelope: bytes, now: float, batch: Batch, *, active: bool, came: float
    ) -> None:
        """An envelope came in on ``link``, at ``came``: now, or before now where it waited in the box.

        Raises:
            RemoteProtocolError: it is not one of this session (which is then lost), or says nonsense.
        """
        if link.session_handle != self.record.session:  # made for a session that has ended; it comes again
            return
        session = self._session
        if session is None:
            raise RemoteProtocolError("an envelope of a session that is not held")
        try:
            opened = session.decrypt(envelope, random=self._random, now=int(now))
        except DecryptionError:
            self.record.session_lost = True
            self.keep(batch)
            raise RemoteProtocolError("an envelope that does not belong to this session") from None
        self._stepped = True
        for part in body.unpack(opened):
            match part:
                case body.PacePart():
                    link.tolerance.announced(part.pace)
                    self.inbox.acknowledge(part.id)
                case body.WindowPart():
                    self.terms.heard(part, link, batch)
                case _:
                    self._part(part, session, now, batch, active=active, came=came)

    def _part(
        self, part: body.Part, session: Ratchet, now: float, batch: Batch, *, active: bool, came: float
    ) -> None:
        match part:
            case body.AckPart(ids=ids):
                for item in ids:
                    self._acknowledged(item, now, batch)
            case body.KemKeyPart(epoch=epoch, key=key):
                session.accept_rekey(KemKey(epoch=epoch, key=key), now=int(now))
            case body.KemCiphertextPart(epoch=epoch, ciphertext=ciphertext):
                session.accept_rekey(KemCiphertext(epoch=epoch, ciphertext=ciphertext), now=int(now))
            case body.TextPart():
                self._text(part, now, batch, active=active, came=came)
            case body.DeletePart() | body.HelloPart() | body.AddressPart():  # pragma: no branch – the last
                if not self.inbox.known(part.id):
                    if self.inbox.full:  # not acknowledged: it comes again
                        return
                    self._order(part, now, batch)
                    self.inbox.see(part.id, seen_until(now, MAX_LIFETIME), batch)
                self.inbox.acknowledge(part.id)

    def _text(self, part: body.TextPart, now: float, batch: Batch, *, active: bool, came: float) -> None:
        mine = self.timeline.get(part.id) is not None or self.outbox.get(part.id) is not None
        if mine or self.inbox.known(part.id):
            self.inbox.acknowledge(part.id)
            return
        if self.inbox.full or self.timeline.held > MAX_HELD:  # not acknowledged: it comes again
            return
        # on a link that was not chosen, an earlier text may have been lost: all come again, in their order
        whole = self.inbox.assemble(part) if active else None
        if whole is None:
            return
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            raise RemoteProtocolError("a text that is not UTF-8") from None
        self.inbox.see(part.id, seen_until(now, part.lifetime), batch)
        self.inbox.acknowledge(part.id)
        self.timeline.came(part, text, self.record.lifetime, now, batch, at=came)

    def _order(
        self, part: body.DeletePart | body.HelloPart | body.AddressPart, now: float, batch: Batch
    ) -> None:
        if isinstance(part, body.DeletePart):
            target = self.timeline.get(part.target)
            if target is not None and not target.mine:
                self.timeline.erase(part.target, "deleted-by-peer", batch)
            if target is None or not target.mine:
                self.inbox.see(part.target, seen_until(now, UNREAD_LIFE), batch)
        elif isinstance(part, body.AddressPart) and not self.record.invite:
            if part.onion == OnionKey.from_seed(self.record.onion_seed).public:
                raise RemoteProtocolError("a peer that gives our own address for its own")
            self.record.peer_onion = part.onion
            self.record.peer_statics = [part.static, *self.record.peer_statics][:2]
            self.record.introduced = True
            self.keep(batch)

    def _acknowledged(self, item: bytes, now: float, batch: Batch) -> None:
        found = self.outbox.remove(item, batch)
        if found is None:
            self.terms.acknowledged(item, batch)
            return
        if found.kind == "text":
            self.timeline.delivered(item, now, batch)
        elif found.kind == "delete":
            batch.do(do.TellDeletionConfirmed(message=found.target))
        elif found.kind == "address":
            self._introduced(batch)

    def _introduced(self, batch: Batch) -> None:
        record = self.record
        batch.drop(Key(kind="invite", key=record.invite))
        batch.do(do.RetireInvite(invite=record.invite))
        record.introduced = True
        record.invite = record.invite_onion = record.invite_psk = record.first_static = b""
        self.keep(batch)

    # --- what goes out -----------------------------------------------------------------------------

    def lay(self, link: Link | None, now: float, batch: Batch) -> None:
        """Lay the next envelopes on ``link``, as far as slots are free and there is anything to say."""
        session = self._session
        if link is None or session is None or self.lost or not session.can_send:
            return
        if link.session_handle != self.record.session:
            return
        while len(link.laid) < self.terms.laid_at_once(link) and session.sent_in_chain < MAX_UNANSWERED:
            parts, finished = self._parts(session, now)
            if not parts:
                return
            envelope = session.encrypt(body.pack(parts), random=self._random, now=int(now))
            self._stepped = True
            self._lay(link, CellType.ENVELOPE, envelope, batch, finished)

    def left(self, link: Link, waiting: int, batch: Batch) -> None:
        """All but ``waiting`` of the cells that were laid have left ``link``."""
        while len(link.laid) > waiting:
            for item in link.laid.popleft():
                self.timeline.left(item, batch)

    def _parts(self, session: Ratchet, now: float) -> tuple[list[body.Part], list[bytes]]:
        parts: list[body.Part] = []
        room = body.ROOM
        rekey = session.rekey_part(int(now))
        part: body.KemKeyPart | body.KemCiphertextPart | None = None
        if isinstance(rekey, KemKey):
            part = body.KemKeyPart(epoch=rekey.epoch, key=rekey.key)
        elif isinstance(rekey, KemCiphertext):
            part = body.KemCiphertextPart(epoch=rekey.epoch, ciphertext=rekey.ciphertext)
        said = None if part is None else (type(part), part.epoch)
        if part is not None and said != self._rekey_said:  # once on each link: nothing is lost within one
            parts.append(part)
            room -= body.size(part)
            self._rekey_said = said
        if self.inbox.pending:
            acks = body.AckPart(ids=self.inbox.take_acks())
            parts.append(acks)
            room -= body.size(acks)
        terms = self.terms.take(room, body.MAX_PARTS - len(parts))
        parts += terms
        room -= sum(map(body.size, terms))
        items, finished = self.outbox.take(room, body.MAX_PARTS - len(parts))
        return parts + items, finished

    def _lay(
        self,
        link: Link,
        cell_type: CellType,
        content: bytes,
        batch: Batch,
        finished: Sequence[bytes] = (),
    ) -> None:
        link.laid.append(list(finished))
        batch.do(do.Lay(link=link.number, cell_type=cell_type, body=content))

    def _queue(
        self,
        kind: OutgoingKind,
        now: float,
        batch: Batch,
        *,
        item: bytes = b"",
        data: bytes = b"",
        target: bytes = b"",
        lifetime: int = 0,
        until: float = math.inf,
    ) -> None:
        self.outbox.add(
            OutgoingRecord(
                id=item or self._random(MESSAGE_ID),
                sequence=self.record.sequence,
                kind=kind,
                written=now,
                lifetime=lifetime,
                target=target,
                data=data,
                until=until,
            ),
            batch,
        )
        self.record.sequence += 1
        self.keep(batch)

    def flush(self, batch: Batch) -> None:
        """Store the ratchet if it took a step; called once for each event, after everything else."""
        if self._stepped and self._session is not None:
            self._stepped = False
            key = Key(kind="session", scope=self.record.id)
            batch.put(key, pack(SessionRecord(ratchet=self._session.to_bytes())))

    def keep(self, batch: Batch) -> None:
        """Store the contact's record."""
        batch.put(Key(kind="contact", key=self.record.id), pack(self.record))
