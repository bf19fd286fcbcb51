"""``onionchat policy``, ``presence``, ``window``: when cells leave, who sees us, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .names import find_contact, find_identity
from .session import Session, ask, json_option, pass_session
from .table import aligned

if TYPE_CHECKING:
    from ..client.blocking import Client
    from ..control.replies import Contact, Policy, Schedule
    from ..control.requests import AnyRequest, Level

_SOURCES = {
    "contact": "set for this contact",
    "identity": "set for the identity",
    "vault": "set for the vault",
    "engine": "nothing was set: the engine's default",
    "budget": "from the budget for all links",
}
_HIDERS = {"contact": "to this contact", "identity": "as this identity", "vault": "to everybody"}
_NO_COVER = "no protection against timing: whoever watches sees when something is sent"

_identity_option = click.option("--identity", metavar="NAME", help="For an identity instead of a contact.")


@click.command()
@click.argument("contact", required=False)
@_identity_option
@click.option("--level", type=click.Choice(["constant", "poisson", "burst"]), help="What decides.")
@click.option("--tick", type=float, metavar="SECONDS", help="Mean time between two batches (0.25 to 30).")
@click.option("--batch", type=click.Choice(["1", "2", "4", "8"]), help="Cells that leave together.")
@click.option("--inherit", is_flag=True, help="Drop what was set here.")
@click.option("--budget", type=float, metavar="KBPS", help="One rate for all links, in kB/s; 0 for none.")
@click.option("--cost", is_flag=True, help="Change nothing: only show what the other options would cost.")
@json_option
@pass_session
def policy(
    session: Session,
    *,
    contact: str | None,
    identity: str | None,
    level: Level | None,
    tick: float | None,
    batch: str | None,
    inherit: bool,
    budget: float | None,
    cost: bool,
) -> None:
    """See or set when cells leave, and what it costs.

    For CONTACT, for an identity, or for the whole vault. Without other options nothing is changed.
    """
    from ..control.replies import Policy
    from ..control.requests import BudgetSet, PolicyShow, ScheduleSet

    given = level is not None or tick is not None or batch is not None
    if inherit and given:
        raise click.UsageError("--inherit drops what was set: give it alone")
    if budget is not None and (contact or identity or given or inherit):
        raise click.UsageError("--budget is one for all links: give it alone")
    with session.connect() as client:
        whom, whose = _place(client, contact, identity)
        shown = PolicyShow(
            contact=whom,
            identity=whose,
            level=level,
            tick=_within(tick),
            batch=None if batch is None else int(batch),  # type: ignore[arg-type]  # click has checked the choices
            kilobytes=None if budget is None else _budget(budget),
        )
        request: AnyRequest = shown
        if budget is not None and not cost:
            request = BudgetSet(kilobytes=shown.kilobytes)
        elif (given or inherit) and not cost:
            request = ScheduleSet(
                contact=whom,
                identity=whose,
                level=level,
                tick=shown.tick,
                batch=shown.batch,
                inherit=inherit,
            )
        found = ask(client, request, Policy)
    session.print(found, lambda: _look(found))


@click.command()
@click.argument("state", type=click.Choice(["visible", "hidden"]))
@click.argument("contact", required=False)
@_identity_option
@json_option
@pass_session
def presence(session: Session, state: str, contact: str | None, identity: str | None) -> None:
    """Appear offline (hidden), or be seen again (visible).

    To CONTACT, as an identity, or to everybody. Links end at once; what is queued waits.
    """
    from ..control.replies import Policy
    from ..control.requests import PresenceSet

    with session.connect() as client:
        whom, whose = _place(client, contact, identity)
        request = PresenceSet(visible=state == "visible", contact=whom, identity=whose)
        found = ask(client, request, Policy)
    session.print(found, lambda: _seen(found))


@click.group(no_args_is_help=False)
def window() -> None:
    """Bulk windows: for what is too much for the slots."""


@window.command("ask")
@click.argument("contact")
@click.argument("seconds", type=click.Choice(["16", "32", "64", "128", "256", "512", "1024"]))
@json_option
@pass_session
def ask_for(session: Session, contact: str, seconds: str) -> None:
    """Ask CONTACT for a window of SECONDS.

    It begins when they agree, and sends 20 cells a second to its end, whatever there is to send.
    """
    from ..control.replies import Contact
    from ..control.requests import WindowAsk

    with session.connect() as client:
        known = find_contact(client, contact)
        request = WindowAsk(contact=known.contact, seconds=int(seconds))  # type: ignore[arg-type]  # click has checked the choices
        asked = ask(client, request, Contact)
    session.print(asked, lambda: _window(asked))


def _answer(session: Session, contact: str, *, agree: bool) -> None:
    from ..control.replies import Contact
    from ..control.requests import WindowAnswer

    with session.connect() as client:
        known = find_contact(client, contact)
        answered = ask(client, WindowAnswer(contact=known.contact, agree=agree), Contact)
    session.print(answered, lambda: _window(answered))


@window.command("agree")
@click.argument("contact")
@json_option
@pass_session
def agree(session: Session, contact: str) -> None:
    """Let the window begin that CONTACT asked for."""
    _answer(session, contact, agree=True)


@window.command("decline")
@click.argument("contact")
@json_option
@pass_session
def decline(session: Session, contact: str) -> None:
    """Decline the window that CONTACT asked for."""
    _answer(session, contact, agree=False)


def _place(client: Client, contact: str | None, identity: str | None) -> tuple[str | None, str | None]:
    """The handles of the contact or the identity that is meant; neither means the vault."""
    if contact and identity:
        raise click.UsageError("give a contact or an identity, not both")
    if contact:
        return find_contact(client, contact).contact, None
    return None, find_identity(client, identity).identity if identity else None


def _within(tick: float | None) -> float | None:
    from ..control.limits import MAX_TICK, MIN_TICK

    if tick is not None and not MIN_TICK <= tick <= MAX_TICK:  # also refuses «nan»
        raise click.BadParameter(f"the tick must be between {MIN_TICK:g} and {MAX_TICK:g} seconds")
    return tick


def _budget(kilobytes: float) -> float | None:
    from ..control.limits import MAX_BUDGET, MIN_BUDGET

    if kilobytes == 0:
        return None
    if not MIN_BUDGET <= kilobytes <= MAX_BUDGET:
        raise click.BadParameter(f"the budget must be between {MIN_BUDGET:g} and {MAX_BUDGET:g} kB/s, or 0")
    return kilobytes


def _look(found: Policy) -> str:
    schedule = found.schedule
    rows = [
        ("schedule", f"{in_words(schedule)} ({_SOURCES[found.source]})"),
        ("costs", _costs(schedule)),
    ]
    if not schedule.covered:
        rows.append(("warning", _NO_COVER))
    if found.budget is not None:
        shared = f"{found.budget:g} kB/s for all links, in a rotation of {found.places} places"
        rows.append(("budget", f"{shared}; it goes before every schedule"))
    if found.otherwise is not None:
        rows.append(("without it", _with_costs(found.otherwise)))
    rows.append(("presence", _seen(found)))
    if found.asked is not None:
        rows.append(("asked", _with_costs(found.asked)))
    return "\n".join([aligned(rows), *_choices(found), *_budgets(found)])


def _choices(found: Policy) -> list[str]:
    once = "" if found.budget is None else " once there is no budget"
    table = [
        (
            "  " + choice.level,
            f"{choice.tick:g} s" if choice.covered else "-",
            f"{choice.batch} at once" if choice.batch > 1 else "",
            _costs(choice) if choice.covered else f"{_costs(choice)}; {_NO_COVER}",
        )
        for choice in found.choices
    ]
    return ["", f"What could be chosen{once}, and what it costs:", aligned(table)]


def _budgets(found: Policy) -> list[str]:
    if not found.budgets:
        return []
    table = [
        (f"  {one.kilobytes:g} kB/s", f"{one.schedule.tick:g} s", _costs(one.schedule))
        for one in found.budgets
    ]
    return ["", "What all links could share (--budget), and what it costs:", aligned(table)]


def _with_costs(schedule: Schedule) -> str:
    warning = "" if schedule.covered else f"; {_NO_COVER}"
    return f"{in_words(schedule)}: {_costs(schedule)}{warning}"


def in_words(schedule: Schedule) -> str:
    """A schedule in a few words."""
    if not schedule.covered:
        return "burst, cells leave when something is sent"
    cells = "a cell" if schedule.batch == 1 else f"{schedule.batch} cells"
    mean = "a mean of " if schedule.level == "poisson" else ""
    return f"{schedule.level}, {cells} every {mean}{schedule.tick:g} s"


def _costs(schedule: Schedule) -> str:
    return (
        f"a short message waits {schedule.delay:.2g} s, "
        f"{schedule.megabytes:.3g} MB a day out for each contact on line"
    )


def _seen(found: Policy) -> str:
    if found.visible:
        return "visible"
    return f"hidden {_HIDERS[found.hidden_by]}" if found.hidden_by is not None else "hidden"


def _window(contact: Contact) -> str:
    ours, theirs = contact.window, contact.their_window
    lines = {
        "none": [],
        "asked": [f"You asked for a window of {ours.seconds} s; it begins when they agree."],
        "open": [f"Your window of {ours.seconds} s is open."],
    }[ours.state]
    lines += {
        "none": [],
        "asked": [f"They ask for a window of {theirs.seconds} s: agree or decline."],
        "open": [f"Their window of {theirs.seconds} s is open."],
    }[theirs.state]
    return "\n".join(lines) or "There is no window."
