"""One side of a small meeting: its machines, and everything that the search must copy, as data.

Laws: a side's bytes are a function of what happened to it, not of when. Randomness therefore belongs to an
event, and the KEM is a stand-in that draws from it: it keeps every rule of the machines, and no secret.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field, replace
from hashlib import blake2b, shake_256
from os import urandom
from typing import Any

import msgspec
import pytest

from onionchat.crypto import RandomSource, epoch, noise
from onionchat.crypto.kem import KEM_CIPHERTEXT_SIZE, KEM_KEY_SIZE, KEM_SEED_SIZE
from onionchat.crypto.link import SendingCipher
from onionchat.crypto.secret import Secret
from onionchat.protocol import commands as do
from onionchat.protocol import events
from onionchat.protocol.cell import CellType, lay_out
from onionchat.protocol.contact import Contact
from onionchat.protocol.invitation import Invitation

from .world import Machine, Person, World

COVER = (int(CellType.COVER), b"")

Action = tuple[str, int, bytes]
"""What happens to one side: its name, the link (or whose contact it is), and the cell or the text."""
Output = tuple[str, int, bytes]
"""What one side does to its wires: its name, the link, and the cell or the onion."""


class Dice:
    """Random bytes that depend on the event which is handled, and not on when it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._times: dict[str, int] = {}
        self._event = ""
        self._drawn = 0

    def begin(self, label: str) -> None:
        times = self._times.get(label, 0)
        self._times = dict(sorted({**self._times, label: times + 1}.items()))
        self._event = f"{self.name}/{label}/{times}"
        self._drawn = 0

    def __call__(self, size: int) -> bytes:
        self._drawn += 1
        return shake_256(f"{self._event}/{self._drawn}".encode()).digest(size)


class Numbers:
    """Numbers of the links that one side dials."""

    def __init__(self) -> None:
        self._last = 0

    def __iter__(self) -> Numbers:
        return self

    def __next__(self) -> int:
        self._last += 1
        return self._last


class StandIn(Secret):
    """A KEM pair that shares its secrets with anybody who looks."""

    dice: RandomSource = urandom
    """Of who acts."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.public = shake_256(b"public" + seed).digest(KEM_KEY_SIZE)

    @classmethod
    def generate(cls) -> StandIn:
        return cls(cls.dice(KEM_SEED_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> StandIn:
        return cls(seed)

    def seed(self) -> bytes:
        return self._seed

    def decapsulate(self, ciphertext: bytes) -> bytes:
        return shake_256(self.public + ciphertext).digest(32)

    @classmethod
    def encapsulate(cls, public: bytes) -> tuple[bytes, bytes]:
        ciphertext = cls.dice(KEM_CIPHERTEXT_SIZE)
        return shake_256(public + ciphertext).digest(32), ciphertext


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the machines use `StandIn`."""
    for module in (noise, epoch):
        monkeypatch.setattr(module, "KemPair", StandIn)
        monkeypatch.setattr(module, "encapsulate", StandIn.encapsulate)


@dataclass
class Lane:
    """The sending side of one link: what is laid out."""

    cipher: SendingCipher
    laid: list[tuple[int, bytes]] = field(default_factory=lambda: [COVER])


