"""A picture of what was seen: one window of each kind, side by side, as a PNG.

Laws: it shows windows as they were cut out; nothing is smoothed or chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..errors import ConfigError
from .trace import Window

Panel: TypeAlias = tuple[str, float, Sequence[Window]]
"""A title, how many seconds a window has, and windows of one kind."""


def draw(file: Path, panels: Sequence[Panel]) -> None:
    """Draw the guard leg of windows.

    Args:
        file: the PNG.
        panels: all windows that one has are drawn below each other.

    Raises:
        ConfigError: it cannot be written.
    """
    columns = 2
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(11, 1.7 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, (title, span, windows) in zip(grid.flat, panels, strict=False):
        for line, window in enumerate(windows):
            seen = window.legs["guard"]
            out = [at for at, size in zip(seen.at, seen.size, strict=True) if size > 0]
            back = [at for at, size in zip(seen.at, seen.size, strict=True) if size < 0]
            axes.vlines(out, line + 0.05, line + 0.45, color="#7d4698", linewidth=1.2)
            axes.vlines(back, line - 0.45, line - 0.05, color="#68b030", linewidth=0.8)
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlim(0, span)  # windows of levels have their own lengths
        axes.tick_params(axis="x", labelsize=7)
        axes.set_yticks([])
        axes.set_ylim(-0.6, len(windows) - 0.4)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("seconds in the window (violet: away, green: back)", fontsize=8)
    try:
        figure.savefig(file, dpi=110, format="png")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from None
