"""``onionchat lab observe``: an adversary who watches the wire, and what it can tell.

Two engines on a private Tor network have a link. Somebody sits at one of them and does, in windows of time
and in random order, what `scenario` knows, or nothing. Watched are the TCP connection between that one's tor
and its guard, and the one between its metronome and tor. From times, sizes and directions alone classifiers
learn to tell each scenario from ``idle``; they are judged by windows that they have not seen.

Goals: no scenario is told from ``idle``, by a permutation test that is corrected over the scenarios of a leg
(Holm), and in the full form the upper end of the AUC's 95 % interval is at most 0.55. Heavy scenarios have
goals where metronome and tor run with real-time priority. Controls: the same classifiers must tell chatting
from silence on links in bursts, and typing into a sender that lives in the loop of what it serves.

Laws: how anything is judged is fixed before it is seen; a series that was not made is not reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..errors import ConfigError
from ..protocol.pace import Level, Pace
from . import series as plan
from .classifier import held_out
from .ending import ended_by_signals, lifeline
from .evidence import Control, Evidence, Figure, at_least, at_most, between, evidence, fact, print_evidence
from .features import gaps_out, table
from .plot import Panel, draw
from .progress import Progress
from .realtime import realtime
from .recorder import Recorder
from .separation import Verdict, distance, holm, judge
from .series import HEAVY, Series
from .stage import LegName
from .trace import Block, Window
from .workplace import workplace

GOAL_P: Final = 0.05
GOAL_P_QUICK: Final = 0.001
GOAL_AUC: Final = 0.55
CONTROL_AUC: Final = 0.9
IN_LOOP_AUC: Final = 0.7
ARRIVED: Final = 0.5
"""Of what was written so much must have been received, or nobody said anything."""
_MEASURING: Final = 0.9
"""The part of the progress that is over when all windows are there."""
_DAY: Final = 86_400
_DRAWN: Final = 3

Compared = tuple[Series, str, LegName]


def run_observe(*, quick: bool, json: bool, keep: Path | None, plot: Path | None, only: Sequence[str]) -> int:
    """Measure, judge and print.

    Args:
        quick: within five minutes.
        json: one JSON object instead of a table, and progress as JSON lines on stderr.
        keep: a folder for what was seen, from which a run that was ended goes on.
        plot: a PNG to draw.
        only: names of series, beside the control; all where there are none.

    Returns:
        0 where every goal was met and every control was detected, otherwise 1.

    Raises:
        ConfigError: a series or a folder that there is not, or packages that are not installed.
        OnionchatError: what it needs could not be started.
    """
    wanted = plan.quick() if quick else plan.full()
    names = [one.name for one in wanted]
    if unknown := set(only) - set(names):
        raise ConfigError(f"there is no series «{unknown.pop()}»", hint=f"there are: {', '.join(names)}")
    # without the control a report says nothing
    wanted = [one for one in wanted if not only or one.name in {*only, plan.BURST}]
    progress = Progress(as_json=json)
    with ended_by_signals(), workplace() as folder, lifeline() as line:
        try:
            place = _folder(keep) if keep is not None else folder
            recorder = Recorder(
                folder, place, lifeline=line, tell=lambda part, words: progress.tell(_MEASURING * part, words)
            )
            blocks = recorder.record(wanted)
            found = _Report(wanted, blocks, quick=quick, progress=progress).evidence(recorder)
            if plot is not None:
                draw(plot, _panels(wanted, blocks))
        finally:
            progress.done()
    return print_evidence(found, as_json=json)


class _Report:
    """Judges what was seen."""

    def __init__(
        self, wanted: Sequence[Series], blocks: dict[str, list[Block]], *, quick: bool, progress: Progress
    ) -> None:
        self._wanted = wanted
        self._blocks = blocks
        self._quick = quick
        self._progress = progress
        self._verdicts: dict[Compared, Verdict] = {}

    def evidence(self, recorder: Recorder) -> Evidence:
        """All figures and controls."""
        compared = [(one, name, leg) for one in self._wanted for name in one.scenarios for leg in one.legs]
        for done, (one, name, leg) in enumerate(compared):
            part = _MEASURING + (1 - _MEASURING) * done / len(compared)
            self._progress.tell(part, f"judging {one.name}: {name}, {leg} leg")
            self._verdicts[one, name, leg] = _verdict(one, self._blocks[one.name], name, leg)
        figures = [figure for one in self._wanted for figure in self._figures(one)]
        controls = [control for one in self._wanted for control in self._controls(one)]
        if recorder.written:
            arrived = 1 - recorder.missing / recorder.written
            controls.append(between("written_messages_received", arrived, ARRIVED, 1))
            figures.append(fact("blocks_left_out_as_late", recorder.late, ""))
        return evidence("observe", [*figures, *self._frame()], controls)

    def _figures(self, one: Series) -> list[Figure]:
        if _is_control(one):
            return [
                figure
                for leg in one.legs
                for name in one.scenarios
                for figure in self._beside(one, name, leg)
            ]
        figures = []
        for leg in one.legs:
            for family in (set(one.scenarios) - set(HEAVY), set(one.scenarios) & set(HEAVY)):
                verdicts = {name: self._verdicts[one, name, leg] for name in one.scenarios if name in family}
                corrected = holm({name: verdict.p for name, verdict in verdicts.items()})
                for name, verdict in verdicts.items():
                    prefix = f"{_prefix(one)}{name}_{leg}" if one.tor else f"{one.name}_{name}"
                    figures += self._judged(one, name, prefix, verdict, corrected[name])
                    figures.append(fact(f"{prefix}_ks", self._distance(one, name, leg), ""))
        return figures

    def _judged(self, one: Series, name: str, prefix: str, verdict: Verdict, p: float) -> list[Figure]:
        """AUC, interval and p, with goals where there are any."""
        auc = [fact(f"{prefix}_auc", verdict.auc, ""), fact(f"{prefix}_auc_low", verdict.low, "")]
        high, chance = f"{prefix}_auc_high", f"{prefix}_p"
        if one.changes or one.name.startswith("all_") or (name in HEAVY and not realtime()):
            return [*auc, fact(high, verdict.high, ""), fact(chance, p, "")]
        if self._quick:
            return [*auc, fact(high, verdict.high, ""), at_least(chance, p, "", GOAL_P_QUICK)]
        if one.name not in {plan.MAIN, "heavy"}:  # too few windows for a bound on the AUC
            return [*auc, fact(high, verdict.high, ""), at_least(chance, p, "", GOAL_P)]
        return [*auc, at_most(high, verdict.high, "", GOAL_AUC), at_least(chance, p, "", GOAL_P)]

    def _beside(self, one: Series, name: str, leg: LegName) -> list[Figure]:
        """Of a control, whose AUC stands among the controls: its interval, and the distance of the gaps."""
        verdict, prefix = self._verdicts[one, name, leg], f"{one.name}_{name}_{leg}"
        return [
            fact(f"{prefix}_auc_low", verdict.low, ""),
            fact(f"{prefix}_auc_high", verdict.high, ""),
            fact(f"{prefix}_ks", self._distance(one, name, leg), ""),
        ]

    def _controls(self, one: Series) -> list[Control]:
        if not _is_control(one):
            return []
        least = CONTROL_AUC if one.level == "burst" else IN_LOOP_AUC
        return [
            between(f"{one.name}_{name}_{leg}_auc", self._verdicts[one, name, leg].auc, least, 1)
            for name in one.scenarios
            for leg in one.legs
        ]

    def _distance(self, one: Series, name: str, leg: LegName) -> float:
        idle, other = (
            gaps_out(_windows(self._blocks[one.name], scenario), leg) for scenario in ("idle", name)
        )
        return distance(idle, other)

    def _frame(self) -> list[Figure]:
        """Under which conditions it was measured, and what a contact costs."""
        figures = [
            fact("tick_s", plan.TICK, "s"),
            fact("scale", plan.USUAL_TICK / plan.TICK, ""),
            fact("ticks_per_window", plan.TICKS, ""),
            fact("realtime_priority", float(realtime()), ""),
        ]
        figures += [
            fact(f"windows_per_class_{one.name}", len(self._blocks[one.name]), "") for one in self._wanted
        ]
        for one in self._wanted:
            if one.name in plan.LEVELS:
                figures += self._costs(one)
        return figures

    def _costs(self, one: Series) -> list[Figure]:
        """What an idle contact costs at a level, both ways: as measured within TCP, and as the program says.

        The latter counts the headers of TCP and IP and acknowledgements without content, too.
        """
        idle = _windows(self._blocks[one.name], "idle")
        seen = sum(abs(size) for window in idle for size in window.legs["guard"].size)
        # cells of bursts know no tick, so their time is not scaled
        tick = one.tick if one.level == "burst" else plan.USUAL_TICK
        measured = seen / (len(idle) * one.ticks * tick) * _DAY
        said = 2 * Pace(level=Level[one.level.upper()], tick_ms=round(1000 * plan.USUAL_TICK)).bytes_per_day
        name = f"{_prefix(one)}bytes_per_day_per_contact"
        return [fact(name, measured, "B"), fact(f"{name}_by_constants", said, "B")]


def _verdict(one: Series, blocks: list[Block], scenario: str, leg: LegName) -> Verdict:
    rows = table(_windows(blocks, "idle") + _windows(blocks, scenario), leg, one.settings)
    scores, folds = held_out(rows[: len(blocks)], rows[len(blocks) :], seed=plan.SEED)
    return judge(scores, folds, seed=plan.SEED)


def _is_control(one: Series) -> bool:
    """Whether its scenarios must be told apart."""
    return one.level == "burst" or not one.engines


def _windows(blocks: Sequence[Block], scenario: str) -> list[Window]:
    return [window for block in blocks for window in block if window.scenario == scenario]


def _prefix(one: Series) -> str:
    return "" if one.name in {plan.MAIN, "heavy"} else f"{one.name}_"


def _panels(wanted: Sequence[Series], blocks: dict[str, list[Block]]) -> list[Panel]:
    return [
        (f"{one.name}: {name}", one.settings.span, _windows(blocks[one.name], name)[:_DRAWN])
        for one in wanted
        if one.name in plan.LEVELS
        for name in ("idle", *one.scenarios)
    ]


def _folder(keep: Path) -> Path:
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{keep} cannot be used: {error.strerror}") from None
    return keep.absolute()