@dataclass
class Side:
    """One person's machines, their vault and sending sides, and what the person saw."""

    name: str
    dice: Dice
    numbers: Numbers
    machines: list[Machine] = field(default_factory=list)
    vault: dict[tuple[str, bytes, bytes], bytes] = field(default_factory=dict)
    invites: dict[bytes, int] = field(default_factory=dict)
    """Onions of invites that run, and whose they are."""
    owners: dict[int, int] = field(default_factory=dict)
    """Whose each link is."""
    lanes: dict[int, Lane] = field(default_factory=dict)
    said: int = 0
    shown: list[str] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)

    def act(self, action: Action, now: float, *, prompt: bool) -> tuple[Output, ...]:
        """Let something happen to this side; what it does to its wires."""
        self.outputs = []
        what, link, data = action
        match what:
            case "crash":
                self._reborn(now)
            case "cut" | "torn":
                owner, event = self._event("arrive", link, data)
                commands = self._handle(owner, event, now)
                for command in commands[:1] if what == "cut" else commands[:-1]:
                    self._perform(owner, command)
                self._reborn(now)
            case "leave":
                self._leave(link, now)
            case "cover":
                self.outputs.append(("cell", link, self.lanes[link].cipher.seal(lay_out(*COVER))))
            case "due":
                for owner, machine in enumerate(self.machines):
                    if machine.next_deadline is not None and machine.next_deadline <= now:
                        self._tell(owner, events.DeadlinePassed(), now)
            case _:
                self._tell(*self._event(what, link, data), now)
        for lane in list(self.lanes) if prompt else ():
            while lane in self.lanes and self.lanes[lane].laid:
                self._leave(lane, now)
        made, self.outputs = tuple(self.outputs), []
        return made

    def _event(self, what: str, number: int, data: bytes) -> tuple[int, events.Event]:
        """Whose machine is told, and what."""
        match what:
            case "say":
                self.said += 1
                identifier = blake2b(f"{self.name} {self.said}".encode(), digest_size=16).digest()
                return number, events.TextWritten(id=identifier, text=data.decode())
            case "accept":
                self.owners[number] = self.reached(data)
                accepted = events.ConnectionAccepted(link=number, at_invite=data in self.invites)
                return self.owners[number], accepted
            case "arrive":
                return self.owners[number], events.CellReceived(link=number, cell=data)
            case "end":
                self.lanes.pop(number, None)
                return self.owners.pop(number), events.LinkEnded(link=number)
        return self.owners[number], events.DialSucceeded(link=number)

    def _leave(self, link: int, now: float) -> None:
        lane = self.lanes[link]
        self.outputs.append(("cell", link, lane.cipher.seal(lay_out(*lane.laid.pop(0)))))
        if len(lane.laid) <= 1:
            self._tell(self.owners[link], events.SlotFreed(link=link, waiting=len(lane.laid)), now)

    def reached(self, onion: bytes) -> int:
        """Whose service it is."""
        if onion in self.invites:
            return self.invites[onion]
        return next(
            owner
            for owner, machine in enumerate(self.machines)
            if isinstance(machine, Contact) and machine.onion.public == onion
        )

    def _handle(self, owner: int, event: events.Event, now: float) -> tuple[do.Command, ...]:
        StandIn.dice = self.dice
        self.dice.begin(f"{type(event).__name__} {getattr(event, 'link', '')}")
        return self.machines[owner].handle(event, now)

    def _tell(self, owner: int, event: events.Event, now: float) -> None:
        for command in self._handle(owner, event, now):
            self._perform(owner, command)

    def _reborn(self, now: float) -> None:
        """The process ends, and starts with nothing but the vault."""
        self.lanes.clear()
        self.owners.clear()
        self.dice.begin("birth")
        StandIn.dice = self.dice
        self.machines = [reborn(self, now)]

    def _perform(self, owner: int, command: do.Command) -> None:
        match command:
            case do.Persist(puts=puts, drops=drops):
                for key, value in puts:
                    self.vault[key.kind, key.scope, key.key] = value
                for key in drops:
                    self.vault.pop((key.kind, key.scope, key.key), None)
                self.vault = dict(sorted(self.vault.items()))
                machine = self.machines[owner]
                if isinstance(machine, Invitation) and machine.contact is not None:
                    self.machines[owner] = machine.contact
            case do.Dial(link=link, onion=onion):
                self.owners = dict(sorted({**self.owners, link: owner}.items()))
                self.outputs.append(("dial", link, onion))
            case do.SendCell(link=link, cell=cell):
                self.outputs.append(("cell", link, cell))
            case do.BeginSending(link=link, key=key):
                self.lanes = dict(sorted({**self.lanes, link: Lane(SendingCipher(key))}.items()))
            case do.Lay(link=link, cell_type=cell_type, body=body):
                self.lanes[link].laid.append((cell_type, body))
            case do.CloseLink(link=link):
                self.lanes.pop(link, None)
                self.owners.pop(link, None)
                self.outputs.append(("close", link, b""))
            case do.RetireInvite():
                self.invites = {onion: whose for onion, whose in self.invites.items() if whose != owner}
            case do.TellMessage(message=message, new=True) if not message.mine and not message.system:
                self.shown.append(message.text)
            case _:
                pass


def reborn(side: Side, now: float) -> Contact:
    """The contact as it is in the vault, read as every test in this folder reads it."""
    world = World()
    world.now = now
    person = Person(world, side.name)
    person.around = replace(person.around, random=side.dice, numbers=side.numbers)
    person.vault = {
        do.Key(kind=kind, scope=scope, key=key): v for (kind, scope, key), v in side.vault.items()
    }
    person.come_back()
    assert person.contact is not None
    side.invites = dict.fromkeys(person.invites, 0)
    side.vault = dict(sorted(((key.kind, key.scope, key.key), v) for key, v in person.vault.items()))
    return person.contact


class _Pickler(pickle.Pickler):
    """Secrets refuse to be pickled; here it is what a copy is made by, in memory and in tests alone."""

    def reducer_override(self, obj: object) -> Any:
        if not isinstance(obj, Secret):
            return NotImplemented  # as it is done for everything else
        if isinstance(obj, msgspec.Struct):
            return msgspec.Struct.__reduce__(obj)
        return object.__reduce_ex__(obj, 4)


def packed(side: Side, *, plain: bool = False) -> bytes:
    """A side's bytes; where they are ``plain`` they are to be compared and not to be read again."""
    stream = io.BytesIO()
    pickler = _Pickler(stream, protocol=5)
    pickler.fast = plain  # the same bytes for equal values, whether or not they are one object
    pickler.dump(side)
    return stream.getvalue()


def unpacked(data: bytes) -> Side:
    """The side of `packed`, which shares nothing with the one that was packed."""
    side = pickle.loads(data)
    assert isinstance(side, Side)
    return side
