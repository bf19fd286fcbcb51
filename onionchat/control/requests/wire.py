"""What a client may ask about the wire: when cells leave, who sees us on line, bulk windows.

Laws: see the package.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..limits import MAX_BUDGET, MAX_TICK, MIN_BUDGET, MIN_TICK
from .base import Handle, Request

Level = Literal["constant", "poisson", "burst"]
Tick = Annotated[float, msgspec.Meta(ge=MIN_TICK, le=MAX_TICK)]
Batch = Literal[1, 2, 4, 8]
Kilobytes = Annotated[float, msgspec.Meta(ge=MIN_BUDGET, le=MAX_BUDGET)]
WindowSeconds = Literal[16, 32, 64, 128, 256, 512, 1024]


class PolicyShow(Request, frozen=True, kw_only=True, tag="policy-show"):
    """What holds for a contact, an identity, or (with neither) the vault. Reply: `replies.Policy`.

    With ``level``, ``tick`` or ``batch``, or with ``kilobytes``, it says too what those would cost, were they
    set there as by `ScheduleSet` or `BudgetSet`. Nothing is changed.
    """

    contact: Handle | None = None
    identity: Handle | None = None
    level: Level | None = None
    tick: Tick | None = None
    batch: Batch | None = None
    kilobytes: Kilobytes | None = None


class ScheduleSet(Request, frozen=True, kw_only=True, tag="schedule-set"):
    """When cells leave, for a contact, an identity, or (with neither) the vault. Reply: `replies.Policy`.

    What is not given stays as it is in effect; with ``inherit`` what was set there is dropped, and what
    the next wider one says holds again. Links that are up change over once the peer knows.
    """

    contact: Handle | None = None
    identity: Handle | None = None
    level: Level | None = None
    tick: Tick | None = None
    batch: Batch | None = None
    inherit: bool = False


class BudgetSet(Request, frozen=True, kw_only=True, tag="budget-set"):
    """Share ``kilobytes`` (1,000 bytes) of cells per second among all contacts. Reply: `replies.Policy`.

    All links then go round in a fixed rotation, whatever else was set. With null each has its own tick again.
    """

    kilobytes: Kilobytes | None = None


class PresenceSet(Request, frozen=True, kw_only=True, tag="presence-set"):
    """Appear offline to a contact, as an identity, or (with neither) to all. Reply: `replies.Policy`.

    Links end at once and the pair addresses go; ``visible`` brings them back, but for what is hidden
    elsewhere: a contact is reached only where contact, identity and vault are all visible.
    """

    visible: bool
    contact: Handle | None = None
    identity: Handle | None = None


class WindowAsk(Request, frozen=True, kw_only=True, tag="window-ask"):
    """Ask a contact for a bulk window of so many seconds. Reply: `replies.Contact`.

    20 cells a second leave from us once the contact's user agreed, to its end whatever there is to send.
    """

    contact: Handle
    seconds: WindowSeconds


class WindowAnswer(Request, frozen=True, kw_only=True, tag="window-answer"):
    """Agree to the bulk window that a contact asked for, or decline it. Reply: `replies.Contact`."""

    contact: Handle
    agree: bool
