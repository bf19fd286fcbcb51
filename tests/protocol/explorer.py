"""Every order of events between two sides, and none twice: a model checker over the machines themselves.

A `Scene` is where two sides and the wires between them stand; `Explorer` knows what may happen next and lets
it happen, until it has tried all orders. What one side does depends on that side alone, so it is done once
for each of its states (`Local`) and looked up whenever another order comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from .sides import Action, Output, Side, packed, unpacked
from .view import View, look_at

ACCEPTED = 1000
"""What an accepted wire's number has beyond the dialled one's."""
MOMENTS = 40
"""How often a scene may stand still until its next deadline before it counts as stuck."""

Choice = tuple[str, str, int]
"""What happens next: its name, the wire (or nothing), and the side."""

T = TypeVar("T")


class Wire(NamedTuple):
    """A connection, or one that is being made. A pair is by side."""

    name: str
    dialler: int
    onion: bytes
    holds: tuple[bool, bool]
    """Who has not closed it and was not told of its end."""
    cells: tuple[tuple[bytes, ...], tuple[bytes, ...]] = ((), ())
    """On their way, by who wrote them."""
    stands: bool = False
    whole: bool = True

    def number(self, side: int) -> int:
        """Of this link, as the side calls it."""
        number = int(self.name[1:])
        return number if side == self.dialler else number + ACCEPTED


Texts = tuple[tuple[int, bytes], ...]


class Scene(NamedTuple):
    """Where everything stands. The sides are numbers of `Explorer.local`."""

    sides: tuple[int, int]
    now: float
    wires: tuple[Wire, ...] = ()
    to_say: tuple[Texts, Texts] = ((), ())
    """By each side: to which of its contacts, and what."""
    deaths: int = 0
    """Wires that may still break by themselves."""
    crashes: int = 0
    """Processes that may still end."""
    moments: int = 0
    """How often nothing could happen but time."""


class Local(NamedTuple):
    """One side at one moment."""

    data: bytes
    view: View


class Violation(AssertionError):
    """A law that does not hold, and the way there."""


class Explored(NamedTuple):
    """What a search has seen."""

    states: int
    steps: int
    ends: int
    """States in which nothing more happens."""
    locals: int
    """States of single sides."""


Law = Callable[[Scene, View, View], None]
Path = tuple[object, Choice] | None


class Explorer:
    """Tries every order.

    Args:
        settled: whether all is done, so that time need not pass any more.
        always: raises where a law of every state does not hold.
        at_the_end: raises where a law of a state does not hold in which nothing more happens.
        prompt: whether what is laid out leaves at once; otherwise when it leaves is one more choice.
        reachable: who is found when dialled.
    """

    def __init__(
        self,
        *,
        settled: Callable[[View, View], bool],
        always: Law,
        at_the_end: Law,
        prompt: bool = True,
        reachable: tuple[bool, bool] = (True, True),
    ) -> None:
        self.local: list[Local] = []
        self._settled, self._always, self._at_the_end = settled, always, at_the_end
        self._prompt, self._reachable = prompt, reachable
        self._known: dict[bytes, int] = {}
        self._done: dict[tuple[int, Action, float], tuple[int, tuple[Output, ...]]] = {}

    def enter(self, side: Side) -> int:
        """The number of a side's state."""
        digest = blake2b(packed(side, plain=True), digest_size=16).digest()
        number = self._known.setdefault(digest, len(self.local))
        if number == len(self.local):
            self.local.append(Local(packed(side), look_at(side)))
        return number

    def side(self, number: int) -> Side:
        """A copy of that state."""
        return unpacked(self.local[number].data)

    def views(self, scene: Scene) -> tuple[View, View]:
        """Both sides of a scene."""
        one, other = scene.sides
        return self.local[one].view, self.local[other].view

    def change(self, scene: Scene, change: Callable[[Side], None]) -> Scene:
        """The scene after ``change`` was done to each side."""
        sides = [self.side(number) for number in scene.sides]
        for side in sides:
            change(side)
        one, other = sides
        return scene._replace(sides=(self.enter(one), self.enter(other)))

    # --- the search ------------------------------------------------------------------------------

    def follow(self, scene: Scene) -> Scene:
        """One order, to its end."""
        while choices := self.choices(scene):
            scene = self.happen(scene, choices[0])
        return scene

    def explore(self, start: Scene, *, most: int = 3_000_000) -> Explored:
        """Try every order of what may happen from ``start`` on, depth first.

        Raises:
            Violation: a law does not hold, a machine failed, there are more than ``most`` states, or one
                from which no end can be reached.
        """
        seen = {start: 0}
        before: list[list[int]] = [[]]
        ends: list[int] = []
        steps = 0
        stack: list[tuple[Scene, Path]] = [(start, None)]
        while stack:
            scene, path = stack.pop()
            here = seen[scene]
            choices = self.choices(scene)
            if not choices:
                ends.append(here)
                self._hold(self._at_the_end, scene, path)
            for choice in choices:
                steps += 1
                way = (path, choice)
                after = self._follow(scene, choice, way)
                there = seen.setdefault(after, len(before))
                if there == len(before):
                    self._hold(self._always, after, way)
                    before.append([])
                    stack.append((after, way))
                    if there == most:
                        raise Violation(f"more than {most} states")
                before[there].append(here)
        _all_lead_to(ends, before)
        return Explored(len(before), steps, len(ends), len(self.local))

    def _follow(self, scene: Scene, choice: Choice, path: Path) -> Scene:
        try:
            return self.happen(scene, choice)
        except Exception as error:
            raise Violation(f"{type(error).__name__}: {error}\nafter {told(path)}") from error

    def _hold(self, law: Law, scene: Scene, path: Path) -> None:
        try:
            law(scene, *self.views(scene))
        except AssertionError as error:
            raise Violation(f"{error}\nafter {told(path)}") from error

    # --- what may happen -----------------------------------------------------------------------------

    def choices(self, scene: Scene) -> list[Choice]:
        """Everything that may happen next; time passes only where nothing else can."""
        views = self.views(scene)
        made = [choice for wire in scene.wires for choice in self._of(wire, views, scene.deaths)]
        for side, view in enumerate(views):
            if view.deadline <= scene.now:
                made.append(("due", "", side))
            if scene.to_say[side] and view.faces[scene.to_say[side][0][0]].in_contact:
                made.append(("say", "", side))
        if not made:
            return [] if self._settled(*views) else [("time", "", 0)]
        if scene.crashes:
            able = [side for side, view in enumerate(views) if all(face.in_contact for face in view.faces)]
            arrivals = [(wire, side) for what, wire, side in made if what == "arrive" and side in able]
            made += [(what, wire, side) for what in ("cut", "torn") for wire, side in arrivals]
            made += [("crash", "", side) for side in able]
        return made

    def _of(self, wire: Wire, views: tuple[View, View], deaths: int) -> list[Choice]:
        name = wire.name
        if wire.whole and not wire.stands:
            return [("connect", name, wire.dialler)]
        made: list[Choice] = []
        for side in (0, 1):
            if wire.whole and not self._prompt and wire.number(side) in views[side].laid:
                made.append(("leave", name, side))
            if wire.cells[1 - side] and wire.holds[side]:
                made.append(("arrive", name, side))
            if not wire.whole and wire.holds[side]:
                made.append(("end", name, side))
        if wire.whole and deaths:
            made.append(("die", name, 0))
        return made

    def happen(self, scene: Scene, choice: Choice) -> Scene:
        """The scene after it."""
        what, name, side = choice
        match what:
            case "connect":
                return self._connect(scene, _wire(scene, name))
            case "arrive":
                return self._arrive(scene, _wire(scene, name), side)
            case "leave":
                return self._act(scene, side, ("leave", _wire(scene, name).number(side), b""))
            case "end":
                wire = _wire(scene, name)
                scene = _with(scene, wire._replace(holds=_set(wire.holds, side, False)))
                return self._act(scene, side, ("end", wire.number(side), b""))
            case "die":
                scene = scene._replace(deaths=scene.deaths - 1)
                return _with(scene, _wire(scene, name)._replace(whole=False))
            case "due":
                return self._act(scene, side, ("due", 0, b""))
            case "say":
                (owner, text), *rest = scene.to_say[side]
                scene = scene._replace(to_say=_set(scene.to_say, side, tuple(rest)))
                return self._act(scene, side, ("say", owner, text))
            case "crash":
                return self._crash(scene, side, ("crash", 0, b""))
            case "cut" | "torn":
                wire = _wire(scene, name)
                return self._crash(scene, side, (what, wire.number(side), wire.cells[1 - side][0]))
        return self._pass_time(scene)

    def _crash(self, scene: Scene, side: int, action: Action) -> Scene:
        scene = self._act(scene._replace(crashes=scene.crashes - 1), side, action)
        for wire in scene.wires:
            if wire.holds[side]:
                scene = _with(scene, wire._replace(holds=_set(wire.holds, side, False), whole=False))
        return scene

    def _connect(self, scene: Scene, wire: Wire) -> Scene:
        """Both ends hear of it at once, the one that was reached first."""
        dialler, other = wire.dialler, 1 - wire.dialler
        if not self._reachable[other] or wire.onion not in self.views(scene)[other].onions:
            return _with(scene, wire._replace(stands=True, whole=False))
        scene = _with(scene, wire._replace(stands=True, holds=(True, True)))
        scene = self._act(scene, other, ("accept", wire.number(other), wire.onion))
        if any(found.name == wire.name and found.whole for found in scene.wires):
            scene = self._act(scene, dialler, ("stands", wire.number(dialler), b""))
        return scene

    def _arrive(self, scene: Scene, wire: Wire, side: int) -> Scene:
        cell, *rest = wire.cells[1 - side]
        scene = _with(scene, wire._replace(cells=_set(wire.cells, 1 - side, tuple(rest))))
        return self._act(scene, side, ("arrive", wire.number(side), cell))

    def _pass_time(self, scene: Scene) -> Scene:
        """To the next deadline, with the cover cells that come meanwhile on whatever lives."""
        if scene.moments == MOMENTS:
            raise Violation("nothing comes of waiting")
        due = min(view.deadline for view in self.views(scene))
        scene = scene._replace(moments=scene.moments + 1, now=max(scene.now, due))
        for name in [wire.name for wire in scene.wires]:
            for writer in (0, 1):
                wire = next((wire for wire in scene.wires if wire.name == name), None)
                if wire is None or not wire.whole:
                    continue
                if wire.number(writer) in self.views(scene)[writer].sending:
                    scene = self._act(scene, writer, ("cover", wire.number(writer), b""))
                    scene = self._arrive(scene, _wire(scene, name), 1 - writer)
        return scene

    def _act(self, scene: Scene, side: int, action: Action) -> Scene:
        """What it does to one side, and what that side does to the wires."""
        key = (scene.sides[side], action, scene.now)
        done = self._done.get(key)
        if done is None:
            changed = self.side(scene.sides[side])
            outputs = changed.act(action, scene.now, prompt=self._prompt)
            done = self._done[key] = (self.enter(changed), outputs)
        number, outputs = done
        scene = scene._replace(sides=_set(scene.sides, side, number))
        for what, link, data in outputs:
            if what == "dial":
                holds = (side == 0, side == 1)
                wires = (*scene.wires, Wire(f"{'AB'[side]}{link}", side, data, holds))
                scene = scene._replace(wires=tuple(sorted(wires)))
                continue
            wire = next((w for w in scene.wires if w.holds[side] and w.number(side) == link), None)
            if wire is None:
                continue
            if what == "close":
                scene = _with(scene, wire._replace(holds=_set(wire.holds, side, False), whole=False))
            elif wire.whole:
                cells = _set(wire.cells, side, (*wire.cells[side], data))
                scene = _with(scene, wire._replace(cells=cells))
        return scene


