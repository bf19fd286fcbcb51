"""Two people who meet in a scene that is explored, what they do, and what must come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from onionchat.protocol.contact import Contact

from .explorer import Explored, Explorer, Scene, Texts
from .sides import Dice, Numbers, Side
from .view import View
from .world import Person, World, friends

FROM_ADA, FROM_BEN = ("from Ada",), ("from Ben",)


@dataclass
class Meeting:
    """What two people do at once, and what must come of it.

    Attributes:
        texts: what each of them says.
        renewed: whether they are told that the session was made anew.
    """

    texts: tuple[tuple[str, ...], tuple[str, ...]] = (FROM_ADA, FROM_BEN)
    renewed: bool = False
    deaths: int = 0
    crashes: int = 0
    prompt: bool = True
    reachable: tuple[bool, bool] = (True, True)
    explorer: Explorer = field(init=False)

    def __post_init__(self) -> None:
        self.explorer = Explorer(
            settled=self.settled,
            always=self.always,
            at_the_end=self.at_the_end,
            prompt=self.prompt,
            reachable=self.reachable,
        )

    def explore(self, sides: Sequence[Side], now: float) -> Explored:
        """Texts are there from the beginning, or as soon as there is a contact to say them to."""
        later: list[Texts] = []
        for side, texts in zip(sides, self.texts, strict=True):
            known = isinstance(side.machines[0], Contact)
            for text in texts if known else ():
                side.act(("say", 0, text.encode()), now, prompt=True)
            later.append(() if known else tuple((0, text.encode()) for text in texts))
        ada, ben = (self.explorer.enter(side) for side in sides)
        to_say = (later[0], later[1])
        scene = Scene((ada, ben), now, to_say=to_say, deaths=self.deaths, crashes=self.crashes)
        return self.search(scene)

    def search(self, scene: Scene) -> Explored:
        explored = self.explorer.explore(scene)
        print(explored)
        return explored

    def settled(self, ada: View, ben: View) -> bool:
        return ada.face.idle and ben.face.idle

    def always(self, scene: Scene, ada: View, ben: View) -> None:
        for view in (ada, ben):
            assert len(view.shown) == len(set(view.shown)), "shown twice"
        assert ada.face.delivered <= ben.stored, "acknowledged and not stored"
        assert ben.face.delivered <= ada.stored, "acknowledged and not stored"
        if self.quiet(scene, ada, ben) and not self.deaths:  # who chose a link that dies at once dials anew
            either = [(None, None), *((wire.number(0), wire.number(1)) for wire in scene.wires)]
            assert (ada.face.active, ben.face.active) in either, "they chose differently"

    def quiet(self, scene: Scene, ada: View, ben: View) -> bool:
        """Whether nothing is under way but time."""
        still = all(wire.whole and wire.stands and not any(wire.cells) for wire in scene.wires)
        return still and not ada.laid and not ben.laid and min(ada.deadline, ben.deadline) > scene.now

    def at_the_end(self, scene: Scene, ada: View, ben: View) -> None:
        if not self.deaths and not self.crashes:
            assert scene.moments == 0, "nobody was left, and somebody had to dial again"
        (wire,) = scene.wires
        assert wire.whole, "the only wire is broken"
        assert (ada.face.active, ben.face.active) == (wire.number(0), wire.number(1)), (
            "they chose differently"
        )
        assert ada.face.texts == self.texts[1], f"not once, or not in order: {ada.face.texts}"
        assert ben.face.texts == self.texts[0], f"not once, or not in order: {ben.face.texts}"
        assert ada.face.session == ben.face.session, "two sessions"
        assert ada.face.psks & ben.face.psks, "no key for the next link"
        assert ada.face.introduced
        assert ben.face.introduced
        for lines in (ada.face.lines, ben.face.lines):
            assert bool(lines) is self.renewed, "told of new keys, or not told"
            assert lines <= 2, "told again and again"


def apart(*forgetful: str) -> tuple[list[Side], float]:
    """Friends who start at the same moment; some have lost the session."""
    world, *people = friends(1)
    sides = []
    for person in people:
        vault = {(key.kind, key.scope, key.key): value for key, value in person.vault.items()}
        if person.name in forgetful:
            vault = {key: value for key, value in vault.items() if key[0] != "session"}
        side = Side(person.name, Dice(person.name), Numbers(), vault=dict(sorted(vault.items())))
        side.act(("crash", 0, b""), world.now, prompt=True)
        sides.append(side)
    return sides, world.now


def unmet(*, crossing: bool = False) -> tuple[list[Side], float]:
    """Ben has just taken Ada's invite; where they cross, she has taken his as well."""
    world = World()
    people = [Person(world, "Ada"), Person(world, "Ben")]
    sides = [Side(person.name, Dice(person.name), Numbers()) for person in people]
    for person, side in zip(people, sides, strict=True):
        person.around = replace(person.around, random=side.dice, numbers=side.numbers)
        side.dice.begin("birth")
    ada, ben = people
    ben.join(ada.invite())
    if crossing:
        ada.join(ben.invite())
    for person, side in zip(people, sides, strict=True):
        side.machines += [machine for machine in (person.contact, person.invitation) if machine is not None]
        side.vault = {(key.kind, key.scope, key.key): value for key, value in person.vault.items()}
        if person.invitation is not None:
            side.invites[person.invitation.onion.public] = side.machines.index(person.invitation)
    return sides, world.now
