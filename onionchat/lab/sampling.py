"""Blocks of windows, one of each scenario in random order, as they come off a stage.

Laws: a scenario never depends on the time at which it runs, so that drift tells nothing about it: each block
holds all of them. A block in which the link was not there throughout counts for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, cast

from ..errors import ConnectionLost, ControlError
from ..protocol.constants import CELL_SIZE
from .load import Load
from .scenario import Person, Scenario
from .stage import LEGS, LegName, Stage, busiest
from .trace import Block, Keep, Seen, Settings, Window, cut_out

_REST_TICKS: Final = 6
"""After a block, in which its windows are cut out and kept."""
_FRESH_SCREEN: Final = 40
"""Blocks after which the TUI is opened anew, so that it does not grow old with messages."""
_LOST: Final = 2
"""Blocks in a row without the link's cells: then the other may have dialled a new one, and is watched."""
_MOST_LOST: Final = 8
"""Then it is gone for good."""
_MOST_LATE: Final = 12
_ARRIVAL_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """How many messages were written in the watched TUI, and how many of them the other never got.

    Since the link was last found: what was under way when one was lost is not counted.
    """

    written: int
    missing: int
    late: int
    """Blocks that count for nothing: the machine was too busy to do in a window what belongs there."""


def sample(
    on: Stage,
    keep: Keep,
    settings: Settings,
    *,
    blocks: int,
    present: float,
    load: Load,
    tell: Callable[[int], None],
) -> Sampled:
    """Add blocks until there are ``blocks``.

    Args:
        present: the part of a window's ticks whose cells must have been seen to leave, or it had no link.
        tell: told of how many blocks there are.

    Raises:
        ConnectionLost: the link went down and did not come back.
    """
    life = int(time.monotonic())
    # a run that goes on later draws other moments than the one before it
    random = Random(f"{settings.seed} {len(keep.blocks)}")  # noqa: S311 - an experiment's order, not a secret
    person = Person(on, load, random)
    lost, fresh, late, in_a_row = 0, 0, 0, 0
    on.news()
    while len(keep.blocks) < blocks:
        tell(len(keep.blocks))
        if fresh == _FRESH_SCREEN:
            on.open_screen()
            fresh = 0
        person.prepare()
        block = _block(on, person, settings, random, life)
        fresh += 1
        if not _present(block, present * settings.ticks):
            lost += 1
            if lost == _MOST_LOST:
                raise ConnectionLost("the link between the two engines went down")
            if lost % _LOST == 0:
                on.find_link()
                person, life, fresh = Person(on, load, random), int(time.monotonic()), 0
            continue
        lost = 0
        if not person.timely([(one.scenario, one.begin) for one in block], _soon(settings)):
            late += 1
            in_a_row += 1
            if in_a_row == _MOST_LATE:
                raise ControlError(
                    "machine-busy",
                    "what is typed does not reach the engine in time",
                    hint="measure while the machine has nothing else to do",
                )
            on.open_screen()  # whatever the old one still had to do is gone with it
            person, fresh = Person(on, load, random), 0
            continue
        in_a_row = 0
        keep.add(block)
    time.sleep(_ARRIVAL_SECONDS)
    return Sampled(written=person.sent, missing=person.missing(), late=late)


def _block(on: Stage, person: Person, settings: Settings, random: Random, life: int) -> Block:
    order = cast(list[Scenario], list(settings.scenarios))
    random.shuffle(order)
    begins: list[float] = []
    time.sleep(_REST_TICKS * settings.tick)
    for scenario in order:
        begins.append(time.monotonic())
        person.act(scenario, settings.span, settings.tick)
        time.sleep(settings.gap * settings.tick)
    packets = on.news()
    legs = {name: busiest(packets, on.watched.legs[name]) for name in LEGS}
    return [
        Window(
            scenario=scenario,
            begin=begin,
            life=life,
            legs={name: cut_out(legs[name], begin, settings.span) for name in LEGS},
        )
        for scenario, begin in zip(order, begins, strict=True)
    ]


def _soon(settings: Settings) -> float:
    """Seconds from a window's begin until what was written in it must have reached the engine."""
    return settings.span + settings.gap * settings.tick


def _present(block: Block, least: float) -> bool:
    """Whether the link's cells were there in every window."""
    socks: LegName = "socks"
    return all(_cells(window.legs[socks]) >= least for window in block)


def _cells(seen: Seen) -> int:
    return sum(size // CELL_SIZE for size in seen.size if size > 0)
