"""One side of one contact: «Psks», «Intents and sessions», «Two links».

`dial` and `accept` begin a link, `read` takes one message or cell of it, `next_cell` is what its schedule
writes, `pass_time` ends what is due. Every moment comes in as seconds since 1970.
"""

from __future__ import annotations

import os

from . import cell
from .body import (
    Acknowledgement,
    Address,
    Deletion,
    Hello,
    KemCiphertext,
    KemKey,
    NewPace,
    Part,
    Text,
    Window,
    read_body,
    write_body,
)
from .cell import Direction, read_cell, write_cell
from .contact import Contact
from .delivery import Delivery, Outgoing
from .greeting import (
    CONTACT,
    KEEPS_RECOVERY,
    PAYLOAD_1,
    RESET,
    RESUME,
    InitiatorGreeting,
    Pace,
    ResponderGreeting,
    check_payload_1,
    read_initiator,
    read_responder,
)
from .handshake import Initiator, Outcome, Responder
from .link import Link, Session, State
from .primitives import Refused, new_secret, public_key
from .psk import Psk, Psks
from .ratchet import Ratchet
from .terms import Terms

SETTLING_SECONDS = 60
REFUSALS = 12  # before the recovery psk


class Side:
    def __init__(self, contact: Contact, *, pace: Pace | None = None, lifetime: int = 86_400) -> None:
        self.contact = contact
        self.pace = pace or Pace()  # wanted; `terms` has the one that is in force
        self.terms = Terms(self.pace)  # of the active link
        self.delivery = Delivery(lifetime)
        self.psks = Psks()
        self.session: Session | None = None
        self.links: list[Link] = []
        self.active: Link | None = None
        self.refused = 0  # dials that the other side ended while message 2 was awaited
        self.resets = 0  # sessions that replaced another one
        self.versions: tuple[int, ...] = (1,)  # that this side speaks
        self.suites: tuple[int, ...] = (1,)
        self.capabilities: tuple[int, ...] = (KEEPS_RECOVERY,)
        self.recovery = b""  # the psk for who has none left; empty where one of the two keeps none
        self.is_restored = False  # from a backup, and no session was begun since

    def want(self, pace: Pace) -> None:
        """Send at another pace from now on."""
        self.pace = pace
        self.terms.want(pace)

    # --- links begin and end ---

    def dial(self, now: float) -> Link:
        onion, responder_static, static_secret = self.contact.to_dial()
        psk, key = None, b""
        if self._joins:
            key = self.contact.invite.psk if self.contact.invite else b""
        elif self._recovers:
            psk, key = self.psks.recovery(self.recovery), self.recovery
        else:
            psk = self.psks.for_dial(self.session.id if self.session else None, self.refused)
            key = psk.key
        initiator = Initiator(
            onion=onion, responder_static=responder_static, static_secret=static_secret, psk=key
        )
        link = Link(True, onion, now, State.AWAIT_MESSAGE_2, now, self.pace, psk=psk, initiator=initiator)
        link.out.append(initiator.write_1(bytes(PAYLOAD_1)))
        self.links.append(link)
        return link

    def accept(self, onion: bytes, now: float) -> Link:
        link = Link(False, onion, now, State.AWAIT_MESSAGE_1, now, self.pace)
        self.links.append(link)
        return link

    def read(self, link: Link, message: bytes, now: float) -> None:
        """One message of the handshake or one cell; whatever is against the text ends the link."""
        link.heard = now
        try:
            if link.state is State.AWAIT_MESSAGE_1:
                self._read_1(link, message, now)
            elif link.state is State.AWAIT_MESSAGE_2:
                self._read_2(link, message, now)
            elif link.state is State.AWAIT_MESSAGE_3:
                self._read_3(link, message, now)
            elif link.carries_cells:
                self._read_cell(link, message, now)
        except Refused as refusal:
            self._end(link, str(refusal))

    def lose_connection(self, link: Link) -> None:
        """The other side or the network ended it."""
        if link.state is State.AWAIT_MESSAGE_2:
            self.refused += 1
        self._end(link, "the connection ended")

    def pass_time(self, now: float) -> None:
        for link in list(self.links):
            if now >= link.ends_at():
                self._end(link, "a deadline passed")
        self.delivery.pass_time(now)

    def restore(self) -> None:
        """As if everything but the contact's own keys and the recovery psk were gone."""
        for link in list(self.links):
            self._end(link, "the vault is gone")
        self.session, self.psks, self.delivery = None, Psks(), Delivery(self.delivery.lifetime)
        self.is_restored = True

    def lose_session(self) -> None:
        """As if the state could not be read."""
        self._lose("its state cannot be read")

    @property
    def _joins(self) -> bool:
        return not self.contact.is_inviter and not self.contact.is_in_contact

    @property
    def _recovers(self) -> bool:
        """Whether the next dial is for the recovery psk."""
        refused = self.refused % (REFUSALS + 1) == REFUSALS
        return bool(self.recovery) and self.contact.is_introduced and (self.is_restored or refused)

    def _is_held(self, psk: Psk) -> bool:
        return psk in self.psks.held or (bool(self.recovery) and psk.key == self.recovery)

    def _keep_recovery(self, outcome: Outcome, theirs: ResponderGreeting | InitiatorGreeting) -> None:
        both = KEEPS_RECOVERY in theirs.capabilities and KEEPS_RECOVERY in self.capabilities
        self.recovery = outcome.recovery_psk if both else b""

    def _end(self, link: Link, why: str) -> None:
        link.close(why)
        if link in self.links:
            self.links.remove(link)
        if self.active is link:
            self.active = None

    def _lose(self, why: str) -> None:
        if self.session:
            self.session.lost = True
        for link in [link for link in self.links if link.carries_cells and link.pending is None]:
            self._end(link, why)

    def _holds(self, session: bytes) -> bool:
        return self.session is not None and self.session.id == session and not self.session.lost

    # --- the handshake, as it is read ---

    def _read_1(self, link: Link, message: bytes, now: float) -> None:
        secret = self.contact.static_secret_at(link.onion)
        psks: list[Psk | None] = [*self.psks.held]
        if self.contact.is_invite_psk_good_at(link.onion, now):
            psks.append(None)
        if self.recovery and link.onion == self.contact.pair_onion:
            psks.append(self.psks.recovery(self.recovery))
        for psk in psks:
            key = psk.key if psk else self.contact.invite.psk if self.contact.invite else b""
            responder = Responder(onion=link.onion, static_secret=secret, psk=key)
            try:
                payload = responder.read_1(message)
            except Refused:
                continue
            break
        else:
            raise Refused("message 1 opens under none of the psks")
        check_payload_1(payload)
        link.psk, link.responder, link.ratchet_secret = psk, responder, new_secret()
        link.says_reset = psk is not None and not self._holds(psk.session)
        if psk is not None and psk.key == self.recovery:
            link.says_reset = self.session is None or self.session.lost
        greeting = ResponderGreeting(
            ratchet=public_key(link.ratchet_secret),
            pace=link.own_pace,
            reset=link.says_reset,
            versions=self.versions,
            suites=self.suites,
            capabilities=self.capabilities,
        )
        link.out.append(responder.write_2(greeting.payload()))
        link.state = State.AWAIT_MESSAGE_3

    def _read_2(self, link: Link, message: bytes, now: float) -> None:
        initiator = link.initiator
        if initiator is None:
            raise ValueError("this link was not dialled here")
        greeting = read_responder(initiator.read_2(message))
        if not self._is_held(link.psk) if link.psk else not self.contact.invite_psk_held:
            raise Refused("the psk was dropped")
        if link.psk is None:
            intent = CONTACT
        else:
            resumes = self._holds(link.psk.session) and not greeting.reset
            intent = RESUME if resumes else RESET
        onion = self.contact.pair_onion if intent == CONTACT else bytes(32)
        own = InitiatorGreeting(
            intent=intent,
            pace=link.own_pace,
            onion=onion,
            versions=self.versions,
            suites=self.suites,
            capabilities=self.capabilities,
        )
        self._agree(greeting)
        message_3 = initiator.write_3(own.payload())
        outcome = initiator.outcome()
        if intent == CONTACT:
            self._keep_recovery(outcome, greeting)
        session = None
        if intent != RESUME:
            ratchet = Ratchet.initiator(outcome, greeting.ratchet, now)
            session = Session(outcome.session_id, ratchet, began_here=True)
        self._open(link, outcome, intent, session, now)
        link.held_to(greeting.pace)
        link.sending, link.receiving = Direction(outcome.k_i), Direction(outcome.k_r)
        link.out.append(message_3)

    def _read_3(self, link: Link, message: bytes, now: float) -> None:
        responder = link.responder
        if responder is None:
            raise ValueError("this link was dialled here")
        greeting = read_initiator(responder.read_3(message))
        outcome = responder.outcome()
        self.contact.check_initiator(outcome.initiator_static)
        if link.psk is None and not self.contact.is_invite_psk_good_at(link.onion, now):
            raise Refused("the psk was dropped")
        if link.psk is not None and not self._is_held(link.psk):
            raise Refused("the psk was dropped")
        if (greeting.intent == CONTACT) != (link.psk is None):
            raise Refused("CONTACT with a resume psk, or something else with the invite's")
        if greeting.intent == CONTACT and greeting.onion == bytes(32):
            raise Refused("CONTACT without an onion")
        if greeting.intent == RESUME and link.says_reset:
            raise Refused("RESUME after it was told to reset")
        if greeting.intent != RESET and link.psk is not None and link.psk.key == self.recovery:
            raise Refused("the recovery psk with anything but RESET")
        self._agree(greeting)
        session = None
        if greeting.intent != RESUME:
            ratchet = Ratchet.responder(outcome, link.ratchet_secret, now)
            session = Session(outcome.session_id, ratchet, began_here=False)
        if greeting.intent == CONTACT:
            self._keep_recovery(outcome, greeting)
            self._meet(link, outcome.initiator_static, greeting.onion)
        self._open(link, outcome, greeting.intent, session, now)
        if not self.contact.is_inviter:
            self._be_in_contact()  # the inviter has dialled
        link.held_to(greeting.pace)
        link.sending, link.receiving = Direction(outcome.k_r), Direction(outcome.k_i)
        for other in [other for other in self.links if other.carries_cells and not other.dialled]:
            if other not in (link, self.active):
                self._end(other, "the peer dialled anew")

    def _agree(self, theirs: ResponderGreeting | InitiatorGreeting) -> None:
        """The highest that both have, and never below what this contact has had."""
        version = max(set(self.versions) & set(theirs.versions))
        suite = max(set(self.suites) & set(theirs.suites))
        if version < self.contact.version or suite < self.contact.suite:
            raise Refused("a step down to an older version or suite")
        self.contact.version, self.contact.suite = version, suite

    def _meet(self, link: Link, static: bytes, onion: bytes) -> None:
        if not self.delivery.is_queued(Address):
            own = Address(id=os.urandom(16), onion=self.contact.pair_onion, static=self.contact.pair_static)
            self.delivery.queue(own)
        self.contact.meet(static, onion)
        for other in [other for other in self.links if other is not link]:
            self._end(other, "the joiner begins anew")

    def _open(self, link: Link, outcome: Outcome, intent: int, session: Session | None, now: float) -> None:
        """Message 3 was written or read."""
        link.state, link.outcome, link.heard = State.OPEN, outcome, now
        link.session = session.id if session else link.psk.session if link.psk else b""
        psk = Psk(outcome.resume_psk, link.generation + 1, link.session)
        if intent == CONTACT and session:
            self.psks.replace_all(psk)
            self._begin(session)
        else:
            self.psks.add(psk, made_with=link.psk)
            link.pending = session

    def _begin(self, session: Session) -> None:
        """The session counts from now on; the side that dialled says hello."""
        self.session, self.is_restored = session, False
        if session.began_here:
            self.delivery.take_back(Hello)
            self.delivery.queue(Hello(id=os.urandom(16)))

    def _be_in_contact(self) -> None:
        self.contact.is_in_contact, self.contact.invite_psk_held = True, False

    # --- cells ---

    def next_cell(self, link: Link, now: float) -> bytes:
        """What the schedule of the link writes in its next slot."""
        if link.sending is None or not link.carries_cells:
            raise ValueError("this link carries no cells")
        return link.sending.seal(self._lay_out(link, now))

    def last_cell(self, link: Link) -> bytes:
        """A close cell; the link ends with it."""
        if link.sending is None or not link.carries_cells:
            raise ValueError("this link carries no cells")
        sealed = link.sending.seal(write_cell(cell.CLOSE))
        self._end(link, "closed here")
        return sealed

    def _lay_out(self, link: Link, now: float) -> bytes:
        if link is not self.active:
            return write_cell(cell.COVER)
        if not link.said_have_list:
            link.said_have_list = True
            return write_cell(cell.HAVE_LIST, self.delivery.have_list())
        if self.session and self._holds(link.session) and self.session.ratchet.can_send:
            kem = self._kem_parts(link, self.session.ratchet, now)
            parts = self.delivery.parts([*kem, *self.terms.take()])
            if parts:
                return write_cell(cell.ENVELOPE, self.session.ratchet.seal(write_body(parts)))
        return write_cell(cell.COVER)

    def _kem_parts(self, link: Link, ratchet: Ratchet, now: float) -> list[Part]:
        epoch = ratchet.epoch + 1
        if epoch in link.kem_said:
            return []
        part: Part
        if ratchet.propose(now):
            part = KemKey(epoch=epoch, key=ratchet.kem_key)
        elif ratchet.ciphertext:
            part = KemCiphertext(epoch=epoch, ciphertext=ratchet.ciphertext)
        else:
            return []
        link.kem_said.add(epoch)
        return [part]

    def _read_cell(self, link: Link, sealed: bytes, now: float) -> None:
        if link.receiving is None:
            raise ValueError("this link carries no cells")
        kind, body = read_cell(link.receiving.open(sealed))
        if link.state is State.OPEN:
            self._complete(link, now)
        if kind == cell.ENVELOPE and not link.is_closed:
            self._read_envelope(link, body, now)
        elif kind == cell.HAVE_LIST and link is self.active:
            self._note_done(self.delivery.take_have_list(body, now))
        elif kind == cell.CLOSE:
            self._end(link, "the other side closed it")

    def _read_envelope(self, link: Link, envelope: bytes, now: float) -> None:
        if self.session is None or not self._holds(link.session):
            return  # of another session than the present one: dropped, unopened
        ratchet = self.session.ratchet
        try:
            body = ratchet.open(envelope, now)
        except Refused:
            self._lose("an envelope does not open")
            return
        for part in read_body(body):
            match part:
                case NewPace():
                    link.held_to(part.pace)
                    self.delivery.acknowledge(part.id)
                case Window():
                    if link is self.active:
                        self.terms.take_window(part)
                case _:
                    self._take(part, ratchet, now, texts=link is self.active)

    def _take(
        self,
        part: Text | Deletion | Hello | Address | Acknowledgement | KemKey | KemCiphertext,
        ratchet: Ratchet,
        now: float,
        *,
        texts: bool,
    ) -> None:
        match part:
            case Acknowledgement():
                self.terms.take_acknowledged(part.ids)
                self._note_done(self.delivery.take_acknowledged(part.ids, now))
            case KemKey():
                ratchet.take_key(part.epoch, part.key)
            case KemCiphertext():
                ratchet.take_ciphertext(part.epoch, part.ciphertext)
            case _:
                is_new = self.delivery.take(part, now, texts=texts)
                if is_new and isinstance(part, Address):
                    self.contact.learn(part)

    def _note_done(self, done: list[Outgoing]) -> None:
        if any(isinstance(entry.part, Address) for entry in done):
            self.contact.was_introduced()

    # --- two links ---

    def _complete(self, link: Link, now: float) -> None:
        """The first valid cell came."""
        link.state, link.completed = State.COMPLETE, now
        self.refused = 0
        self.psks.drop_through(link.generation)
        if outcome := link.outcome:
            self.contact.was_proved(outcome.responder_static if link.dialled else outcome.initiator_static)
        if not self.contact.is_inviter:
            self._be_in_contact()
        if self.active is None:
            self._activate(link)
        elif self._stays(self.active, link):
            self._give_up(link, self.active, now)
        else:
            loser = self.active
            self._activate(link)
            self._give_up(loser, link, now)

    def _stays(self, active: Link, link: Link) -> bool:
        """Whether the active link wins over one that became complete just now."""
        if active.dialled == link.dialled or link.completed - active.completed > SETTLING_SECONDS:
            return False
        ours, theirs = active.outcome, link.outcome
        return bool(ours and theirs and ours.initiator_static < theirs.initiator_static)

    def _activate(self, link: Link) -> None:
        self.active = link
        self.terms = Terms(link.own_pace)
        self.terms.want(self.pace)
        self.delivery.begin_link()
        if link.pending:
            self.resets += 1
            self._begin(link.pending)
            link.pending = None
        elif not self._holds(link.session):
            self._lose("a link of another session was chosen")
        elif self.session and self.session.ratchet.unanswered:
            self._lose("too much is unanswered")

    def _give_up(self, loser: Link, winner: Link, now: float) -> None:
        if loser.dialled or not winner.dialled:
            self._end(loser, "another link was chosen")
        else:
            loser.close_at = now + SETTLING_SECONDS
