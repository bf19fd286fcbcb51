"""What the program itself says in a conversation. docs/protocol.md, «Backups».

Laws: text for people and the choice between texts, nothing else; a line says what happened, and what to do
where nobody knows of a reason.
"""

from __future__ import annotations

from typing import Final

SESSION_RENEWED: Final = (
    "The keys of this conversation were made anew, because one side had lost them. "
    "If you did not expect that, check with your contact on another channel."
)
RESTORED_HERE: Final = (
    "This contact was restored from a backup: the keys of this conversation were made anew, "
    "and your contact was told."
)
RESTORED_THERE: Final = (
    "The keys of this conversation were made anew with the key that backups hold: your contact was restored "
    "from a backup, or one of you uses an older copy of a vault. If neither of you knows of that, somebody "
    "else has such a copy: check on another channel."
)
COPY_HERE: Final = (
    "You and your contact had no key in common any more but the one that backups hold, and made new ones: "
    "another copy of this identity was in use (a restored backup, or a newer copy of this vault), or your "
    "contact uses an older copy of theirs. Use one copy alone. If neither of you knows of one, somebody else "
    "has it: check on another channel, and meet anew."
)
COPY_THERE: Final = (
    "Two copies of your contact are in use at once: one came with the key that backups hold while the other "
    "was on line, and the keys of this conversation were made anew with it. Ask on another channel which of "
    "them is your contact; what you write goes to the one that came last."
)


def of_reset(*, recovered: bool, restored: bool, copied: bool, beside: bool) -> str:
    """The line for a session that was begun anew.

    Args:
        recovered: the recovery psk was used, or one that a handshake with it left before its session began.
        restored: we come from a backup, and this is our first session since.
        copied: we used the recovery psk itself, and the peer held a session all the same, so one with
            somebody who has our keys (or with us, at a time before what it has forgotten).
        beside: another link, made with keys of the session before, was active.
    """
    if restored:
        return RESTORED_HERE
    if not recovered:
        return SESSION_RENEWED
    if copied:
        return COPY_HERE
    return COPY_THERE if beside else RESTORED_THERE
