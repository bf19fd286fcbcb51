"""What every object that holds a secret has in common.

Laws: a secret is never printed, logged, pickled or copied by accident; comparing two such objects asks only
whether they are the same object, so that no comparison takes a time that depends on a secret.
"""

from __future__ import annotations

from typing import NoReturn, SupportsIndex


class Secret:
    """Base of the classes that hold secrets: a redacted ``repr``, no pickling, no ``copy``."""

    __slots__ = ()

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (redacted)>"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Rich asks for this before ``repr``, and a ``msgspec.Struct`` would answer with its fields."""
        return []

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and cannot be pickled")
