"""What is done to the engine's process before it holds a secret.

Laws: nothing here is optional where the system offers it; what it does not offer is not an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path

PR_SET_DUMPABLE = 4
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
CAP_IPC_LOCK = 14

_OVERWRITE = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
    "LD_BIND_NOW": "1",
}


def overwriting() -> dict[str, str]:
    """Our environment, for a process that is to overwrite whatever it frees, as soon as it frees it.

    glibc does so when asked, also with what libraries in C free; but neither with what Python's own allocator
    keeps for later, nor with what lies in a thread's cache, so both go. And a function of a library that is
    looked up at its first call costs a copy of all registers, with whatever was moved last, on the stack of
    whichever thread calls it: they are looked up at the start. With another libc nothing is asked.
    """
    with contextlib.suppress(ValueError, OSError):
        if (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return {**os.environ, **_OVERWRITE}
    return dict(os.environ)


def harden() -> None:
    """No core dumps, memory closed to other processes of the user, files for the owner alone.

    And as many descriptors as there may be, so that strangers cannot use them up.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def lock_memory() -> bool:
    """Keep this process's memory out of swap, now and later; whether that is so.

    All of it, because Python's objects lie anywhere; a page counts once it is used, so that nothing more is
    resident for it. Where the limit is less than everything it is left to the vault, for the buffers of its
    keys: the passphrase's derivation, which needs much memory for a second, would fail later.
    """
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most))
    if not may_lock_memory():
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)


def may_lock_memory() -> bool:
    """Whether the limit lets a process that is started here lock all that it will ever use."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] == resource.RLIM_INFINITY:
        return True
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "CapEff":
                return bool(int(value, 16) >> CAP_IPC_LOCK & 1)
    return False


def lock_limit(limits: str) -> int | None:
    """How many bytes a process may lock, from what ``/proc/PID/limits`` says; None: no limit."""
    for line in limits.splitlines():
        if line.startswith("Max locked memory"):
            hard = line.split()[4]
            return int(hard) if hard.isdigit() else None
    return None


def core_limit(limits: str) -> int | None:
    """The largest core dump that a process may leave, from what ``/proc/PID/limits`` says; None: no limit."""
    for line in limits.splitlines():
        if line.startswith("Max core file size"):
            soft = line.split()[4]
            return int(soft) if soft.isdigit() else None
    return None


def step_back() -> None:
    """Take the processor only when nobody else wants it: tor's timing must not show what the engine does."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def give_back_memory() -> None:
    """Return what the passphrase's derivation used to the system, so that it does not stay resident."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
