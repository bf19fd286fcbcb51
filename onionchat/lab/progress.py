"""What is going on, told while people wait: a bar in a terminal, lines elsewhere, or JSON lines.

Laws: on stderr only, so that results stay alone on stdout.
"""

from __future__ import annotations

import json
import sys
from typing import Final, TextIO

_WIDTH: Final = 24
_WORDS: Final = 48


class Progress:
    """Tells how far something is, in percent and in words.

    Args:
        as_json: one object per line, for programs.
        stream: where to; stderr where it is not given.
    """

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self._as_json = as_json
        self._stream = stream or sys.stderr
        self._last = (-1, "")

    def tell(self, part: float, words: str) -> None:
        """``part`` (0 to 1) is done, and this is going on. It never goes back."""
        percent = max(int(100 * min(part, 1.0)), self._last[0])
        if (percent, words) == self._last:
            return
        before, self._last = self._last, (percent, words)
        if self._as_json:
            line = json.dumps({"percent": percent, "words": words}, ensure_ascii=False) + "\n"
        elif self._stream.isatty():
            bar = ("━" * (percent * _WIDTH // 100)).ljust(_WIDTH, "╌")
            line = f"\r{bar} {percent:3} %  {words[:_WORDS]:{_WORDS}}"
        elif words == before[1]:
            return
        else:
            line = f"{percent:3} %  {words}\n"
        self._stream.write(line)
        self._stream.flush()

    def done(self) -> None:
        """Nothing more is told: take the bar away."""
        if not self._as_json and self._stream.isatty():
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
