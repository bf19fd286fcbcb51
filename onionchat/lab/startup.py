"""Suite ``start``: how long one waits before anything is there, and what an engine takes of the memory.

``help_s``: `onionchat --help` as a process, from its start to its end, in the median.

``tui_first_frame_s``: the TUI in a pseudo-terminal with an engine already running, from the start of the
process to the first output that shows the main screen, in the median. The main screen is known by the name
of a contact: it is there only after the engine was asked and the list was drawn.

``engine_rss_mb``: what of the engine's process is in memory (VmRSS, 10^6 bytes), with ten contacts and a
vault whose passphrase was stretched at full cost and the memory for it given back. The contacts come from ten
invites that the engine accepts while its tor is told to stay off the network: their records, keys and
listeners are real, their ratchets are not there yet (a few kilobytes each).

The control holds the engine for a second while the TUI starts: what is taken for the main screen must come
that much later.

Laws: whole processes are measured, as a user would start them.
"""

from __future__ import annotations

import os
import pty
import re
import secrets
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from ..control.replies import Contact, Identity
from ..control.requests import IdentityCreate, InviteAccept
from ..crypto.keys import KeyPair
from ..crypto.onion import OnionKey
from ..errors import ControlError
from ..protocol.invite import Invite
from .evidence import Evidence, at_most, between, evidence, fact
from .network import Progress
from .station import Station

CONTACTS: Final = 10
OFFLINE: Final = "DisableNetwork 1\n"
SETTLE_SECONDS: Final = 3.0
"""Until an engine that was busy is at rest."""
FRAME_SECONDS: Final = 30.0
HELD_SECONDS: Final = 1.0
_ROWS: Final = 40
_COLUMNS: Final = 120
_SEQUENCE: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])")


def measure(folder: Path, *, lifeline: int, tell: Progress, quick: bool) -> Evidence:
    """Measure all of it.

    Raises:
        ControlError: the engine did not start, or the TUI showed nothing.
    """
    tell(0.0, "starting an engine")
    repeats = 5 if quick else 11
    with _engine(folder / "start", lifeline) as station:
        last = _befriend(station)
        tell(0.2, "letting it come to rest")
        time.sleep(SETTLE_SECONDS)
        rss = _rss(station.pid)
        tell(0.4, "opening the TUI")
        frames = [_first_frame(station, last) for _ in range(repeats + 1)][1:]
        station.hold(HELD_SECONDS)
        held = _first_frame(station, last)
        tell(0.8, "asking for help")
        helps = [_help() for _ in range(repeats + 1)][1:]  # the first one fills caches
    tell(1.0, "done")
    figures = [
        at_most("help_s", median(helps), "s", 0.15),
        at_most("tui_first_frame_s", median(frames), "s", 0.7),
        at_most("engine_rss_mb", rss, "MB", 90),
        fact("contacts", CONTACTS, ""),
        fact("repeats", repeats, ""),
    ]
    return evidence("start", figures, [between("first_frame_s_engine_held_1s", held, HELD_SECONDS, 10.0)])


@contextmanager
def _engine(folder: Path, lifeline: int) -> Iterator[Station]:
    station = Station(folder, torrc=OFFLINE, lifeline=lifeline)
    try:
        station.start()
        station.until_open()
        yield station
    finally:
        station.end()
        station.wait()


def _befriend(station: Station) -> str:
    """Accept ten invites of people who do not exist; returns the last one's name."""
    identity = station.ask(IdentityCreate(name="Sam"), Identity).identity
    name = ""
    for number in range(CONTACTS):
        invite = Invite(
            onion=OnionKey.generate(secrets.token_bytes).public,
            static=KeyPair.generate(secrets.token_bytes).public,
            secret=secrets.token_bytes(16),
        )
        name = f"Contact{number + 1}"
        station.ask(InviteAccept(identity=identity, code=invite.encode(), name=name), Contact)
    return name


def _rss(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 10**6


def _command() -> list[str]:
    """``onionchat`` as it was installed beside this interpreter."""
    script = Path(sys.executable).with_name("onionchat")
    return [str(script)] if script.exists() else [sys.executable, "-m", "onionchat"]


def _help() -> float:
    begun = time.monotonic()
    subprocess.run([*_command(), "--help"], stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - our own
    return time.monotonic() - begun


def _first_frame(station: Station, word: str) -> float:
    """Seconds from the start of the TUI until ``word`` is on its screen."""
    ours, theirs = pty.openpty()
    try:
        termios.tcsetwinsize(theirs, (_ROWS, _COLUMNS))
        size = {"LINES": str(_ROWS), "COLUMNS": str(_COLUMNS)}  # the reader's own would be believed first
        begun = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*_command(), "--vault", str(station.folder)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **size},
        )
    finally:
        os.close(theirs)
    try:
        _read_until(ours, word.encode(), begun + FRAME_SECONDS)
        return time.monotonic() - begun
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_until(terminal: int, word: bytes, deadline: float) -> None:
    """Read what a program draws until ``word`` is among it.

    Raises:
        ControlError: the program ended, or it was not in time.
    """
    drawn = b""
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                drawn += os.read(terminal, 1 << 16)
            except OSError:  # EIO: nobody holds the terminal's other end
                raise ControlError("tui-ended", "the TUI ended before it showed its main screen") from None
            if word in _SEQUENCE.sub(b"", drawn):
                return
    raise ControlError("tui-silent", f"the TUI did not show its main screen within {FRAME_SECONDS:.0f} s")
