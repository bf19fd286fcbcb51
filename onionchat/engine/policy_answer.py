"""What requests about schedules, presence, budget and windows do.

Laws: what is asked for is stored first, in the record of the one that it is about; then everybody whom it
concerns is told what holds now, and nobody else is touched.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from ..control import replies, requests
from ..errors import ControlError
from ..protocol import commands as do
from ..protocol import events
from ..protocol.constants import MESSAGE_ID
from ..protocol.contact import Contact
from ..protocol.pace import Level, Pace
from ..protocol.record import ContactRecord, IdentityRecord, SettingsRecord, pack
from . import report
from .policy import KILO, Policies, schedule

if TYPE_CHECKING:
    from .engine import Engine

PolicyRequest = requests.PolicyShow | requests.ScheduleSet | requests.BudgetSet | requests.PresenceSet
Holder = ContactRecord | IdentityRecord | SettingsRecord


def answer_policy(
    engine: Engine, request: PolicyRequest, contact: Contact | None, identity: IdentityRecord | None
) -> replies.Policy:
    """Carry out a request about what holds for ``contact``, for ``identity``, or (with neither) for all.

    Raises:
        OnionchatError: it was not carried out.
    """
    if contact is not None and identity is not None:
        raise ControlError(
            "bad-request", "a policy is a contact's or an identity's", hint="give one or the other"
        )
    policies = engine.opened().policies
    record = contact.record if contact is not None else None
    owner = identity.id if identity is not None else None
    holder: Holder = record or identity or policies.settings
    held = holder.pace or policies.pace(record, owner)[0]
    more = len(engine.opened().invitations)
    asked: replies.Schedule | None = None
    match request:
        case requests.PolicyShow():
            asked = _cost(policies, request, held, more)
        case requests.ScheduleSet():
            chosen = None if request.inherit else _chosen(request, held)
            store_changes(engine, holder, pace=chosen, hidden=holder.hidden)
        case requests.PresenceSet(visible=visible):
            store_changes(engine, holder, pace=holder.pace, hidden=not visible)
        case requests.BudgetSet(kilobytes=kilobytes):
            budget = None if kilobytes is None else kilobytes * KILO
            policies.check_budget(budget, more=more)
            store_changes(engine, policies.settings, budget=budget)
    if not isinstance(request, requests.PolicyShow):
        engine.reconsider()
    return msgspec.structs.replace(policies.report(record, owner, more=more), asked=asked)


def answer_window(
    engine: Engine, request: requests.WindowAsk | requests.WindowAnswer, contact: Contact
) -> replies.Contact:
    """Ask for a bulk window, or answer one.

    Raises:
        OnionchatError: it was not carried out.
    """
    terms = contact.talk.terms
    match request:
        case requests.WindowAsk(seconds=seconds):
            if contact.presence != "online":
                raise ControlError(
                    "not-online", "this contact is not on line", hint="a window needs both of you on line"
                )
            if terms.mine is not None:
                raise ControlError(
                    "window-busy", "there is a window with this contact already", hint="wait for its end"
                )
            engine.apply(contact, events.WindowAsked(id=os.urandom(MESSAGE_ID), seconds=seconds))
        case requests.WindowAnswer(agree=agree):
            if terms.theirs is None or terms.theirs.open:
                raise ControlError(
                    "no-window", "this contact has not asked for a window", hint="it may have ended already"
                )
            engine.apply(contact, events.WindowAnswered(agree=agree))
    return report.contact(contact)


def _cost(policies: Policies, request: requests.PolicyShow, held: Pace, more: int) -> replies.Schedule | None:
    """What is asked about, with its cost; None where nothing is."""
    paced = (request.level, request.tick, request.batch) != (None, None, None)
    if request.kilobytes is None:
        return schedule(_chosen(request, held)) if paced else None
    if paced:
        raise ControlError(
            "bad-request",
            "a budget has no level, tick or batch of its own",
            hint="ask about it alone",
        )
    policies.check_budget(request.kilobytes * KILO, more=more)
    return policies.budget(request.kilobytes * KILO).schedule


def _chosen(request: requests.ScheduleSet | requests.PolicyShow, held: Pace) -> Pace:
    return Pace(
        level=held.level if request.level is None else Level[request.level.upper()],
        tick_ms=held.tick_ms if request.tick is None else round(request.tick * KILO),
        batch=held.batch if request.batch is None else request.batch,
    )


def store_changes(engine: Engine, holder: Holder, **changes: object) -> None:
    """Change a record and store it; as it was where that fails."""
    before = {name: getattr(holder, name) for name in changes}
    for name, value in changes.items():
        setattr(holder, name, value)
    match holder:
        case ContactRecord():
            key = do.Key(kind="contact", key=holder.id)
        case IdentityRecord():
            key = do.Key(kind="identity", key=holder.id)
        case SettingsRecord():
            key = do.Key(kind="settings")
    try:
        engine.opened().persist(do.Persist(puts=((key, pack(holder)),)))
    except BaseException:
        for name, value in before.items():
            setattr(holder, name, value)
        raise
