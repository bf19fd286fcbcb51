"""Suite ``timer``: how well the metronome keeps its deadlines while the engine has a lot to do.

Two engines of this machine have 200 contacts in common, each link at one cell a second in both directions.
What is measured is the first one: engine and metronome are those that users run, under their launcher. The
way between the two is a socket instead of tor. Meanwhile messages are written at both ends, to contacts by
chance: each is sealed, stored, synced, laid, acknowledged, opened, stored and synced again; and the TUI shows
one of the conversations in a pseudo-terminal.

For each cell the metronome reports when it was due and when it had been written. From that:

    timer_p99_ms      the 99th percentile of |written - due|
    ks_real_cover     the greatest distance between the distributions of lateness of cells that carried
                      something and of covers (Kolmogorov and Smirnov): does its lateness tell what a cell is?
    cpu_share         processor time of metronome and engine together, in parts of one core

A distance between two samples is never 0: ``--quick`` has fewer cells, so its goal is what chance alone
exceeds once in a thousand times, where that is above 0.02.

The control is a sender in the engine's own loop, with the same slots and the same work, which stores and
draws at the tick that a message leaves. Both figures must find it out. And ``tui_attached``: what is typed
into the TUI at the end must reach the engine.
"""

from __future__ import annotations

import math
import os
import random
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from ..control.replies import Contact, Contacts, Conversation, Identity, Invite, Message, TimerPromise
from ..control.requests import (
    ContactList,
    IdentityCreate,
    InviteAccept,
    InviteCreate,
    Messages,
    Send,
    TimerTold,
)
from ..errors import ConnectionLost, PeerUnreachable
from .evidence import Control, Evidence, Figure, at_most, between, evidence, fact
from .near_sender import Departure, Record
from .network import Progress
from .screen import Screen
from .station import Station
from .workplace import workplace

LINKS: Final = 200
TICK: Final = 1.0
SECONDS: Final = 520.0
"""Enough for 100,000 cells."""
SECONDS_QUICK: Final = 50.0
CONTROL_SECONDS: Final = 60.0
CONTROL_SECONDS_QUICK: Final = 25.0
EVERY: Final = 0.1
"""Seconds between two messages of one end."""
GOAL_MS: Final = 2.0
GOAL_KS: Final = 0.02
GOAL_CPU: Final = 0.20
_CHANCE: Final = math.sqrt(-math.log(0.001 / 2) / 2)
"""Of Kolmogorov and Smirnov's distribution: exceeded once in a thousand times."""

MEETING_SECONDS: Final = 240.0
_SETTLE_SECONDS: Final = 3.0
_MET: Final = 0.25
_CONTROL: Final = 0.8
"""Parts of the progress at which each step ends."""
_WORDS: Final = "A message of some words, as people write them."
_TYPED: Final = "This one was typed."
_TYPED_SECONDS: Final = 60.0
"""For it to reach the engine: the TUI gives way to everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run showed."""

    cells: Sequence[Departure]
    cpu_engine: float
    """In parts of one core."""
    cpu_metronome: float
    realtime: bool
    messages: int
    attached: bool
    """Whether the TUI was there to the end."""

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the deviation from the deadline."""
        found = sorted(abs(cell.late) for cell in self.cells)
        return 1000 * found[math.ceil(0.99 * len(found)) - 1]

    @property
    def distance(self) -> float:
        """Between the lateness of real cells and of covers."""
        real = [cell.late for cell in self.cells if cell.real]
        return distance(real, [cell.late for cell in self.cells if not cell.real])

    @property
    def real(self) -> int:
        """How many cells carried something."""
        return sum(cell.real for cell in self.cells)


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Kolmogorov and Smirnov's distance of two samples: the greatest between their distributions."""
    first, second = sorted(one), sorted(other)
    return max(
        abs(bisect_right(first, value) / len(first) - bisect_right(second, value) / len(second))
        for value in (*first, *second)
    )


def chance(one: int, other: int) -> float:
    """The distance that two samples of these sizes exceed once in a thousand times by chance."""
    return _CHANCE * math.sqrt((one + other) / (one * other))


