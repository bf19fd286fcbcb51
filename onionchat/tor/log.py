"""What tor's log says, for people.

Laws: only lines that end or block a start are explained; everything else is nobody's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_CLOCK_HINT: Final = "set the clock and the time zone right, Tor needs both"

_EXPLANATIONS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (
        re.compile(r"Could not bind to (\S+): Address already in use"),
        lambda m: f"another program already uses {m[1]}, which tor was told to listen on",
    ),
    (
        re.compile(r"Could not bind to (\S+): (.+?)\.?$"),
        lambda m: f"tor may not listen on {m[1]} ({m[2].lower()})",
    ),
    (
        re.compile(r"another Tor process is running with the same data directory"),
        lambda m: "another tor is already running on this data directory",
    ),
    (
        re.compile(r"Unknown option '([^']*)'"),
        lambda m: f"tor does not know the setting {m[1]} in its settings file",
    ),
    (
        re.compile(r"No space left on device"),
        lambda m: "the disk is full, tor cannot keep its state",
    ),
    (
        re.compile(r"Failed to parse/validate config: (?!Failed to bind one)(.+?)\.?$"),
        lambda m: f"tor does not accept its settings: {m[1]}",
    ),
    (
        re.compile(r"(\S+) is not owned by this user|Permissions on directory (\S+) are too permissive"),
        lambda m: f"the folder {m[1] or m[2]} must belong to this user and be closed to all others",
    ),
    (
        re.compile(r"[Oo]ur clock is (?:(behind|ahead) by (.+?), or that|([^.]+?) (behind|ahead))"),
        lambda m: f"this computer's clock is {m[2] or m[3]} {m[1] or m[4]}: {_CLOCK_HINT}",
    ),
)
_FATAL: Final = re.compile(r"\[err\] (.+?)\.?$")
_WITHOUT_REASON: Final = ("see warnings above", "Dying")


def explain_log(line: str) -> str:
    """Turn a line of tor's log into one plain sentence, or into ``""`` where it is unremarkable."""
    text = line.strip()
    if "[warn]" not in text and "[err]" not in text:
        return ""
    for pattern, words in _EXPLANATIONS:
        if match := pattern.search(text):
            return words(match)
    fatal = _FATAL.search(text)
    if fatal is None or any(part in fatal[1] for part in _WITHOUT_REASON):
        return ""
    return f"tor stopped: {fatal[1]}"
