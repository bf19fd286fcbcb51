"""How states, times and spans are said. The same words everywhere, and never colour alone.

Laws: pure; times are seconds since 1970, spans are seconds. Nothing here knows Textual.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Final

from ..control.limits import USUAL_MEMORY
from ..control.replies import Backup, Contact, Lifetime, Message, Policy, Schedule, TorState, VaultWays
from ..control.text import plain

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

SHORTEST: Final = 5
LONGEST: Final = 4 * WEEK
"""Bounds of a lifetime, as the engine has them (`control.requests.people.Seconds`)."""

SHORT_WAIT: Final = 0.1
"""Seconds that nobody notices."""

LIFETIMES: Final[tuple[Lifetime, ...]] = ("once", 30, 5 * MINUTE, HOUR, 8 * HOUR, DAY, WEEK, 4 * WEEK)
"""The choices that are offered; others can be typed."""

_UNITS: Final = ((WEEK, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))
_SUFFIXES: Final = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_TYPED: Final = re.compile(r"\s*(\d{1,7})\s*([smhdw])\s*", re.IGNORECASE | re.ASCII)
_STATES: Final = {
    "queued": "○ queued",
    "sent": "→ sent",
    "delivered": "✓ delivered",
    "received": "• new",
    "read": "",
}


def backup(made: Backup) -> str:
    """What became of a backup."""
    left = f"; not in it: {', '.join(map(name, made.left_out))}" if made.left_out else ""
    cheap = f"; each guess at its passphrase takes {made.memory} MiB, less than the usual {USUAL_MEMORY}"
    return (
        f"the backup was written, with {made.contacts} contact{'' if made.contacts == 1 else 's'}{left}"
        f"{cheap if made.memory < USUAL_MEMORY else ''}"
    )


def ways(found: VaultWays) -> str:
    """What unlocks the vault; of a second passphrase never whether there is one."""
    needed = ["the passphrase"] + ["the key file"] * found.key_file
    needed += ["the security key"] * bool(found.credential)
    beside = ", ".join(needed[:-1])
    words = "There are recovery words" if found.recovery else "There are no recovery words"
    return (
        f"Unlocking takes {beside + ' and ' if beside else ''}{needed[-1]}. Each guess at the passphrase "
        f"takes {found.memory} MiB of memory. {words}. Whether a second passphrase burns the "
        "vault is not shown."
    )


def receiving(links: int) -> str:
    """That a locked vault still receives."""
    people = "1 contact" if links == 1 else f"{links} contacts"
    return f"Locked, and still receiving from {people}: what comes is sealed, and read after unlocking."


def name(text: str) -> str:
    """A name as it may be shown; never empty."""
    return plain(text, multiline=False) or "(no name)"


def line(text: str) -> str:
    """Words of another program (tor, the engine) as one safe line."""
    return " ".join(plain(text).split())


def sentence(text: str) -> str:
    """An error's line as a sentence of its own."""
    words = line(text)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def clock(moment: float, now: float) -> str:
    """Local time of day, with the date in front when it is another day."""
    then, today = datetime.fromtimestamp(moment), datetime.fromtimestamp(now)
    day = "" if then.date() == today.date() else f"{then.day} {then:%b} "
    return f"{day}{then:%H:%M}"


def since(moment: float, now: float) -> str:
    """When something began: the time of day, or the day if it was another one."""
    then, today = datetime.fromtimestamp(moment), datetime.fromtimestamp(now)
    return f"since {then:%H:%M}" if then.date() == today.date() else f"since {then.day} {then:%b}"


