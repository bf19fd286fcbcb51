"""The stack below us, where the primitives leave pieces of keys and texts when they return.

Laws: only what lies below the caller is touched, so it can be called anywhere and changes nothing that is in
use. The call itself takes about a kilobyte, which it cannot wipe: it is for an outermost loop to call, from
where whatever used a secret ran deeper.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Final

DEPTH: Final = 64 * 1024
"""Bytes: several times what the deepest of the primitives and the interpreter between it and us use."""


_stackzero: Final = ctypes.PyDLL(import_module("nacl._sodium").__file__).sodium_stackzero
"""libsodium's, as PyNaCl has it; its own binding leaves this one function out."""
_stackzero.argtypes = (ctypes.c_size_t,)
_stackzero.restype = None


def wipe_stack() -> None:
    """Fill the unused stack below the caller with zeros; it takes a few microseconds."""
    _stackzero(DEPTH)
