"""Passphrases and recovery words: made by chance, typed back, and judged.

Laws: what is chosen by chance is chosen evenly, from a list that is part of the program; nothing here is
kept, shown or sent. A judgement is an estimate of what the best guesser needs, not a promise.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from ..errors import ConfigError

RandomSource = Callable[[int], bytes]

PASSPHRASE_WORDS: Final = 6
RECOVERY_WORDS: Final = 12
BITS_PER_WORD: Final = 11
_LEAST: Final = 4
"""Letters that tell one word of the list from every other."""

WEAK: Final = "weak"
_TRIES_A_SECOND: Final = 10_000
"""What `Strength.words` assumes of a guesser: as many machines, each with the memory for one try a second."""
_JUDGED: Final = 72
"""Characters that are looked at: more take long, and cannot make a passphrase weaker."""
_LEVELS: Final = ((30.0, "very weak"), (40.0, WEAK), (52.0, "fair"), (math.inf, "strong"))
_SPANS: Final = ((60.0, "second"), (60.0, "minute"), (24.0, "hour"), (365.0, "day"), (1000.0, "year"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How well a passphrase stands against guessing: ``bits`` is the logarithm of the guesses it takes."""

    bits: float

    @property
    def level(self) -> str:
        """«very weak», «weak», «fair» or «strong»."""
        return next(level for bound, level in _LEVELS if self.bits < bound)

    @property
    def is_weak(self) -> bool:
        """Whether it is to be warned of."""
        return self.level.endswith(WEAK)

    @property
    def words(self) -> str:
        """A line for people."""
        return f"{self.level}: 10,000 computers that guess would need {_span(self.bits)}"


def new_passphrase(random: RandomSource) -> str:
    """Six words, 66 bits."""
    bits = int.from_bytes(random(9)) >> (9 * 8 - PASSPHRASE_WORDS * BITS_PER_WORD)
    return _spelt(bits, PASSPHRASE_WORDS)


def new_recovery_words(random: RandomSource) -> str:
    """Twelve words: 128 bits and 4 that tell a slip of the pen (BIP-39)."""
    entropy = random(16)
    return _spelt(int.from_bytes(entropy) << 4 | _check(entropy), RECOVERY_WORDS)


def recovery_words(typed: str) -> str:
    """``typed``, in the one form in which it opens a vault; four letters of each word are enough.

    Raises:
        ConfigError: no recovery words: which word is wrong, as its place among them, or that one is another.
    """
    given = typed.lower().split()
    if len(given) != RECOVERY_WORDS:
        raise ConfigError(f"recovery words are {RECOVERY_WORDS}, not {len(given)}")
    numbers = []
    for place, word in enumerate(given, 1):
        number = _by_beginning().get(word[:_LEAST])
        if number is None or not _list()[number].startswith(word):
            raise ConfigError(f"word {place} is not one of the list", hint="check how it is spelt")
        numbers.append(number)
    bits = 0
    for number in numbers:
        bits = bits << BITS_PER_WORD | number
    if _check((bits >> 4).to_bytes(16)) != bits & 0xF:
        raise ConfigError("one of the words is another, or two have changed places", hint="check each")
    return _spelt(bits, RECOVERY_WORDS)


def strength(passphrase: str) -> Strength:
    """What guessing ``passphrase`` takes, for somebody who knows how people choose.

    Words that `new_passphrase` would have made count as chosen by chance.
    """
    spelt = passphrase.split(" ")
    if len(spelt) >= PASSPHRASE_WORDS and len(set(spelt)) > PASSPHRASE_WORDS // 2:
        known = _list()
        if all(word in known for word in spelt):
            return Strength(bits=float(BITS_PER_WORD * len(spelt)))
    if not passphrase:
        return Strength(bits=0.0)
    from zxcvbn import zxcvbn  # noqa: PLC0415 -- its lists of common passwords take a moment to load

    guesses = float(zxcvbn(passphrase[:_JUDGED])["guesses_log10"])
    return Strength(bits=guesses * math.log2(10))


def _span(bits: float) -> str:
    """The time for half of the guesses, in words."""
    time = 2.0 ** (min(bits, 200.0) - 1) / _TRIES_A_SECOND
    if time < 1:
        return "less than a second"
    for step, unit in _SPANS:
        if time < step:
            whole = round(time)
            return f"about {whole} {unit}{'' if whole == 1 else 's'}"
        time /= step
    return "thousands of years" if time < 1000 else "longer than anybody can wait"


def _spelt(bits: int, count: int) -> str:
    places: Sequence[int] = range((count - 1) * BITS_PER_WORD, -1, -BITS_PER_WORD)
    return " ".join(_list()[bits >> place & 2**BITS_PER_WORD - 1] for place in places)


def _check(entropy: bytes) -> int:
    return hashlib.sha256(entropy).digest()[0] >> 4


@cache
def _list() -> tuple[str, ...]:
    lines = files(__package__).joinpath("words.txt").read_text("ascii").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


@cache
def _by_beginning() -> dict[str, int]:
    return {word[:_LEAST]: number for number, word in enumerate(_list())}