def span(seconds: int) -> str:
    """A lifetime in the largest unit that says it exactly: ``8 hours``."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"


def lifetime(lives: Lifetime) -> str:
    """A lifetime: ``8 hours``, or words where it is no span."""
    if lives == "once":
        return "gone when read and closed"
    return "kept until deleted" if lives == "off" else span(lives)


def lives(chosen: Lifetime) -> str:
    """What messages do: ``live 8 hours``."""
    if chosen == "once":
        return "go when read and closed"
    return "stay until deleted" if chosen == "off" else f"live {span(chosen)}"


def keeping(contact: Contact) -> str:
    """How long and where messages of a conversation live."""
    where = ", all in memory only" if contact.keep == "memory" else ""
    return f"your messages {lives(contact.lifetime)}{where}"


def short_span(seconds: float) -> str:
    """A span at a glance, never longer than it is: ``6 d 2 h``, ``2 h 5 min``, ``12 min``, ``45 s``."""
    whole = max(0, math.ceil(seconds))
    if whole >= DAY:
        return _pair(whole, DAY, "d", HOUR, "h")
    if whole >= HOUR:
        return _pair(whole, HOUR, "h", MINUTE, "min")
    return f"{whole // MINUTE} min" if whole >= 2 * MINUTE else f"{whole} s"


def parse_span(text: str) -> int:
    """Seconds that somebody typed as ``90s``, ``10m``, ``2h``, ``3d`` or ``1w``.

    Raises:
        ValueError: a line that says what is accepted.
    """
    match = _TYPED.fullmatch(text)
    if match is None:
        raise ValueError("type a number and a unit, such as 90s, 10m, 2h, 3d or 1w")
    seconds = int(match[1]) * _SUFFIXES[match[2].lower()]
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError(f"messages can live from {span(SHORTEST)} to {span(LONGEST)}")
    return seconds


def parse_lifetime(text: str) -> Lifetime:
    """What somebody typed for a lifetime: a span as in `parse_span`, «once», or «off».

    Raises:
        ValueError: a line that says what is accepted.
    """
    word = text.strip().lower()
    if word == "once":
        return "once"
    return "off" if word == "off" else parse_span(text)


def time_left(message: Message, now: float) -> str:
    """The countdown of a message, or when its clock starts. Empty for our own lines."""
    if message.system:
        return ""
    if message.lifetime == "off":
        return "kept"
    if message.lifetime == "once":
        return "once" if message.expires is None else "gone when closed"
    if message.expires is None:
        start = "delivery" if message.mine else "reading"
        return f"{short_span(message.lifetime)} from {start}"
    return f"{short_span(message.expires - now)} left"


def state(message: Message) -> str:
    """A mark and a word for where a message is."""
    return "✓✓ read" if message.mine and message.state == "read" else _STATES[message.state]


def presence(contact: Contact, now: float) -> str:
    """A mark and words for whether a contact can be reached."""
    if contact.presence == "online":
        return "● online" + ("" if contact.online_since is None else f" {since(contact.online_since, now)}")
    if contact.presence == "connecting":
        return "◐ connecting"
    if contact.problem:
        return "! could not meet"
    return "○ offline" if contact.introduced else "○ not met yet"


def schedule(one: Schedule) -> str:
    """When cells leave: ``a cell every 2 s``."""
    if not one.covered:
        return "when you send, NO protection"
    cells = "a cell" if one.batch == 1 else f"{one.batch} cells"
    return f"{cells} every {one.tick:g} s" + (" in the mean, at random" if one.level == "poisson" else "")


def cost(one: Schedule) -> str:
    """What a schedule costs: ``waits 3 s, 98 MB a day``."""
    wait = "at once" if one.delay < SHORT_WAIT else f"waits {one.delay:.2g} s"
    return f"{wait}, {one.megabytes:.0f} MB a day"


def with_cost(one: Schedule) -> str:
    """When cells leave and what that costs: ``a cell every 2 s: waits 3 s, 98 MB a day``."""
    return f"{schedule(one)}: {cost(one)}"


def source(policy: Policy) -> str:
    """What holds for a contact, and where it comes from."""
    if not policy.visible:
        return {
            "contact": "you appear offline to this contact",
            "identity": "you appear offline as this identity",
            "vault": "you appear offline to everybody",
        }[policy.hidden_by or "vault"]
    origin = {
        "contact": "chosen for this contact",
        "identity": "chosen for this identity",
        "vault": "chosen for all",
        "engine": "the default",
        "budget": f"shared from {policy.budget or 0:g} kB/s for all",
    }[policy.source]
    return f"{schedule(policy.schedule)} ({origin})"


def window(contact: Contact) -> str:
    """The bulk windows, or nothing."""
    ours, theirs, other = contact.window, contact.their_window, name(contact.name)
    said = [
        {
            "none": "",
            "asked": f"{other} asks to send much at once for {theirs.seconds} s: ctrl+l to answer",
            "open": f"{other} sends much at once",
        }[theirs.state],
        {
            "none": "",
            "asked": f"asked {other} for a window of {ours.seconds} s",
            "open": "sending much at once",
        }[ours.state],
    ]
    return ", ".join(filter(None, said))


def tor(state: TorState) -> str:
    """Tor's progress in words and percent."""
    if state.problem:
        return f"Tor: {line(state.problem)}"
    if state.ready:
        return "Tor is ready"
    return f"Tor {state.percent} %: {line(state.words)}"


def reachability(services: int, reachable: int, moment: float | None, now: float) -> str:
    """Whether others can reach us, in words."""
    if services == 0:
        return "no address yet"
    if reachable >= services:
        return "reachable" if moment is None else f"reachable {since(moment, now)}"
    if services == 1:
        return "not reachable yet"
    return f"{reachable} of {services} addresses reachable"


def _pair(whole: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    rest = whole % large // small
    return f"{whole // large} {large_unit}" + (f" {rest} {small_unit}" if rest else "")
