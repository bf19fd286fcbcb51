"""How long messages live and where, as users say it, and what the vault allows of it.

Laws: outside the engine a lifetime is seconds or a word, inside always a number; nobody is given a life
without end unless the vault's user allowed that before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ..control import replies, requests
from ..errors import ControlError
from ..protocol import events
from ..protocol.constants import OFF, ONCE
from ..protocol.contact import Contact
from .doctor import Machine
from .doctor_disk import disk_findings
from .policy_answer import store_changes

if TYPE_CHECKING:
    from .engine import Engine

TIMER_WORDS: Final = (
    "Messages vanish after their lifetime: yours when it has passed since delivery, theirs when it has "
    "passed since you read them, and all of them four weeks after that time at the latest, read or not. What "
    "is gone cannot be read again from this vault, not even with your passphrase; but old copies of the "
    "disk, and some disks by themselves, keep it: onionchat doctor tells. And your contact can copy or "
    "photograph what they read, and a changed program can keep it: lifetimes do not bind your contact."
)


def meant(engine: Engine, lifetime: requests.Lifetime) -> int:
    """The number for a lifetime that was asked for.

    Raises:
        ControlError: ``off-not-allowed``.
    """
    if lifetime == "once":
        return ONCE
    if lifetime != "off":
        return lifetime
    if not engine.opened().policies.settings.off_allowed:
        raise ControlError(
            "off-not-allowed",
            "in this vault no message lives without end",
            hint="allow it first, if you want that: onionchat lifetime --allow-off",
        )
    return OFF


def keep(engine: Engine, contact: Contact, where: Literal["vault", "memory"]) -> None:
    """Have a conversation's messages live there from now on, also those that there are.

    Raises:
        ControlError: ``disposable``: nothing of such an identity reaches the disk.
    """
    if where == "vault" and engine.opened().identities[contact.record.identity].disposable:
        raise ControlError(
            "disposable",
            "nothing of a disposable identity is kept on the disk",
            hint="meet this contact with another identity",
        )
    engine.apply(contact, events.KeepingChosen(memory=where == "memory"))


def allow_off(engine: Engine, *, allowed: bool) -> replies.Done:
    """Let messages live without end from now on, or not.

    Raises:
        ControlError: ``still-off``: a conversation is set to it.
    """
    endless = [one for one in engine.opened().contacts.values() if one.record.lifetime == OFF]
    if not allowed and endless:
        raise ControlError(
            "still-off",
            f"messages with «{endless[0].record.name}» are set to live without end",
            hint="set another lifetime there first",
        )
    store_changes(engine, engine.opened().policies.settings, off_allowed=allowed)
    return replies.Done()


def timer_told(engine: Engine, *, read: bool) -> replies.TimerPromise:
    """What lifetimes promise, and what of this machine breaks it; ``read``: somebody knows it now."""
    settings = engine.opened().policies.settings
    if read and not settings.timer_told:
        store_changes(engine, settings, timer_told=True)
    if settings.timer_told:
        return replies.TimerPromise(first=False, words=TIMER_WORDS)
    harm = [one for one in disk_findings(Machine(), Path(engine.plan.vault)) if one.verdict == "bad"]
    words = [TIMER_WORDS, *(f"Here they do: {one.text}. What to do: {one.hint}." for one in harm)]
    return replies.TimerPromise(first=True, words=" ".join(words))
