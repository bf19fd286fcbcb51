"""Buffers that hold secrets and must not get into swap.

Laws: a buffer is kept before a secret is in it; a system that refuses is no error, for `doctor` says so. What
was kept once stays in memory when the buffer is gone: a neighbour on the same page of memory may need it.
"""

from __future__ import annotations

import ctypes
from functools import cache


def resident(size: int) -> bytearray:
    """A buffer of ``size`` zeros that stays in memory, as far as the limit of locked memory allows."""
    buffer = bytearray(size)
    if size:
        view = (ctypes.c_char * size).from_buffer(buffer)
        _libc().mlock(ctypes.c_void_p(ctypes.addressof(view)), ctypes.c_size_t(size))
    return buffer


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