def _wire(scene: Scene, name: str) -> Wire:
    return next(wire for wire in scene.wires if wire.name == name)


def _with(scene: Scene, wire: Wire) -> Scene:
    """The scene with this wire as it is now; what nobody holds is gone, and so is what nobody will read."""
    if not any(wire.holds):
        return scene._replace(wires=tuple(w for w in scene.wires if w.name != wire.name))
    heard = (wire.cells[0] if wire.holds[1] else (), wire.cells[1] if wire.holds[0] else ())
    if wire.stands:
        wire = wire._replace(cells=heard)
    return scene._replace(wires=tuple(wire if w.name == wire.name else w for w in scene.wires))


def _set(pair: tuple[T, T], side: int, value: T) -> tuple[T, T]:
    return (value, pair[1]) if side == 0 else (pair[0], value)


def told(path: Path) -> str:
    """A way, in words."""
    steps = []
    while path is not None:
        path, (what, wire, side) = path  # type: ignore[assignment]  # the rest of a path is a path
        steps.append(f"{'AB'[side]} {what} {wire}".strip())
    return " → ".join(reversed(steps))


def _all_lead_to(ends: list[int], before: list[list[int]]) -> None:
    """From every state an end is reached, whatever happened on the way there."""
    left = list(ends)
    reached = set(ends)
    while left:
        for state in before[left.pop()]:
            if state not in reached:
                reached.add(state)
                left.append(state)
    if len(reached) < len(before):
        raise Violation(f"no end can be reached from {len(before) - len(reached)} states")
