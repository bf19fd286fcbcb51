"""What of this machine helps or harms those who must leave nothing behind: looked at, not changed.

Laws: everything here reads, offline and as the user; a look that cannot be taken is a warning, never a
failure; each finding says in plain words what is so and what to do about it. Nothing of a vault is opened.
"""

from __future__ import annotations

import ctypes
import os
import resource
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from ..control.replies import StatusReport
from ..errors import OnionchatError
from ..tor import find_tor
from .process import core_limit, lock_limit, may_lock_memory, overwriting

Verdict = Literal["ok", "warn", "bad"]

OLD_TOR_DAYS: Final = 365
RTPRIO: Final = 10
SOME_MEMORY: Final = 64 * 1024
"""Bytes that are worth a word: with fewer not even the keys of a small vault can be kept out of swap."""
_TIME_ERROR: Final = 5
"""What adjtimex(2) returns where nothing keeps the clock right."""
_TIMEX_BYTES: Final = 512
"""More than the structure has on any machine."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    text: str
    """What is so, one line."""
    hint: str = ""
    """What to do, one line; empty where nothing is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where Linux tells about itself."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")

    def read(self, path: Path) -> str:
        """What a file says; empty where it cannot be read."""
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def status(self, pid: int) -> dict[str, str]:
        """A process's own page."""
        lines = self.read(self.proc / str(pid) / "status").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def process_findings(machine: Machine, engine: StatusReport | None) -> list[Finding]:
    """How the engine, or else one that would be started here, is protected against being read."""
    return [_core(machine, engine), _memory(machine, engine), _freed(), _umask(machine, engine)]


def _core(machine: Machine, engine: StatusReport | None) -> Finding:
    name = "core dumps"
    if engine is None:
        return Finding(name=name, verdict="ok", text="switched off by every onionchat process at its start")
    page = machine.proc / str(engine.pid)
    if core_limit(machine.read(page / "limits")) != 0:
        text = "the engine's memory may be written to disk when it crashes"
    elif (closed := _closed(page)) is False:
        text = "other programs of yours can read the engine's memory"
    else:
        text = "off for the engine" + (", and its memory is closed to others" if closed else "")
        return Finding(name=name, verdict="ok", text=text)
    return Finding(
        name=name, verdict="bad", text=text, hint="restart the engine with this version: onionchat stop"
    )


def _closed(page: Path) -> bool | None:
    """Whether a process's memory is closed to others: its pages are root's then. Root itself cannot tell."""
    try:
        owner = (page / "environ").stat().st_uid
    except OSError:
        return None
    return None if os.geteuid() == 0 else owner == 0


def _memory(machine: Machine, engine: StatusReport | None) -> Finding:
    name = "locked memory"
    if engine is not None:
        locked, used = (_kilobytes(machine, engine.pid, line) for line in ("VmLck", "VmRSS"))
        whole, page = locked >= used > 0, str(engine.pid)
    else:
        whole, page = may_lock_memory(), "self"
    if whole:
        whose = "the engine's memory is" if engine is not None else "the memory of an engine here would be"
        return Finding(name=name, verdict="ok", text=f"{whose} kept out of swap, all of it")
    limit = lock_limit(machine.read(machine.proc / page / "limits")) or 0
    if limit >= SOME_MEMORY:
        text = (
            f"of the engine's memory only the vault's own keys are kept out of swap, up to {limit >> 10} KiB"
        )
    else:
        text = "the limit does not let the engine keep any of its memory out of swap"
    return Finding(
        name=name,
        verdict="warn",
        text=text,
        hint="raise it: «memlock unlimited» in /etc/security/limits.conf, LimitMEMLOCK=infinity for systemd",
    )


def _freed() -> Finding:
    name = "freed memory"
    if "GLIBC_TUNABLES" in overwriting():
        return Finding(name=name, verdict="ok", text="what the engine frees is overwritten")
    return Finding(
        name=name,
        verdict="warn",
        text="nothing overwrites what the engine frees: this system's C library is not glibc",
        hint="what was said may stay in memory until the engine ends; use a system with glibc",
    )


