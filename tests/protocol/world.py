"""A world in which machines meet: time, onion services, wires that break, metronomes, vaults, crashes.

Everything is simulated but the machines and their cryptography, and everything follows from a seed. A
`Person` performs commands as the engine does and is rebuilt from its vault as the engine's book does it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from onionchat.crypto.link import SendingCipher
from onionchat.crypto.onion import OnionKey
from onionchat.crypto.ratchet import Ratchet
from onionchat.errors import CryptoError
from onionchat.protocol import commands as do
from onionchat.protocol import events
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.constants import BURST_GAP_MS, KEEP_ALIVE_MS, MAX_GAP_TICKS, WINDOW_TICK_MS
from onionchat.protocol.contact import Contact, Surroundings
from onionchat.protocol.delivery import Inbox, Outbox
from onionchat.protocol.invitation import Invitation, join
from onionchat.protocol.pace import BATCHES, Level, Pace
from onionchat.protocol.record import (
    ContactRecord,
    InviteRecord,
    MessageRecord,
    OutgoingRecord,
    R,
    SeenRecord,
    SessionRecord,
    pack,
    unpack,
)
from onionchat.protocol.talk import Talk
from onionchat.protocol.timeline import Timeline

START = 1_700_000_000.0
TICK = 2.0
USUAL = Pace(tick_ms=round(TICK * 1000))
COVER = (int(CellType.COVER), b"")

Machine = Contact | Invitation
Cutter = Callable[["Wire", "Person", int], bool]
"""Asked before each cell: the wire, its writer, and how many cells that writer got through on it.

True: neither this cell nor any later one of this writer arrives.
"""


class Crash(BaseException):
    """The process ends here, between two commands."""


class World:
    """Time, and who can be reached where."""

    def __init__(self, seed: int = 1) -> None:
        self.random = Random(seed)
        self.now = START
        self.people: list[Person] = []
        self.wires: list[Wire] = []
        self.cutter: Cutter | None = None
        self.delay: Callable[[Wire, Person], float] = lambda wire, reader: 0.3
        """Of each dial, and of each cell on its way to a reader."""
        self.notice: Callable[[], float] | None = lambda: 3.0
        """After how long both ends of a broken wire are told; None for never."""
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def later(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + delay, next(self._order), action))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.step(end):
            pass
        self.now = end

    def until(self, condition: Callable[[], bool], seconds: float = 900) -> None:
        """Let time pass until ``condition`` holds; fails where it does not come true in that time."""
        end = self.now + seconds
        while not condition():
            assert self.step(end), f"this did not come true within {seconds} s"

    def step(self, end: float) -> bool:
        """Do the next thing that is due before ``end``; False if there is none."""
        person = min(self.people, key=lambda person: person.next_deadline)
        deadline = max(self.now, person.next_deadline)
        if self._due and self._due[0][0] <= deadline:
            if self._due[0][0] > end:
                return False
            self.now, _, action = heapq.heappop(self._due)
            action()
            return True
        if deadline > end:
            return False
        self.now = deadline
        person.time_passed()
        return True

    def service(self, onion: bytes) -> tuple[Person, bool] | None:
        """Who is reached at an onion service, and whether it is an invite's."""
        for person in self.people:
            if person.contact is not None and person.contact.onion.public == onion:
                return person, False
            if onion in person.invites:
                return person, True
        return None


class Wire:
    """One connection: cells arrive in order, until it breaks; each end hears of that in its own time."""

    def __init__(self, world: World, dialler: Person, number: int) -> None:
        self.world = world
        self.ends: dict[Person, int] = {dialler: number}
        self.dialler = dialler
        self.whole = True
        self.cells: list[tuple[Person, bytes]] = []
        """Everything that was written and carried."""
        self._carried: dict[Person, int] = {}
        self._silenced: set[Person] = set()
        self._last: dict[Person, float] = {}
        world.wires.append(self)

    def other(self, person: Person) -> Person | None:
        return next((other for other in self.ends if other is not person), None)

    def carry(self, writer: Person, cell: bytes) -> None:
        carried = self._carried.get(writer, 0)
        if not self.whole or writer in self._silenced:
            return
        if self.world.cutter is not None and self.world.cutter(self, writer, carried):
            self._silenced.add(writer)
            if self.world.notice is not None:
                self.world.later(self.world.notice(), self.cut)
            return
        self._carried[writer] = carried + 1
        self.cells.append((writer, cell))
        reader = self.other(writer)
        if reader is not None:
            number = self.ends[reader]
            self._arrive(reader, lambda: reader.receive(number, cell))

    def cut(self) -> None:
        """Break it: nothing more is taken, what is under way still arrives."""
        if not self.whole:
            return
        self.whole = False
        for person, number in self.ends.items():
            self._arrive(person, lambda person=person, number=number: person.wire_ended(number))  # type: ignore[misc]  # mypy cannot see defaults of a lambda

    def _arrive(self, reader: Person, action: Callable[[], None]) -> None:
        at = max(self._last.get(reader, 0.0), self.world.now + self.world.delay(self, reader))
        self._last[reader] = at
        self.world.later(at - self.world.now, action)