def measure(*, lifeline: int, tell: Progress, quick: bool) -> Evidence:
    """Measure it.

    Raises:
        OnionchatError: an engine did not start, or the two did not meet.
    """
    seconds = SECONDS_QUICK if quick else SECONDS
    control_seconds = CONTROL_SECONDS_QUICK if quick else CONTROL_SECONDS
    changes: dict[str, object] = {"tick": TICK}
    with _both(lifeline, changes) as (watched, crowd):
        _meet(watched, crowd, tell)
        begin, rest = _MET, _CONTROL - _MET
        steady = _run(watched, crowd, seconds, lifeline, lambda part: tell(begin + part * rest, "measuring"))
        tell(_CONTROL, "the control: a sender in the engine's loop")
        changes["step_back"] = False  # it would leave out whole slots where others want the processor
        _start(watched, "in-loop")
        _until_online(watched)
        begin, rest = _CONTROL, 1 - _CONTROL
        control = _run(
            watched,
            crowd,
            control_seconds,
            lifeline,
            lambda part: tell(begin + part * rest, "measuring the control"),
        )
    tell(1.0, "done")
    return evidence("timer", _figures(steady, quick=quick), _controls(steady, control))


def _figures(steady: Outcome, *, quick: bool) -> list[Figure]:
    cells, real = len(steady.cells), steady.real
    goal_ks = max(GOAL_KS, chance(real, cells - real)) if quick else GOAL_KS
    return [
        at_most("timer_p99_ms", steady.p99_ms, "ms", GOAL_MS),
        at_most("ks_real_cover", steady.distance, "", goal_ks),
        at_most("cpu_share", steady.cpu_engine + steady.cpu_metronome, "of a core", GOAL_CPU),
        fact("cpu_engine", steady.cpu_engine, "of a core"),
        fact("cpu_metronome", steady.cpu_metronome, "of a core"),
        fact("late_median_ms", 1000 * median(cell.late for cell in steady.cells), "ms"),
        fact("late_most_ms", 1000 * max(cell.late for cell in steady.cells), "ms"),
        fact("cells", cells, ""),
        fact("real_cells", real, ""),
        fact("messages", steady.messages, ""),
        fact("links", LINKS, ""),
        fact("tick_s", TICK, "s"),
        fact("realtime", steady.realtime, ""),
    ]


def _controls(steady: Outcome, control: Outcome) -> list[Control]:
    cells, real = len(control.cells), control.real
    return [
        between("in_loop_p99_ms", control.p99_ms, max(GOAL_MS, 2 * steady.p99_ms), 10_000),
        between("in_loop_ks_real_cover", control.distance, max(GOAL_KS, chance(real, cells - real)), 1),
        between("tui_attached", float(steady.attached), 1, 1),
    ]


@contextmanager
def _both(lifeline: int, changes: Mapping[str, object]) -> Iterator[tuple[Station, Station]]:
    """The engine that is watched, and the one that has all its contacts; both answer."""
    with ExitStack() as stack:
        place = stack.enter_context(workplace(on_disk=True))  # in memory nothing would wait for the disk
        watched, crowd = (
            Station(place / name, torrc="", lifeline=lifeline, changes=changes) for name in ("a", "b")
        )
        for station in (watched, crowd):
            stack.callback(station.wait)
        for station in (watched, crowd):
            stack.callback(station.end)
            _start(station, "metronome")
        yield watched, crowd


def _start(station: Station, sender: str) -> None:
    record = station.folder.with_suffix(".sent")
    record.unlink(missing_ok=True)
    station.engine = [sys.executable, "-P", "-m", "onionchat.lab.near", str(record), sender]
    station.start()
    station.until_open()