def _kilobytes(machine: Machine, pid: int, line: str) -> int:
    said = machine.status(pid).get(line, "").split()
    return int(said[0]) if said and said[0].isdigit() else 0


def _umask(machine: Machine, engine: StatusReport | None) -> Finding:
    name = "new files"
    umask = None if engine is None else machine.status(engine.pid).get("Umask", "0077")
    if umask in {None, "0077"}:
        return Finding(name=name, verdict="ok", text="are for you alone (umask 077)")
    return Finding(
        name=name,
        verdict="bad",
        text=f"the engine makes files with umask {umask}",
        hint="restart it: onionchat stop",
    )


def folder_finding(vault: Path) -> Finding:
    """Who can look into the vault's folder."""
    name = "vault folder"
    try:
        if not vault.exists():
            return Finding(name=name, verdict="ok", text="there is none yet; it will be for you alone")
        places = [vault, *(path for path in vault.rglob("*") if not path.is_symlink())]
        found = [(path, path.stat()) for path in places]
    except OSError:
        return Finding(
            name=name,
            verdict="bad",
            text=f"{vault} cannot be looked at",
            hint=f"see who owns it: ls -la {vault}",
        )
    for path, about in found:
        if about.st_uid != os.getuid():
            return Finding(
                name=name,
                verdict="bad",
                text=f"{path} belongs to somebody else",
                hint="use a folder of your own",
            )
        if about.st_mode & 0o077 and not stat.S_ISSOCK(about.st_mode):
            return Finding(
                name=name,
                verdict="bad",
                text=f"others can look into {path}",
                hint=f"chmod -R go= {vault}",
            )
    return Finding(name=name, verdict="ok", text=f"{vault} is for you alone")


def tor_finding(engine: StatusReport | None, *, now: float) -> Finding:
    """Which tor there is, and how old its file is."""
    name = "tor"
    if engine is not None and engine.tor.mode == "system":
        version = engine.tor.version or "of an unknown version"
        return Finding(
            name=name,
            verdict="ok" if engine.tor.version else "warn",
            text=f"the system's, {version}",
            hint="" if engine.tor.version else "see whether it runs: onionchat status",
        )
    try:
        program = find_tor()
        days = (now - program.path.resolve().stat().st_mtime) / 86400
    except (OnionchatError, OSError) as error:
        hint = error.hint if isinstance(error, OnionchatError) else "install tor"
        return Finding(name=name, verdict="bad", text=str(error), hint=hint)
    text = f"{program.version}, a file from {time.strftime('%B %Y', time.gmtime(now - days * 86400))}"
    if days > OLD_TOR_DAYS:
        return Finding(name=name, verdict="warn", text=text, hint="see whether your system has a newer one")
    return Finding(name=name, verdict="ok", text=text)


def priority_finding(engine: StatusReport | None) -> Finding:
    """Whether load on this machine can show in the moments at which cells leave."""
    name = "real-time priority"
    if engine is not None:
        has = engine.metronome_realtime and (engine.tor_realtime or engine.tor.mode == "system")
    else:
        most = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
        has = os.geteuid() == 0 or most == resource.RLIM_INFINITY or most >= RTPRIO
    if has:
        return Finding(name=name, verdict="ok", text="what sends has it, where tor is our own so has tor")
    return Finding(
        name=name,
        verdict="warn",
        text="what sends has none: heavy load may show in the timing on the wire",
        hint="allow it: «rtprio 10» in /etc/security/limits.conf, LimitRTPRIO=10 for systemd",
    )


def clock_finding(engine: StatusReport | None) -> Finding:
    """Whether something keeps the clock right; tor needs that, and lifetimes run by it."""
    name = "clock"
    if engine is not None and engine.clock_behind:
        return Finding(
            name=name,
            verdict="bad",
            text=f"{engine.clock_behind:.0f} s behind the latest time that the vault has seen",
            hint="set it right; messages live no longer for it",
        )
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state in {_TIME_ERROR, -1}:
        return Finding(
            name=name,
            verdict="warn",
            text="nothing is known to keep it right",
            hint="compare it with another; where wanted: timedatectl set-ntp true",
        )
    return Finding(name=name, verdict="ok", text="kept right by the system")