class Metronome:
    """The sending side of one link: the ready batch leaves, the next is built, the engine is told."""

    def __init__(self, person: Person, link: int, key: bytes, pace: Pace) -> None:
        self.pace = pace
        self.queue: list[tuple[int, bytes]] = []
        self.left: list[float] = []
        """When each batch left."""
        self.most = 2 * pace.batch
        """Cells that may wait behind the ready batch."""
        self.window = False
        self._person = person
        self._link = link
        self._cipher = SendingCipher(key)
        self._ready = [COVER] * pace.batch
        self._turn = 0
        self._beat_later()

    def seal(self, plaintext: bytes) -> bytes:
        """A cell of one's own making."""
        return self._cipher.seal(plaintext)

    def change(self, pace: Pace) -> None:
        self.pace = pace
        self.most = max(self.most, 2 * pace.batch)
        self._beat_anew()

    def begin_window(self, seconds: int) -> None:
        self.window, self.most = True, max(self.most, 2 * BATCHES[-1])
        self._person.world.later(seconds, self._end_window)
        self._beat_anew()

    def _end_window(self) -> None:
        if self._runs:
            self.window = False
            self._beat_anew()
            self._person.deliver(self._link, events.WindowEnded(link=self._link))

    @property
    def _runs(self) -> bool:
        return self._person.metronomes.get(self._link) is self

    def _beat_anew(self) -> None:
        self._turn += 1
        self._beat_later()

    def _beat_later(self) -> None:
        turn = self._turn
        self._person.world.later(self._gap(), lambda: self._beat(turn))

    def _gap(self) -> float:
        if self.window:
            return WINDOW_TICK_MS / 1000
        if self.pace.level is Level.BURST:
            return BURST_GAP_MS / 1000
        tick = self.pace.tick_ms / 1000
        if self.pace.level is Level.CONSTANT:
            return tick
        return min(self._person.world.random.expovariate(1 / tick), MAX_GAP_TICKS * tick)

    def _beat(self, turn: int) -> None:
        if turn != self._turn or not self._runs:
            return
        if self.pace.level is Level.BURST and not self.window:
            self._build()
            since = self._person.world.now - (self.left[-1] if self.left else 0.0)
            if self._waiting == 0 and since < KEEP_ALIVE_MS / 1000:
                self._beat_later()
                return
        self._leave()
        batch = BATCHES[-1] if self.window else self.pace.batch
        if self._waiting <= batch:
            self._person.deliver(self._link, events.SlotFreed(link=self._link, waiting=self._waiting))
        self._beat_later()

    def _leave(self) -> None:
        person = self._person
        for cell_type, content in self._ready:
            if cell_type == CellType.ENVELOPE:
                person.left.append(content)
            person.wires[self._link].carry(person, self._cipher.seal(lay_out(cell_type, content)))
        self.left.append(person.world.now)
        self._ready.clear()
        self._build()

    def _build(self) -> None:
        self._ready = [one for one in self._ready if one is not COVER]
        batch = 1 if self.window else self.pace.batch
        while len(self._ready) < batch:
            self._ready.append(self.queue.pop(0) if self.queue else COVER)

    @property
    def _waiting(self) -> int:
        return len(self.queue) + sum(one is not COVER for one in self._ready)


@dataclass(frozen=True)
class Told:
    """What the user was told of a message."""

    what: str
    message: bytes
    text: str = ""


