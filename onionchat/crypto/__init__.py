"""The primitives and what is built of them; the only package that touches nacl and cryptography.

Laws: nothing here reads a clock, a file or a socket, and randomness comes in as an argument. This file
imports no module of the package: the metronome pays for ``link`` and ``stack`` and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

RandomSource = Callable[[int], bytes]
"""Gives that many bytes nobody can guess; ``os.urandom`` at the edge, a seeded generator in a test."""
