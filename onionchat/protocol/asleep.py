"""What is left in the vault until it is needed, and the gist of it that is enough until then.

Laws: asking for the gist reads nothing; what is loaded is loaded once, and from then on is the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .record import GistRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asleep(Generic[T]):
    """A gist, and what reads the rest; that may raise a `StoreError`."""

    gist: GistRecord
    load: Callable[[], T]
