"""What a fuzz target is: a decoder, the errors that it may raise, and what must hold for what it takes.

Laws: a target imports no fuzzer, so that a corpus is replayed by plain tests; it draws its keys from seeded
sources, so that an input does the same each time. An exception that is not among those that the decoder's
documentation names leaves `Run` and is a finding; so is a `Finding`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from onionchat.errors import OnionchatError

T = TypeVar("T")

Run = Callable[[bytes], str]
"""Decodes one input; gives a short word for what came of it, of which there are few: it guides the fuzzer
where the decoder is not Python."""

Mutate = Callable[[bytes, Random], bytes | None]
"""A changed input that keeps its structure; None where it has none."""

PARSER_GOAL: Final = 3_000_000
HANDSHAKE_GOAL: Final = 70_000
"""Of each message; every execution makes the handshake up to it, 210,000 in all."""


_QUOTED: Final = re.compile(r"«.*»|'.*'|`(?!\$)[^`]*`|[0-9.]{2,}[-a-z0-9]*", re.DOTALL)
"""What an error repeats of its input; it would make an outcome of every input."""


class Finding(AssertionError):
    """A decoder did what it must not do."""


class Refused(Exception):
    """A decoder refused its input as documented; the argument is the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One decoder, or several that see the same bytes.

    Attributes:
        name: of the target, its corpus and its results.
        make: prepares keys and the like once, and gives the function that takes inputs.
        seeds: where the fuzzer begins.
        longest: bytes of the longest input that it tries.
        mutate: a mutator that knows the structure; used for every second input.
        goal: executions that are enough.
        near: neighbours of each input that are tried beside it.
    """

    name: str
    make: Callable[[], Run]
    seeds: Callable[[], Sequence[bytes]]
    longest: int
    mutate: Mutate | None = None
    goal: int = PARSER_GOAL
    near: int = 15


def attempt(work: Callable[[], T], *documented: type[Exception]) -> T:
    """What ``work`` gives.

    Raises:
        Refused: it raised one of the documented errors, and nothing of a subclass that has its own meaning.
    """
    try:
        return work()
    except documented as error:
        said = error.message if isinstance(error, OnionchatError) else str(error)
        raise Refused(f"{type(error).__name__}: {_QUOTED.sub('…', said)[:80]}") from None


def require(holds: bool, law: str) -> None:
    """Raise a `Finding` where the law does not hold."""
    if not holds:
        raise Finding(law)


def head(data: bytes) -> int:
    """The first byte, by which many targets choose what to do with the rest; 0 where there is none."""
    return data[0] if data else 0


def guarded(run: Run) -> Run:
    """``run``, with a `Refused` as its outcome."""

    def guard(data: bytes) -> str:
        try:
            return run(data)
        except Refused as refused:
            return f"refused {refused}"

    return guard