class Person:
    """One side: performs what its machines command, on a vault that survives crashes."""

    def __init__(self, world: World, name: str, *, pace: Pace = USUAL) -> None:
        self.world = world
        self.name = name
        self.pace = pace
        self.visible = True
        self.around = Surroundings(
            random=Random(world.random.random()).randbytes,
            numbers=itertools.count(1),
        )
        self.vault: dict[do.Key, bytes] = {}
        self.contact: Contact | None = None
        self.invitation: Invitation | None = None
        self.invites: set[bytes] = set()
        """Onion services of invites that run."""
        self.wires: dict[int, Wire] = {}
        self.metronomes: dict[int, Metronome] = {}
        self.told: list[Told] = []
        self.left: list[bytes] = []
        """Envelopes that left."""
        self.log: list[do.Command] = []
        """Every command that was performed."""
        self.fuse: int | None = None
        """Commands until the process ends; None: it does not."""
        self.crashes = 0
        self.away = False
        self.reachable = True
        """Whether dials to this person succeed."""
        world.people.append(self)

    def __repr__(self) -> str:
        return self.name

    # --- what a person does ----------------------------------------------------------------------

    def invite(self, *, hours: int = 0) -> Invitation:
        random = self.around.random
        record = InviteRecord(
            id=random(8),
            identity=bytes(8),
            created=self.world.now,
            expires_hour=hours and int(self.world.now // 3600) + hours,
            onion_seed=random(32),
            static_secret=random(32),
            secret=random(16),
        )
        self.vault[do.Key(kind="invite", key=record.id)] = pack(record)
        self.invitation = Invitation(record, self.around, pace=self.pace, visible=self.visible)
        self.invites.add(self.invitation.onion.public)
        return self.invitation

    def join(self, invitation: Invitation) -> Contact:
        contact = join(
            invitation.invite,
            identity=bytes(8),
            name="them",
            now=self.world.now,
            around=self.around,
            pace=self.pace,
            visible=self.visible,
        )
        self.vault[do.Key(kind="contact", key=contact.record.id)] = pack(contact.record)
        self.contact = contact
        contact.start(self.world.now)
        return contact

    def write(self, text: str, lifetime: int | None = None) -> bytes:
        message = self.around.random(16)
        self.ask(events.TextWritten(id=message, text=text, lifetime=lifetime))
        return message

    def stored(self, message: bytes) -> bool:
        """Whether a message is in the vault: a process that ends keeps nothing else."""
        return any(key.kind == "message" and key.key == message for key in self.vault)

    def burn(self, message: bytes, *, both: bool = True) -> None:
        self.ask(events.DeletionAsked(message=message, both=both, id=self.around.random(16)))

    def speak(self, plaintext: bytes) -> None:
        """Put any plaintext into the next cell, as only a changed program would."""
        active = self.known._active
        assert active is not None
        self.wires[active.number].carry(self, self.metronomes[active.number].seal(plaintext))

    def slip(self, body: bytes) -> None:
        """Send an envelope with any body, as only a changed program would."""
        session = self.talk._session
        assert session is not None
        envelope = session.encrypt(body, random=self.around.random, now=int(self.world.now))
        self.speak(lay_out(CellType.ENVELOPE, envelope))

    def choose(self, pace: Pace) -> None:
        """Send at another pace."""
        self.pace = pace
        self.ask(events.PaceChosen(pace=pace))

    def appear(self, *, visible: bool) -> None:
        """Be on line for the contact, or not."""
        self.visible = visible
        self.ask(events.PresenceChosen(visible=visible))

    def propose(self, seconds: int) -> bytes:
        """Propose a bulk window."""
        window = self.around.random(16)
        self.ask(events.WindowAsked(id=window, seconds=seconds))
        return window

    def show(self, *messages: bytes) -> None:
        self.ask(events.MessagesShown(messages=messages))

    def ask(self, event: events.Event) -> None:
        if not self.away:
            self.apply(self.machine, event)

    # --- what a person sees ----------------------------------------------------------------------

    @property
    def machine(self) -> Machine:
        machine = self.contact or self.invitation
        assert machine is not None
        return machine

    @property
    def known(self) -> Contact:
        assert self.contact is not None
        return self.contact

    @property
    def talk(self) -> Talk:
        return self.known.talk

    @property
    def online(self) -> bool:
        return self.contact is not None and self.contact.presence == "online"

    @property
    def record(self) -> ContactRecord:
        return self.known.record

    def texts(self) -> list[str]:
        """What the peer wrote and is alive, in the order in which it stands."""
        return [m.text for m in self.talk.timeline if not m.mine and not m.system]

    def shown(self) -> list[bytes]:
        """Ids of what was ever shown as new from the peer."""
        return [told.message for told in self.told if told.what == "arrived"]

    def windows(self, whose: str) -> list[str]:
        """What became of «my» or «their» windows."""
        return [told.text for told in self.told if told.what == f"{whose} window"]

    def lines(self) -> list[str]:
        """System lines."""
        return [told.text for told in self.told if told.what == "line"]

    def kinds(self) -> set[str]:
        """Kinds of records in the vault."""
        return {key.kind for key in self.vault}

    def idle(self) -> bool:
        """Everything said was acknowledged, and every acknowledgement left."""
        return self.contact is not None and not len(self.talk.outbox)

    # --- events and commands ---------------------------------------------------------------------

    @property
    def next_deadline(self) -> float:
        if self.away or not (self.contact or self.invitation):
            return float("inf")
        times = [m.next_deadline for m in (self.contact, self.invitation) if m is not None]
        return min((time for time in times if time is not None), default=float("inf"))

    def time_passed(self) -> None:
        for machine in (self.contact, self.invitation):
            deadline = machine.next_deadline if machine is not None else None
            if machine is not None and deadline is not None and deadline <= self.world.now:
                self.apply(machine, events.DeadlinePassed())
                after = machine.next_deadline
                assert after is None or after > self.world.now, "a deadline that comes again and again"

    def receive(self, number: int, cell: bytes) -> None:
        if number in self.wires:
            self.deliver(number, events.CellReceived(link=number, cell=cell))

    def wire_ended(self, number: int) -> None:
        self.metronomes.pop(number, None)
        if self.wires.pop(number, None) is not None:
            self.deliver(number, events.LinkEnded(link=number))

    def deliver(self, number: int, event: events.Event) -> None:
        if not self.away:
            self.apply(self.owner(number), event)

    def owner(self, number: int) -> Machine:
        if self.contact is not None and number in self.contact.links:
            return self.contact
        return self.machine if self.invitation is None else self.invitation

    def accept(self, wire: Wire, *, at_invite: bool) -> None:
        number = next(self.around.numbers)
        wire.ends[self] = number
        self.wires[number] = wire
        self.apply(self.machine, events.ConnectionAccepted(link=number, at_invite=at_invite))

    def apply(self, machine: Machine, event: events.Event) -> None:
        commands = machine.handle(event, self.world.now)
        assert not any(isinstance(command, do.Persist) for command in commands[1:])
        try:
            for command in commands:
                self._burn_fuse()
                self.log.append(command)
                self._perform(machine, command)
            if commands:
                self._burn_fuse()
        except Crash:
            self.restart()

    def _burn_fuse(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                self.crashes += 1
                raise Crash

    def _perform(self, machine: Machine, command: do.Command) -> None:
        match command:
            case do.Persist(puts=puts, drops=drops):
                self.vault.update(puts)
                for key in drops:
                    self.vault.pop(key, None)
                if isinstance(machine, Invitation) and machine.contact is not None:
                    self.contact, self.invitation = machine.contact, None
            case do.Dial(link=link, onion=onion):
                self._dial(link, onion)
            case do.RetireInvite():
                self.invites.clear()
            case (
                do.SendCell()
                | do.BeginSending()
                | do.ChangePace()
                | do.BeginWindow()
                | do.Lay()
                | do.CloseLink()
            ):
                if command.link in self.wires:
                    self._on_wire(command, self.wires[command.link])
            case _:
                self._tell(command)

    def _on_wire(
        self,
        command: do.SendCell | do.BeginSending | do.ChangePace | do.BeginWindow | do.Lay | do.CloseLink,
        wire: Wire,
    ) -> None:
        match command:
            case do.SendCell(cell=cell):
                wire.carry(self, cell)
            case do.BeginSending(link=link, key=key, pace=pace):
                self.metronomes[link] = Metronome(self, link, key, pace)
            case do.Lay(link=link, cell_type=cell_type, body=body):
                metronome = self.metronomes[link]
                metronome.queue.append((cell_type, body))
                assert len(metronome.queue) <= metronome.most, "more was laid than can leave soon"
            case do.ChangePace(link=link, pace=pace):
                self.metronomes[link].change(pace)
            case do.BeginWindow(link=link, seconds=seconds):
                self.metronomes[link].begin_window(seconds)
            case do.CloseLink(link=link):
                self.metronomes.pop(link, None)
                wire.cut()

    def _tell(self, command: do.Command) -> None:
        match command:
            case do.TellMessage(message=message, new=True) if message.system:
                self.told.append(Told("line", message.id, message.text))
            case do.TellMessage(message=message, new=True) if not message.mine:
                self.told.append(Told("arrived", message.id, message.text))
            case do.TellMessage(message=message) if message.delivered:
                self.told.append(Told("delivered", message.id))
            case do.TellWindow(window=window, mine=mine, state=state):
                self.told.append(Told(f"{'my' if mine else 'their'} window", window, state))
            case do.TellGone(message=gone, why=why):
                self.told.append(Told(why, gone))
            case do.TellDeletionConfirmed(message=gone):
                self.told.append(Told("burned", gone))

    def _dial(self, link: int, onion: bytes) -> None:
        wire = Wire(self.world, self, link)
        self.wires[link] = wire

        def arrive() -> None:
            if self.wires.get(link) is not wire or not wire.whole:
                return
            there = self.world.service(onion)
            if there is None or there[0].away or not there[0].reachable:
                wire.cut()
                return
            there[0].accept(wire, at_invite=there[1])
            if link in self.wires:
                self.deliver(link, events.DialSucceeded(link=link))

        self.world.later(self.world.delay(wire, self), arrive)

    # --- crashes -----------------------------------------------------------------------------------

    def leave(self) -> None:
        """The process ends."""
        for wire in list(self.wires.values()):
            wire.cut()
        self.wires.clear()
        self.metronomes.clear()
        self.contact = self.invitation = None
        self.away = True

    def come_back(self) -> None:
        """The process starts, with nothing but the vault."""
        self.away = False
        self.invites.clear()
        for invite in self._scan("invite", b"", InviteRecord).values():
            self.invites.add(OnionKey.from_seed(invite.onion_seed).public)
            if not invite.contact:
                self.invitation = Invitation(invite, self.around, pace=self.pace, visible=self.visible)
        for record in self._scan("contact", b"", ContactRecord).values():
            self.contact = self._rebuilt(record)
            self.apply(self.contact, events.DeadlinePassed())
        if self.contact is not None:
            self.contact.start(self.world.now)

    def restart(self) -> None:
        self.leave()
        self.come_back()

    def _rebuilt(self, record: ContactRecord) -> Contact:
        session = None
        for found in self._scan("session", record.id, SessionRecord).values():
            try:
                session = Ratchet.from_bytes(found.ratchet)
            except CryptoError:
                record.session_lost = True
        seen = self._scan("seen", record.id, SeenRecord)
        talk = Talk(
            record,
            random=self.around.random,
            session=session,
            timeline=Timeline(record.id, self._scan("message", record.id, MessageRecord).values()),
            outbox=Outbox(record.id, self._scan("outgoing", record.id, OutgoingRecord).values()),
            inbox=Inbox(record.id, {key: value.until for key, value in seen.items()}),
        )
        return Contact(record, talk, self.around, pace=self.pace, visible=self.visible)

    def _scan(self, kind: str, scope: bytes, record: type[R]) -> dict[bytes, R]:
        """A vault gives its rows in no order that means anything."""
        keys = [key for key in self.vault if key.kind == kind and key.scope == scope]
        self.world.random.shuffle(keys)
        return {key.key: unpack(self.vault[key], record) for key in keys}


def strangers(seed: int = 1, ada_at: Pace = USUAL, ben_at: Pace = USUAL) -> tuple[World, Person, Person]:
    """Ada, who has an invite out, and Ben, who has not used it yet."""
    world = World(seed)
    ada, ben = Person(world, "Ada", pace=ada_at), Person(world, "Ben", pace=ben_at)
    ada.invite()
    return world, ada, ben


def meeting(seed: int = 1, ada_at: Pace = USUAL, ben_at: Pace = USUAL) -> tuple[World, Person, Person]:
    """Ben has just used Ada's invite; nothing has happened yet."""
    world, ada, ben = strangers(seed, ada_at, ben_at)
    assert ada.invitation is not None
    ben.join(ada.invitation)
    return world, ada, ben


def friends(seed: int = 1, ada_at: Pace = USUAL, ben_at: Pace = USUAL) -> tuple[World, Person, Person]:
    """Ada and Ben have exchanged their addresses and are on line."""
    world, ada, ben = meeting(seed, ada_at, ben_at)
    world.until(lambda: introduced(ada, ben))
    world.run(10)
    return world, ada, ben


def introduced(ada: Person, ben: Person) -> bool:
    return all(p.contact is not None and p.record.introduced and p.online and p.idle() for p in (ada, ben))


def can_talk(world: World, ada: Person, ben: Person) -> None:
    """Fails unless each can still say something to the other."""
    for writer, reader in ((ada, ben), (ben, ada)):
        text = f"{writer} at {world.now}"
        world.until(lambda w=writer: w.contact is not None)  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        writer.write(text)
        world.until(lambda r=reader, t=text: r.contact is not None and t in r.texts())  # type: ignore[misc]  # the same
        world.until(writer.idle)


def dials(person: Person) -> int:
    return sum(isinstance(command, do.Dial) for command in person.log)
