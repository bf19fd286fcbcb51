"""Times and durations as people write and read them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from ..control.replies import Lifetime

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
_WRITTEN: Final = re.compile(r"([0-9]{1,7})([smhdw])")


def read_lifetime(written: str) -> Lifetime:
    """A message's lifetime: seconds as `lifetime_seconds` reads them, or ``once``, or ``off``.

    Raises:
        click.BadParameter: it is none of these.
    """
    if written == "once":
        return "once"
    return "off" if written == "off" else lifetime_seconds(written)


def lifetime_seconds(written: str) -> int:
    """Seconds of a message's lifetime such as ``30s``, ``5m``, ``2h``, ``1d``, ``1w``.

    Raises:
        click.BadParameter: it is not written like that, or longer or shorter than a lifetime may be.
    """
    from ..control.limits import MAX_LIFETIME, MIN_LIFETIME

    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise click.BadParameter(f"«{written}» is not a duration such as 30s, 5m, 2h, 1d or 1w")
    seconds = int(match[1]) * UNITS[match[2]]
    if not MIN_LIFETIME <= seconds <= MAX_LIFETIME:
        raise click.BadParameter(
            f"«{written}» is not between {in_words(MIN_LIFETIME)} and {in_words(MAX_LIFETIME)}"
        )
    return seconds


def in_words(seconds: float) -> str:
    """The duration in its largest fitting unit, rounded down: ``59 s``, ``2 h``, ``3 d``."""
    whole = max(0, int(seconds))
    for unit in ("w", "d", "h", "m"):
        size = UNITS[unit]
        if whole >= 2 * size or whole == size:
            return f"{whole // size} {'min' if unit == 'm' else unit}"
    return f"{whole} s"


def lives(lifetime: Lifetime) -> str:
    """A lifetime in a few words: ``live 2 h``, ``go when read and closed``, ``stay``."""
    if lifetime == "once":
        return "go when read and closed"
    return "stay until deleted" if lifetime == "off" else f"live {in_words(lifetime)}"


def moment(seconds: float, now: float) -> str:
    """A time on the local clock, with its date where that is not today."""
    then = time.localtime(seconds)
    today = then[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)
