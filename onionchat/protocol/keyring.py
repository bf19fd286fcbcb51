"""The pre-shared keys for the next handshake with a contact. docs/protocol.md, «Link handshake».

Laws: a key that both sides hold is never dropped before a newer one is proven to be held by both; each key
belongs to the session that the handshake which made it carried, so that a link never begins on two sessions.
The recovery psk is no link of that chain: it is always held, and a session is never resumed with it.
"""

from __future__ import annotations

from typing import Final

from .record import RECOVERY, ContactRecord, Psk

MAX_PSKS: Final = 6
"""More handshakes than that are not unconfirmed at once."""

REFUSALS_TO_RECOVER: Final = 2 * MAX_PSKS
"""In a row, before the recovery psk is tried: each of the others was refused twice by then."""


def invited(record: ContactRecord) -> Psk:
    """The invite's key, with which a first contact is made."""
    return Psk(generation=0, key=record.invite_psk, session=b"")


def to_answer_with(record: ContactRecord, *, at_invite: bool) -> tuple[Psk, ...]:
    """Every key that opens message 1 at the pair address, or at the invite's service."""
    if at_invite:
        return (invited(record), *record.psks)
    return (*record.psks, _recovery(record)) if record.recovery_psk else tuple(record.psks)


def remember(record: ContactRecord, fresh: Psk, used: Psk) -> None:
    """A handshake with ``used`` is done and has made ``fresh``: hold both.

    The peer has proven just now that it holds ``used``, so where there are too many, that one stays beside
    the newest.
    """
    newest = _newest_first([fresh, *(psk for psk in record.psks if psk != used)])
    if used.session == RECOVERY:
        record.psks = newest[:MAX_PSKS]
    else:
        record.psks = _newest_first([*newest[: MAX_PSKS - 1], used])


def confirm(record: ContactRecord, generation: int) -> None:
    """A cell came on a link that was made with a key of ``generation``: the peer holds what that link made.

    Keys of two handshakes at once are of one generation, and each side may learn of another one first: both
    stay.
    """
    record.psks = [psk for psk in record.psks if psk.generation > generation]


def restores(record: ContactRecord, used: Psk) -> bool:
    """Whether a session that begins with ``used`` was made with the recovery psk, if not at once.

    Who hangs up before that session begins, and comes back with what the handshake left, used no other key.
    """
    return used.session == RECOVERY or (used.restores and used.session != record.session)


def to_dial_with(record: ContactRecord, turn: int) -> Psk:
    """The key for a dial: the present session's newest, and after ``turn`` refusals another one.

    The recovery psk is for who was restored from a backup, and for who was refused with all others: an
    older copy of a vault holds only what the peer has dropped. It is not for who knows the peer by an invite.
    """
    refused = turn % (REFUSALS_TO_RECOVER + 1) == REFUSALS_TO_RECOVER
    if record.recovery_psk and record.introduced and (record.restored or refused):
        return _recovery(record)
    choices = sorted(record.psks, key=lambda psk: psk.session != record.session)
    return choices[turn % len(choices)]


def _recovery(record: ContactRecord) -> Psk:
    """Its generation is that of the newest held: a link made with it takes the place of all of those."""
    newest = max((psk.generation for psk in record.psks), default=0)
    return Psk(generation=newest, key=record.recovery_psk, session=RECOVERY)


def _newest_first(psks: list[Psk]) -> list[Psk]:
    return sorted(psks, key=lambda psk: -psk.generation)
