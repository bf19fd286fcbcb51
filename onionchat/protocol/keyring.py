"""The pre-shared keys for the next handshake with a contact. docs/protocol.md, «Link handshake».

Laws: a key that both sides hold is never dropped before a newer one is proven to be held by both; each key
belongs to the session that the handshake which made it carried, so that a link never begins on two sessions.
"""

from __future__ import annotations

from typing import Final

from .record import ContactRecord, Psk

MAX_PSKS: Final = 6
"""More handshakes than that are not unconfirmed at once."""


def remember(record: ContactRecord, fresh: Psk, used: Psk) -> None:
    """A handshake with ``used`` is done and has made ``fresh``: hold both.

    The peer has proven just now that it holds ``used``, so where there are too many, that one stays beside
    the newest.
    """
    newest = _newest_first([fresh, *(psk for psk in record.psks if psk != used)])
    record.psks = _newest_first([*newest[: MAX_PSKS - 1], used])


def confirm(record: ContactRecord, generation: int) -> None:
    """A cell came on a link that was made with a key of ``generation``: the peer holds what that link made.

    Keys of two handshakes at once are of one generation, and each side may learn of another one first: both
    stay.
    """
    record.psks = [psk for psk in record.psks if psk.generation > generation]


def to_dial_with(record: ContactRecord, turn: int) -> Psk:
    """The key for a dial: the present session's newest, and after ``turn`` refusals another one."""
    choices = sorted(record.psks, key=lambda psk: psk.session != record.session)
    return choices[turn % len(choices)]


def _newest_first(psks: list[Psk]) -> list[Psk]:
    return sorted(psks, key=lambda psk: -psk.generation)
