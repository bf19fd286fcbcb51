"""Makes the windows of a report: starts what a series needs, when it needs it, and goes on where it stopped.

Laws: one private network for all; engines are shared by series that run under the same conditions, and end
before others begin. Where a link was lost for good, both engines are started anew, a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import ControlError, TransportError
from .inloop import sample_inloop
from .load import Load
from .network import PrivateNetwork
from .network import Progress as Tell
from .realtime import stand_elsewhere
from .sampling import sample
from .series import Series
from .stage import Level, Stage, stage
from .trace import Block, Keep

_ATTEMPTS: Final = 3
_SETUP_SECONDS: Final = 45.0


@dataclass(slots=True, kw_only=True)
class _Scene:
    """Engines that run, and the conditions that they run under by now."""

    stage: Stage
    load: Load
    changes: tuple[tuple[str, bool], ...]
    tick: float
    level: Level = "constant"
    tor: bool = True

    def fits(self, series: Series) -> bool:
        """Whether the series can be made here."""
        same = self.changes == series.changes and self.tick == series.tick
        return same and (self.tor or not series.tor)


class Recorder:
    """Gives the blocks of each series, made now or earlier.

    Args:
        folder: for what runs.
        keep: for what was seen.
        lifeline: see `Station`.
        tell: told of the progress, from 0 to 1.
    """

    def __init__(self, folder: Path, keep: Path, *, lifeline: int, tell: Tell) -> None:
        self._folder = folder
        self._keep = keep
        self._lifeline = lifeline
        self._tell = tell
        self._network: PrivateNetwork | None = None
        self._scene: _Scene | None = None
        self._scenes = 0
        self._outer = ExitStack()
        self._inner = ExitStack()
        self._left = self._all = 0.0
        self.written = 0
        """Messages that were written in the watched TUI."""
        self.missing = 0
        """Of these, how many were never received."""
        self.late = 0
        """Blocks that were left out because the machine was too busy."""

    def record(self, wanted: Sequence[Series]) -> dict[str, list[Block]]:
        """Make what is not there yet.

        Raises:
            OnionchatError: what it needs could not be started, or does not stay up.
        """
        kept = {one.name: Keep(self._keep / f"{one.name}.jsonl", one.settings) for one in wanted}
        ahead = [one for one in wanted if len(kept[one.name].blocks) < one.blocks]
        parts = {one.name: 1 - len(kept[one.name].blocks) / one.blocks for one in ahead}
        self._left = self._all = _SETUP_SECONDS + sum(parts[one.name] * one.seconds for one in ahead)
        with self._outer, self._inner:
            for one in ahead:
                after = self._left - parts[one.name] * one.seconds
                self._make(one, kept[one.name], after)
                self._left = after
        return {name: keep.blocks[: _blocks(wanted, name)] for name, keep in kept.items()}

    def _make(self, one: Series, keep: Keep, after: float) -> None:
        def tell(done: int) -> None:
            self._left = after + (1 - done / one.blocks) * one.seconds
            self._say(f"{one.name}: block {done + 1} of {one.blocks}")

        if not one.engines:
            self._leave_scene()
            sample_inloop(self._folder / "inloop", keep, one.settings, blocks=one.blocks, tell=tell)
            return
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._sample(one, keep, tell)
                break
            except (TransportError, ControlError):
                self._leave_scene()
                if attempt == _ATTEMPTS:
                    raise

    def _sample(self, one: Series, keep: Keep, tell: Callable[[int], None]) -> None:
        scene = self._scene
        if scene is None or not scene.fits(one):
            self._leave_scene()
            scene = self._scene = self._start(one)
        if one.level != scene.level:
            scene.stage.choose(one.level)
            scene.level = one.level
        if scene.tor and not one.tor:
            scene.stage.leave_tor()
            scene.tor = False
        done = sample(
            scene.stage,
            keep,
            one.settings,
            blocks=one.blocks,
            present=one.present,
            load=scene.load,
            tell=tell,
        )
        self.written += done.written
        self.missing += done.missing
        self.late += done.late

    def _start(self, one: Series) -> _Scene:
        if self._network is None:
            self._network = self._outer.enter_context(PrivateNetwork(self._folder / "net"))
            self._network.start(lambda _part, words: self._say(words))
            for pid in self._network.pids:
                stand_elsewhere(pid)
        self._scenes += 1
        changes = dict(one.changes)
        ready = stage(
            self._folder / f"stage{self._scenes}",
            self._network,
            lifeline=self._lifeline,
            tell=lambda _part, words: self._say(words),
            tick=one.tick,
            changes=changes,
        )
        on = self._inner.enter_context(ready)
        load = self._inner.enter_context(Load(steps_back=changes.get("step_back", True)))
        return _Scene(stage=on, load=load, changes=one.changes, tick=one.tick)

    def _leave_scene(self) -> None:
        self._inner.close()
        self._scene = None

    def _say(self, words: str) -> None:
        minutes = max(0.0, self._left) / 60
        self._tell(1 - self._left / self._all, f"{words}, {minutes:.0f} min left")


def _blocks(wanted: Sequence[Series], name: str) -> int:
    return next(one.blocks for one in wanted if one.name == name)