def _meet(watched: Station, crowd: Station, tell: Progress) -> None:
    """Make 200 contacts, and wait until all are on line."""
    watched.ask(TimerTold(read=True), TimerPromise)  # nobody is there to read it before what is typed
    mine = watched.ask(IdentityCreate(name="Sam"), Identity).identity
    theirs = crowd.ask(IdentityCreate(name="Crowd"), Identity).identity
    for number in range(LINKS):
        tell(_MET * number / LINKS, "making 200 contacts")
        code = crowd.ask(InviteCreate(identity=theirs), Invite).code
        watched.ask(InviteAccept(identity=mine, code=code, name=f"Contact{number}"), Contact)
    _until_online(watched)
    _until_online(crowd)


def _until_online(station: Station) -> None:
    deadline = time.monotonic() + MEETING_SECONDS
    while True:
        contacts = station.ask(ContactList(), Contacts).contacts
        if sum(contact.introduced and contact.presence == "online" for contact in contacts) == LINKS:
            return
        if time.monotonic() > deadline:
            raise PeerUnreachable(
                f"two engines did not meet {LINKS} times within {MEETING_SECONDS:.0f} s",
                hint="see whether the machine is busy; try again",
            )
        time.sleep(1.0)


def _run(
    watched: Station, crowd: Station, seconds: float, lifeline: int, tell: Callable[[float], None]
) -> Outcome:
    """Work for so long, then end the engine that is watched and read what it wrote down."""
    contacts = watched.ask(ContactList(), Contacts).contacts
    theirs = crowd.ask(ContactList(), Contacts).contacts
    ends = [(watched, [one.contact for one in contacts]), (crowd, [one.contact for one in theirs])]
    shown = contacts[0]
    with Screen(watched.socket, contact=shown.contact, name=shown.name, lifeline=lifeline) as screen:
        engine = watched.pid
        metronome = _metronome(engine)
        realtime = metronome is not None and os.sched_getscheduler(metronome) == os.SCHED_FIFO
        time.sleep(_SETTLE_SECONDS)
        begin, spent = time.monotonic(), [_spent(engine), _spent(metronome)]
        messages = _write(ends, begin, seconds, tell)
        end = time.monotonic()
        cpu = [
            (_spent(pid) - before) / (end - begin)
            for pid, before in zip((engine, metronome), spent, strict=True)
        ]
        attached = _reaches(screen, watched, shown.contact)
    watched.end()
    watched.wait()
    cells = [one for one in Record.read(watched.folder.with_suffix(".sent")) if begin <= one.scheduled < end]
    if len({cell.real for cell in cells}) < 2:
        raise ConnectionLost(
            "no cells left, or only ones of a kind", hint="see whether the machine is busy; try again"
        )
    return Outcome(
        cells=cells,
        cpu_engine=cpu[0],
        cpu_metronome=cpu[1],
        realtime=realtime,
        messages=messages,
        attached=attached,
    )


def _write(
    ends: Sequence[tuple[Station, Sequence[str]]],
    begin: float,
    seconds: float,
    tell: Callable[[float], None],
) -> int:
    """Have both ends write until so long after ``begin``; returns how many messages there were."""
    messages = 0
    while (now := time.monotonic()) < begin + seconds:
        tell((now - begin) / seconds)
        for station, contacts in ends:
            station.ask(Send(contact=random.choice(contacts), text=_WORDS), Message)  # noqa: S311 - any
            messages += 1
        time.sleep(max(0.0, begin + messages / len(ends) * EVERY - time.monotonic()))
    return messages


def _reaches(screen: Screen, watched: Station, contact: str) -> bool:
    """Whether what is typed at the screen reaches the engine: one that fell behind was cut off."""
    screen.write(f"{_TYPED}\r")
    deadline = time.monotonic() + _TYPED_SECONDS
    while time.monotonic() < deadline:
        recent = watched.ask(Messages(contact=contact), Conversation).messages
        if any(one.mine and one.text == _TYPED for one in recent):
            return True
        time.sleep(0.5)
    return False


def _metronome(engine: int) -> int | None:
    """The process id of the metronome that the same launcher started; None where there is none."""
    launcher = Path(f"/proc/{engine}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text(encoding="utf-8").split():
        if b"onionchat.metronome" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return int(child)
    return None


def _spent(pid: int | None) -> float:
    """Seconds of processor time that a process has used."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
