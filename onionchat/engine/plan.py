"""How an engine is to run: decided on the command line, handed on as data without secrets."""

from __future__ import annotations

from typing import Literal

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an engine needs to know before it starts. Paths are absolute."""

    vault: str
    """The vault's folder; for an amnesic engine a fresh folder in memory that dies with it."""
    amnesic: bool = False
    create: bool = False
    """Make the vault with the passphrase that is passed, if there is none yet."""
    credential: str = ""
    """A file with the passphrase, kept for us by the system (systemd's credentials); read at every start."""
    tick: float = 2.0
    """Seconds between two cells on a link."""
    tor: Literal["managed", "system"] = "managed"
    tor_program: str = ""
    """A managed tor's program; empty: found on PATH."""
    torrc: str = ""
    """A file whose lines are appended to a managed tor's configuration (bridges, a private network)."""
    control: str = ""
    """A system tor's control port (``host:port``) or control socket (a path)."""
    socks: str = ""
    """``host:port`` to dial through instead of the SOCKS listener that tor names."""
    step_back: bool = True
    """The engine takes the processor only when nobody else wants it. This and the two that follow keep what
    the user does out of the cells' timing; only the lab switches them off, to see what each is worth."""
    delays: bool = True
    """The metronome delays each batch by chance."""
    realtime: bool = True
    """Metronome and tor take real-time priority where that is allowed."""
