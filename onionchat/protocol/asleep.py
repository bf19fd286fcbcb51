"""What is left in the vault until it is needed.

Laws: knowing when the first of it is due reads nothing; what is loaded is loaded once, and from then on is
the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asleep(Generic[T]):
    """What reads the rest, which may raise a `StoreError`, and when the first of it is due."""

    load: Callable[[], T]
    due: float | None
    """Seconds since 1970; None for never."""
