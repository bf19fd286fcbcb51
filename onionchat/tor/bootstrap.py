"""How far tor is on its way into the network, in words for people.

Laws: pure text in, data out (control-spec sections 4.1.10 and 5.5): nothing here talks to tor. A problem says
what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FIELD: Final = re.compile(r'(\w+)=("(?:\\.|[^"\\])*"|\S*)')

_PERCENT: Final = re.compile(r"[0-9]{1,3}")

_CONNECTING: Final = "connecting to the Tor network"
_LOADING: Final = "loading the directory of the Tor network"
_ENTERING: Final = "connecting to an entry relay"
_WORDS: Final[dict[str, str]] = {
    "starting": "starting tor",
    "conn_pt": "connecting through a bridge",
    "conn_done_pt": "connecting through a bridge",
    "conn_proxy": "connecting through a proxy",
    "conn_done_proxy": "connecting through a proxy",
    "requesting_status": _LOADING,
    "loading_status": _LOADING,
    "loading_keys": _LOADING,
    "requesting_descriptors": _LOADING,
    "loading_descriptors": _LOADING,
    "enough_dirinfo": _ENTERING,
    "circuit_create": "building circuits",
    "done": "connected to the Tor network",
}

_NETWORK_HINT: Final = "check the network connection; where Tor is blocked, use a bridge (--torrc)"
_REASONS: Final[dict[str, str]] = {
    "CONNECTREFUSED": f"the relay refused the connection: {_NETWORK_HINT}",
    "NOROUTE": f"there is no way to the relay: {_NETWORK_HINT}",
    "TIMEOUT": f"the relay does not answer: {_NETWORK_HINT}",
    "IOERROR": f"the connection to the relay broke: {_NETWORK_HINT}",
    "RESOURCELIMIT": "tor may not open more connections: raise the limit of open files",
    "IDENTITY": "the relay is not who it should be: something between here and Tor is in the way",
    "PT_MISSING": "the program for this kind of bridge is missing: install it or use another bridge",
}

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """How far tor is: 0 to 100 percent, what it is doing, and what is wrong (empty: nothing known)."""

    percent: int
    words: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ControllerClosed:
    """The control connection has ended: tor is gone or let go of us."""


def parse_bootstrap(text: str) -> Bootstrap | None:
    """Read a bootstrap phase, as ``GETINFO status/bootstrap-phase`` or a STATUS_CLIENT event carries it."""
    fields = _fields(text)
    percent = fields.get("PROGRESS", "")
    if "BOOTSTRAP" not in text.split() or not _PERCENT.fullmatch(percent):
        return None
    tag = fields.get("TAG", "")
    words = _WORDS.get(tag) or (_ENTERING if tag.startswith("ap_") else _CONNECTING)
    return Bootstrap(percent=min(int(percent), 100), words=words, problem=_problem(fields))


def parse_clock(text: str) -> str | None:
    """Read a CLOCK_SKEW event into a sentence; None for every other event."""
    if "CLOCK_SKEW" not in text.split():
        return None
    return clock_problem(_fields(text).get("SKEW", ""))


def clock_problem(skew: str) -> str:
    """Say how far the clock is off. ``skew`` is seconds, positive where this computer is ahead."""
    fix = "set the clock and the time zone right"
    try:
        seconds = int(skew)
    except ValueError:
        return f"this computer's clock is off: {fix}"
    size = abs(seconds)
    unit, name = next(
        (unit, name)
        for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second"))
        if size >= unit or unit == 1
    )
    count = round(size / unit)
    amount = f"{count} {name}{'' if count == 1 else 's'}"
    return f"this computer's clock is about {amount} {'ahead' if seconds > 0 else 'behind'}: {fix}"


def _problem(fields: dict[str, str]) -> str:
    warning, reason = fields.get("WARNING", ""), fields.get("REASON", "")
    if reason == "CLOCK_SKEW":
        skew = re.search(r"[-+]?\d+", warning)
        return clock_problem(skew[0] if skew else "")
    # tor itself says of some failures that they are not worth telling
    if not warning or fields.get("RECOMMENDATION", "warn") == "ignore":
        return ""
    return _REASONS.get(reason, f"no connection yet: {_NETWORK_HINT}")


def _fields(text: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in _FIELD.findall(text)}
