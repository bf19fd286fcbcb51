"""A contact: its links, sessions, outbox and messages under one machine. docs/protocol.md, «Contact».

Laws: `handle` never blocks and touches nothing outside; what must survive is in the one `Persist` that its
commands begin with; at most one link is *active* (carries envelopes) at a time, and both sides choose the
same; an error of the peer ends the link that it came on, and nothing in that cell after the fault counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..crypto import RandomSource
from ..crypto.handshake import prologue
from ..crypto.keys import KeyPair
from ..crypto.onion import OnionKey
from ..errors import CryptoError, IdentityMismatch, LocalProtocolError, RemoteProtocolError
from . import commands as do
from . import events, greeting, keyring
from .batch import Batch
from .cell import CellType, split_have
from .commands import Command
from .constants import HALF_OPEN_INVITE, HALF_OPEN_PAIR
from .dialling import Dialling
from .greeting import Agreed, Capability, Intent
from .link import Answer, Arrived, Established, Link, LinkState, first_to_go, wins
from .pace import Pace
from .record import ContactRecord, Psk
from .talk import Talk

Presence = Literal["offline", "connecting", "online"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every contact of an engine shares."""

    random: RandomSource
    numbers: Iterator[int]
    """Link numbers, each given once."""


class Contact:
    """The machine of one contact.

    Args:
        record: what is kept of it.
        talk: what is said.
        around: what all contacts share.
        pace: at which we send to it, whoever's setting that follows from.
        visible: whether it may reach us and see us on line, likewise.
    """

    def __init__(
        self, record: ContactRecord, talk: Talk, around: Surroundings, *, pace: Pace, visible: bool = True
    ) -> None:
        self.record = record
        self.talk = talk
        self.pace = pace
        self.visible = visible
        self.online_since: float | None = None
        self._around = around
        self._links: dict[int, Link] = {}
        self._active: Link | None = None
        self._dialling = Dialling(around.random)
        self._told: tuple[object, ...] = ()

    # --- what others may ask -----------------------------------------------------------------

    @property
    def onion(self) -> OnionKey:
        """The key of our pair address."""
        return OnionKey.from_seed(self.record.onion_seed)

    @property
    def presence(self) -> Presence:
        """What the user is shown."""
        if self._active is not None:
            return "online"
        return "connecting" if any(not link.half_open for link in self._links.values()) else "offline"

    @property
    def problem(self) -> str:
        """A line for people where no link can come about, or a first contact comes to nothing; else empty."""
        if self.record.version not in greeting.VERSIONS or self.record.suite not in greeting.SUITES:
            return "you have met this contact with a newer onionchat; update this one to reach them again"
        if not self._joining:
            return ""
        if self._dialling.refused:
            return "this invite is not accepted: it was used already or taken back; ask for a new one"
        if self._dialling.fruitless:
            return "nobody answers at this invite yet: they are offline, or it was used or taken back"
        return ""

    @property
    def links(self) -> tuple[int, ...]:
        """The numbers of all connections, also of half-open ones."""
        return tuple(self._links)

    @property
    def active(self) -> Link | None:
        """The link that carries envelopes."""
        return self._active

    @property
    def next_deadline(self) -> float | None:
        """When `handle` wants `events.DeadlinePassed`, in seconds since 1970."""
        times = [self._dialling.due, self.talk.next_deadline, *(k.deadline for k in self._links.values())]
        return min((time for time in times if time is not None), default=None)

    def start(self, now: float) -> None:
        """Tor is ready: dial when the next deadline is asked for, unless we are hidden."""
        if not self._links and self.visible:
            self._dialling.start(now)

    def retry(self, now: float) -> None:
        """Something here failed: dial again, but not at once, unless we are hidden."""
        if self.visible:
            self._dialling.lost(now)

    # --- the one entry -----------------------------------------------------------------------

    def handle(self, event: events.Event, now: float) -> tuple[Command, ...]:
        """What ``event`` leads to, at ``now`` in seconds since 1970.

        Raises:
            LocalProtocolError: the engine's bug.
        """
        batch = Batch()
        number = getattr(event, "link", None)
        self.talk.expire(now, batch)
        try:
            self._dispatch(event, now, batch)
        except (RemoteProtocolError, CryptoError):
            if number is None:
                raise
            self._close(number, now, batch)
        if self._active is not None and (self.talk.lost or self.talk.terms.ignored(now)):
            self._close(self._active.number, now, batch)
        self.talk.lay(self._active, now, batch)
        self.talk.flush(batch)
        self._tell(batch)
        return batch.commands()

    def adopt(self, link: Link, now: float, batch: Batch) -> None:
        """Take over the link on which this contact used our invite."""
        self._links[link.number] = link
        self._established(link, None, now, batch)
        self.talk.flush(batch)
        self._tell(batch)

    def _dispatch(self, event: events.Event, now: float, batch: Batch) -> None:
        match event:
            case events.CellReceived(link=number, cell=cell):
                self._cell(number, cell, now, batch)
            case events.SlotFreed(link=number, waiting=waiting):
                if number in self._links:
                    self.talk.left(self._links[number], waiting, batch)
            case events.DialSucceeded(link=number):
                self._greet(number, now, batch)
            case events.ConnectionAccepted(link=number, at_invite=at_invite):
                self._accept(number, at_invite, now, batch)
            case events.LinkEnded(link=number):
                self._ended(number, now, batch)
            case events.DeadlinePassed():
                self._due(now, batch)
            case events.PaceChosen(pace=pace):
                self.pace = pace
                self.talk.terms.wish(pace, now)
                self.talk.keep(batch)
            case events.PresenceChosen(visible=visible):
                self._appear(visible, now, batch)
            case events.LifetimeChosen() | events.KeepingChosen() | events.Renamed():
                self._choose_for_us(event)
                self.talk.keep(batch)
            case _:
                self.talk.asked(event, now, batch)

    def _choose_for_us(self, event: events.LifetimeChosen | events.KeepingChosen | events.Renamed) -> None:
        match event:
            case events.LifetimeChosen(lifetime=lifetime):
                self.record.lifetime = lifetime
            case events.KeepingChosen(memory=memory):
                self.record.memory = memory
            case events.Renamed(name=name):  # pragma: no branch – the last kind
                self.record.name = name

    # --- links -------------------------------------------------------------------------------

    def _appear(self, visible: bool, now: float, batch: Batch) -> None:
        """Off line, nothing is dialled and nobody let in; what waits for the contact goes on waiting."""
        if visible is not self.visible:
            self.visible = visible
            for number in [] if visible else self.links:
                self._close(number, now, batch)
            if visible:
                self.start(now)
            else:
                self._dialling.pause()
        self.talk.keep(batch)

    def _due(self, now: float, batch: Batch) -> None:
        for link in [k for k in self._links.values() if k.deadline is not None and k.deadline <= now]:
            self._close(link.number, now, batch)
        if self._dialling.due is not None and self._dialling.due <= now:
            self._dialling.pause()
            if self._active is None and not any(link.dialled for link in self._links.values()):
                number = next(self._around.numbers)
                self._links[number] = Link.dial(number, pace=self.pace, now=now)
                batch.do(do.Dial(link=number, onion=self.record.peer_onion))

    @property
    def _joining(self) -> bool:
        """Whether we use an invite, and nothing has shown yet that it was accepted."""
        return bool(self.record.invite_psk) and not self.record.invite

    def _greet(self, number: int, now: float, batch: Batch) -> None:
        link = self._links.get(number)
        if link is None:  # closed while the dial was under way
            batch.do(do.CloseLink(link=number))
            return
        record = self.record
        if self._joining:
            psk, intent = keyring.invited(record), Intent.CONTACT
        else:
            psk = keyring.to_dial_with(record, self._dialling.refusals)
            resumes = psk.session == record.session and not self.talk.lost
            intent = Intent.RESUME if resumes else Intent.RESET
        cell = link.greet(
            prologue=prologue(record.peer_onion),
            static=KeyPair.from_secret(record.first_static or record.static_secret),
            remote_static=record.peer_statics[0],
            psk=psk,
            intent=intent,
            onion=self.onion.public if intent is Intent.CONTACT else bytes(32),
            random=self._around.random,
            now=now,
        )
        batch.do(do.SendCell(link=number, cell=cell))

    def _accept(self, number: int, at_invite: bool, now: float, batch: Batch) -> None:
        if number in self._links:
            raise LocalProtocolError("a link's number was given twice")
        record = self.record
        psks = keyring.to_answer_with(record, at_invite=at_invite)
        if not psks or not self.visible or (at_invite and not record.invite):
            batch.do(do.CloseLink(link=number))
            return
        half_open = [k for k in self._links.values() if k.half_open and k.at_invite is at_invite]
        if len(half_open) >= (HALF_OPEN_INVITE if at_invite else HALF_OPEN_PAIR):
            self._close(first_to_go(half_open).number, now, batch)
        link = self._links[number] = Link.accept(
            number,
            prologue=prologue(record.invite_onion if at_invite else self.onion.public),
            static=KeyPair.from_secret(record.first_static if at_invite else record.static_secret),
            psks=psks,
            session=b"" if self.talk.lost else record.session,
            ratchet_key=KeyPair.generate(self._around.random),
            random=self._around.random,
            pace=self.pace,
            now=now,
        )
        link.at_invite = at_invite

    def _cell(self, number: int, cell: bytes, now: float, batch: Batch) -> None:
        link = self._links.get(number)
        if link is None:  # closed by us; what was on its way does not count
            return
        match link.receive(cell, random=self._around.random, now=now):
            case Answer(cell=answer):
                batch.do(do.SendCell(link=number, cell=answer))
            case Established(answer=message_3):
                self._established(link, message_3, now, batch)
            case Arrived(cell_type=cell_type, body=body, first=first):  # pragma: no branch – the last kind
                if first:
                    self._completed(link, now, batch)
                self._content(link, cell_type, body, now, batch)

    def _established(self, link: Link, answer: bytes | None, now: float, batch: Batch) -> None:
        record = self.record
        secrets = link.secrets
        first = link.intent is Intent.CONTACT
        held = [keyring.invited(record)] if first else keyring.to_answer_with(record, at_invite=False)
        if link.remote_static not in record.peer_statics:
            raise IdentityMismatch("another key than this contact's")
        if secrets is None or link.used.key not in [psk.key for psk in held]:
            raise RemoteProtocolError("a handshake with a key that is not held any more")
        if link.recovers and link.intent is not Intent.RESET:
            raise RemoteProtocolError("a recovery key with which a session is resumed")
        if link.agreed.below(Agreed(record.version, record.suite)):
            raise RemoteProtocolError("a contact that steps down to an older version or suite")
        record.version, record.suite = link.agreed
        link.restores = keyring.restores(record, link.used)
        fresh = link.left_psk()
        if first:
            record.psks = [fresh]
            knows = Capability.RECOVERY in link.capabilities
            record.recovery_psk = secrets.recovery_psk if knows else b""
            self.talk.begin(link, now, batch)
        else:
            keyring.remember(record, fresh, link.used)
        link.used = Psk(generation=link.used.generation, key=b"", session=b"")
        if not link.dialled:
            self._accepted(link, now, batch)
        self.talk.keep(batch)
        if answer is not None:
            batch.do(do.SendCell(link=link.number, cell=answer))
        batch.do(do.BeginSending(link=link.number, key=link.take_sending_key(), pace=link.pace))

    def _accepted(self, link: Link, now: float, batch: Batch) -> None:
        """The peer has dialled ``link`` and is there: what that says about everything else."""
        if link.intent is Intent.CONTACT:
            self.record.peer_onion = link.peer_onion
        if not self.record.invite:  # they could not dial before they accepted our use of their invite
            self.record.invite_psk = b""
        for other in list(self._links.values()):  # who dials anew has given up what they dialled before
            given_up = other.alive and not other.dialled and other is not self._active
            if other is not link and (given_up or link.intent is Intent.CONTACT):
                self._close(other.number, now, batch)

    def _completed(self, link: Link, now: float, batch: Batch) -> None:
        record = self.record
        keyring.confirm(record, link.used.generation)
        if link.remote_static == record.peer_statics[0]:
            del record.peer_statics[1:]
        if not record.invite:
            record.invite_psk = b""
        record.last_seen = now
        self._dialling.succeeded()
        self._choose(link, now, batch)
        self.talk.keep(batch)

    def _choose(self, link: Link, now: float, batch: Batch) -> None:
        """Between the active link and one that is complete now."""
        winner, loser = link, self._active
        if loser is not None and not wins(link, loser):
            winner, loser = loser, link
        if winner is link:
            self._active = link
            self.online_since = self.online_since or now
            if link.intent is Intent.RESET:
                beside = loser is not None and not loser.restores
                self.talk.begin(link, now, batch, beside=beside)
            self.talk.open(link, self.pace, now, batch)
        if loser is not None and not winner.dialled:  # ours to close, or given up by who dialled both
            self._close(loser.number, now, batch)
        elif loser is not None:
            loser.replaced = now

    def _content(self, link: Link, cell_type: CellType, body: bytes, now: float, batch: Batch) -> None:
        match cell_type:
            case CellType.CLOSE:
                self._close(link.number, now, batch)
            case CellType.HAVE if link is self._active:
                self.talk.peer_has(split_have(body), now, batch)
            case CellType.ENVELOPE:
                self.talk.receive(link, body, now, batch, active=link is self._active, came=now)

    def _close(self, number: int, now: float, batch: Batch) -> None:
        if number in self._links:  # what came out of the box names none
            batch.do(do.CloseLink(link=number))
            self._ended(number, now, batch)

    def _ended(self, number: int, now: float, batch: Batch) -> None:
        link = self._links.pop(number, None)
        if link is None:
            return
        refused = link.dialled and (
            link.state is LinkState.AWAIT_MESSAGE_2 or (link.state is LinkState.OPEN and self._joining)
        )
        was_active, link.state = link is self._active, LinkState.CLOSED
        if was_active:
            self._active, self.online_since = None, None
            self.talk.terms.begin(None, self.pace, now, batch)
            self.record.last_seen = now
            self._dialling.lost(now)
        elif link.dialled and self._active is None:
            self._dialling.failed(now, refused=refused)
        elif self._active is None and not self._links and self._dialling.due is None:
            self.start(now)

    # --- what is kept and told -----------------------------------------------------------------

    def _tell(self, batch: Batch) -> None:
        record = self.record
        state = (
            self.presence,
            self.problem,
            self.online_since,
            record.name,
            record.lifetime,
            record.memory,
            record.introduced,
            self.talk.timeline.unread,
            self.talk.timeline.newest,
        )
        if state != self._told:
            self._told = state
            batch.do(do.TellContact(contact=record))
