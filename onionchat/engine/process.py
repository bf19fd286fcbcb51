"""What is done to the engine's process before it holds a secret.

Laws: nothing here is optional where the system offers it; what it does not offer is not an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource

PR_SET_DUMPABLE = 4

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


def step_back() -> None:
    """Take the processor only when nobody else wants it: tor's timing must not show what the engine does."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def give_back_memory() -> None:
    """Return what the passphrase's derivation used to the system, so that it does not stay resident."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
