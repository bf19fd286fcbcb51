"""What an observer makes of a window: numbers that a classifier can work with.

Counts and bytes in each direction; gaps between arrivals (moments, quantiles, their autocorrelation); bursts;
how bytes add up over the window; and where within the tick things arrived, because an observer who watches
for a while knows a link's slots.

Laws: from times and sizes alone; a window is never looked at together with what was done in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from .stage import LegName
from .trace import Seen, Settings, Window

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

_QUANTILES: Final = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
_BURST_GAP: Final = 0.002
"""Seconds: what follows closer belongs to the same burst."""
_BINS_PER_TICK: Final = 2
_LAGS: Final = (1, 2, 3, 4)
_WAYS: Final = (1, -1)


def table(windows: Sequence[Window], leg: LegName, settings: Settings) -> Numbers:
    """One row of features for each window."""
    origins = _origins(windows, leg, settings.tick)
    rows = []
    for window in windows:
        at, size = _arrays(window.legs[leg])
        row: list[float] = []
        for way in _WAYS:
            mine = np.sign(size) == way
            row += _one_way(at[mine], np.abs(size[mine]), settings)
            row += _phases(at[mine] + window.begin - origins[window.life, way], settings.tick)
        row += _gaps(at)
        rows.append(row)
    return np.nan_to_num(np.array(rows, dtype=np.float64))


def gaps_out(windows: Sequence[Window], leg: LegName) -> Numbers:
    """All gaps, in seconds, between what went out, within windows."""
    found = []
    for window in windows:
        at, size = _arrays(window.legs[leg])
        found.append(np.diff(at[size > 0]))
    return np.concatenate(found) if found else np.zeros(0)


def _arrays(seen: Seen) -> tuple[Numbers, Numbers]:
    return np.array(seen.at, dtype=np.float64), np.array(seen.size, dtype=np.float64)


def _one_way(at: Numbers, size: Numbers, settings: Settings) -> list[float]:
    """Counts, sizes, gaps, bursts, rhythm and growth in one direction."""
    row = [float(len(at)), float(size.sum()), size.sum() / settings.span]
    row += [float(size.mean()), float(size.std()), float(size.max())] if len(size) else [0.0] * 3
    row += _gaps(at)
    starts = np.flatnonzero(np.diff(at, prepend=-1.0) > _BURST_GAP)
    lengths = np.diff(np.append(starts, len(at)))
    bytes_of = np.add.reduceat(size, starts) if len(starts) else np.zeros(1)
    row += [float(len(starts)), float(lengths.mean()) if len(lengths) else 0.0]
    row += [float(lengths.max(initial=0)), float(bytes_of.max()), float(bytes_of.std())]
    bins = settings.ticks * _BINS_PER_TICK
    counted, _ = np.histogram(at, bins=bins, range=(0.0, settings.span), weights=size)
    row += [_correlation(counted, lag) for lag in _LAGS]
    row += (np.cumsum(counted)[:: _BINS_PER_TICK * 2] / 1000).tolist()
    return row


def _gaps(at: Numbers) -> list[float]:
    """Moments, quantiles and autocorrelation of gaps, in milliseconds."""
    gaps = 1000 * np.diff(at)
    if not len(gaps):
        return [0.0] * (4 + len(_QUANTILES) + len(_LAGS))
    centred = gaps - gaps.mean()
    spread = float(gaps.std())
    skew = float((centred**3).mean() / spread**3) if spread else 0.0
    kurtosis = float((centred**4).mean() / spread**4) if spread else 0.0
    row = [float(gaps.mean()), spread, skew, kurtosis]
    row += np.quantile(gaps, _QUANTILES).tolist()
    return row + [_correlation(gaps, lag) for lag in _LAGS]


def _phases(moments: Numbers, tick: float) -> list[float]:
    """Where within the tick things arrived, in milliseconds from its middle."""
    if not len(moments):
        return [0.0] * (2 + len(_QUANTILES))
    phases = 1000 * ((moments + tick / 2) % tick - tick / 2)
    return [float(phases.mean()), float(phases.std()), *np.quantile(phases, _QUANTILES).tolist()]


def _correlation(values: Numbers, lag: int) -> float:
    if len(values) <= lag + 1:
        return 0.0
    first, second = values[:-lag], values[lag:]
    if first.std() < 1e-12 or second.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _origins(windows: Sequence[Window], leg: LegName, tick: float) -> dict[tuple[int, int], float]:
    """For each life of a link and each way the middle, on the circle of one tick, of all that arrived."""
    turns: dict[tuple[int, int], complex] = defaultdict(complex)
    for window in windows:
        at, size = _arrays(window.legs[leg])
        for way in _WAYS:
            moments = at[np.sign(size) == way] + window.begin
            turns[window.life, way] += complex(np.exp(2j * np.pi * moments / tick).sum())
    return {key: float(np.angle(turn)) / (2 * np.pi) * tick for key, turn in turns.items()}
