"""Which windows are made for a report: the series, what each is for, and how many.

Laws: data only. A scenario is always told from the ``idle`` windows of its own series.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .scenario import Scenario
from .stage import LEGS, LegName, Level
from .trace import Settings

TICK: Final = 0.025
"""Seconds. The shortest: 80 times the usual 2 s are scaled down, and with them all that anybody does."""
POISSON_TICK: Final = 0.125
"""Random gaps are 45 ms and a random part: it must have room."""
USUAL_TICK: Final = 2.0
TICKS: Final = 12
GAP: Final = 3
BURST_TICKS: Final = 40
BURST_GAP: Final = 12
"""In bursts a message leaves when the TUI and the engine come to it, and is answered within a quarter of a
second more: all that must fall into its window, also where the machine has other things to do."""
SEED: Final = 20_261

LIGHT: Final[tuple[Scenario, ...]] = ("online", "chat", "typing", "paste", "receiving", "deletion")
HEAVY: Final[tuple[Scenario, ...]] = (
    "chat_heavy",
    "typing_heavy",
    "paste_heavy",
    "receiving_heavy",
    "deletion_heavy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Blocks of windows that were made under the same conditions."""

    name: str
    scenarios: tuple[Scenario, ...]
    """Beside ``idle``."""
    blocks: int
    level: Level = "constant"
    tick: float = TICK
    ticks: int = TICKS
    gap: int = GAP
    legs: tuple[LegName, ...] = LEGS
    tor: bool = True
    """False: the engines reach each other over bare loopback."""
    engines: bool = True
    """False: the in-loop sender takes their place."""
    changes: tuple[tuple[str, bool], ...] = field(default=())
    """Measures of the program that are switched off: fields of `Plan`."""

    @property
    def settings(self) -> Settings:
        """How its windows are made."""
        return Settings(
            tick=self.tick, ticks=self.ticks, gap=self.gap, scenarios=("idle", *self.scenarios), seed=SEED
        )

    @property
    def present(self) -> float:
        """The part of a window's ticks whose cells must have been seen, or it had no link."""
        return {"constant": 0.75, "poisson": 0.25, "burst": 0.0}[self.level]

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        a_block = (self.ticks + self.gap) * (1 + len(self.scenarios)) + 8
        return self.blocks * a_block * self.tick + (15.0 if self.engines else 2.0)


MAIN: Final = "constant"
POISSON: Final = "poisson"
BURST: Final = "burst"
LEVELS: Final = (MAIN, POISSON, BURST)
"""The series that stands for each level."""
LOOPBACK: Final = "loopback"
IN_LOOP: Final = "in_loop"
_OFF: Final = (
    ("all_measures", ()),
    ("without_idle_class", (("step_back", False),)),
    ("without_delay", (("delays", False),)),
    ("without_realtime", (("realtime", False),)),
    ("without_any", (("step_back", False), ("delays", False), ("realtime", False))),
)


def _bursts(blocks: int) -> Series:
    """The control: links in bursts show when somebody writes."""
    return Series(
        name=BURST, scenarios=("chat",), blocks=blocks, level="burst", ticks=BURST_TICKS, gap=BURST_GAP
    )


def quick() -> list[Series]:
    """What a few minutes can show."""
    return [
        Series(name=MAIN, scenarios=(*LIGHT, "chat_heavy"), blocks=26),
        _bursts(20),
        Series(name=LOOPBACK, scenarios=("typing",), blocks=24, legs=("socks",), tor=False),
        Series(name=IN_LOOP, scenarios=("typing",), blocks=32, legs=("socks",), engines=False),
    ]


BLOCKS: Final = 1600
"""Of the series whose AUC has a bound. With half as many the interval of a wire that tells nothing ends above
that bound by chance in one of eleven comparisons, and there are more; with these in one of 300."""


def full() -> list[Series]:
    """What a report is made of, the most important first."""
    return [
        Series(name=MAIN, scenarios=LIGHT, blocks=BLOCKS),
        _bursts(40),
        Series(name=POISSON, scenarios=("chat", "typing"), blocks=120, level="poisson", tick=POISSON_TICK),
        Series(name=LOOPBACK, scenarios=("typing",), blocks=80, legs=("socks",), tor=False),
        Series(name=IN_LOOP, scenarios=("typing",), blocks=80, legs=("socks",), engines=False),
        Series(name="heavy", scenarios=HEAVY, blocks=BLOCKS),
        *(
            Series(name=name, scenarios=("chat", "chat_heavy"), blocks=200, changes=changes)
            for name, changes in _OFF
        ),
    ]
