"""Commands about messages: ``send``, ``messages``, ``delete``, ``lifetime``, ``keep``, ``watch``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError
from .burn import confirm, yes_option
from .names import MIN_PREFIX, find_contact
from .secret import standard_input
from .session import Session, ask, json_option, pass_session
from .span import lives, read_lifetime
from .table import aligned

if TYPE_CHECKING:
    from ..client.blocking import Client
    from ..control.replies import Lifetime


@click.command(
    epilog="Give «-», or no TEXT at all, so that the text stays out of the shell's history and other "
    "programs' sight: it is then read from standard input."
)
@click.argument("contact")
@click.argument("text", required=False)
@click.option(
    "--lifetime",
    type=read_lifetime,
    metavar="DURATION",
    help="For this message: 30s, 5m, 2h, 1d, 1w …, once (gone when read and closed) or off.",
)
@json_option
@pass_session
def send(session: Session, contact: str, text: str | None, lifetime: Lifetime | None) -> None:
    """Send a text.

    Queues TEXT for CONTACT and returns once it is safely in the outbox.
    """
    from ..control.limits import MAX_TEXT
    from ..control.replies import Message
    from ..control.requests import Send

    with session.connect() as client:
        known = find_contact(client, contact)
        if text is None or text == "-":
            if sys.stdin.isatty():
                click.echo(f"To {known.name}; end with Ctrl-D:", err=True)
            text = standard_input(MAX_TEXT)
        if not text:
            raise ConfigError("there is nothing to send")
        if len(text) > MAX_TEXT:
            raise ConfigError(f"the text is longer than {MAX_TEXT:,} characters", hint="send it in parts")
        session.secrets.append(text)
        _promise(session, client)
        queued = ask(client, Send(contact=known.contact, text=text, lifetime=lifetime), Message)
    session.print(queued, lambda: f"{queued.message}  {queued.state}")


@click.command()
@click.argument("contact")
@click.option("--limit", type=click.IntRange(1, 1000), default=200, show_default=True)
@json_option
@pass_session
def messages(session: Session, contact: str, limit: int) -> None:
    """Show a conversation.

    The newest messages with CONTACT, oldest first. They do not count as read by this.
    """
    from ..control.replies import Conversation
    from ..control.requests import Messages
    from .story import message_row

    with session.connect() as client:
        known = find_contact(client, contact)
        found = ask(client, Messages(contact=known.contact, limit=limit), Conversation)
    now = time.time()
    session.print(found, lambda: aligned([message_row(each, known.name, now) for each in found.messages]))


@click.command()
@click.argument("contact")
@click.argument("message")
@click.option("--both", is_flag=True, help="Also at the other side; tried until it confirms.")
@yes_option
@json_option
@pass_session
def delete(session: Session, contact: str, message: str, both: bool, sure: bool) -> None:
    """Burn a message.

    MESSAGE is its handle, as «onionchat messages CONTACT» shows it.
    """
    from ..control.replies import Done
    from ..control.requests import Delete

    with session.connect() as client:
        known = find_contact(client, contact)
        handle = _message(client, known.contact, message)
        confirm(f"Burn the message {handle} {f'here and at {known.name}' if both else 'here'}?", sure=sure)
        done = ask(client, Delete(contact=known.contact, message=handle, both=both), Done)
    asked = " The other side is asked to do the same until it confirms." if both else ""
    session.print(done, lambda: f"The message no longer exists here.{asked}")


@click.command()
@click.argument("contact", required=False)
@click.argument("duration", type=read_lifetime, required=False)
@click.option("--allow-off/--forbid-off", default=None, help="Whether messages may live without end.")
@json_option
@pass_session
def lifetime(
    session: Session, contact: str | None, duration: Lifetime | None, *, allow_off: bool | None
) -> None:
    """Set how long messages live.

    From now on those with CONTACT live for DURATION: 30s, 5m, 2h, 1d, 1w …, «once» (gone when read and
    closed), or «off» (they stay until deleted) where the vault allows that.
    """
    from ..control.replies import Contact, Done
    from ..control.requests import AllowOff, SetLifetime

    if allow_off is not None:
        if contact is not None:
            raise click.UsageError("--allow-off and --forbid-off hold for the whole vault: give them alone")
        with session.connect() as client:
            done = ask(client, AllowOff(allowed=allow_off), Done)
        session.print(
            done,
            lambda: "Messages may live without end." if allow_off else "No message may live without end.",
        )
        return
    if contact is None or duration is None:
        raise click.UsageError("give a contact and a duration")
    with session.connect() as client:
        known = find_contact(client, contact)
        changed = ask(client, SetLifetime(contact=known.contact, lifetime=duration), Contact)
    session.print(changed, lambda: aligned([(changed.name, f"messages {lives(changed.lifetime)}")]))


@click.command()
@click.argument("contact")
@click.argument("where", type=click.Choice(["memory", "vault"]))
@json_option
@pass_session
def keep(session: Session, contact: str, where: str) -> None:
    """Keep messages in memory, or in the vault.

    In memory, those with CONTACT never reach the disk again and are gone when the engine ends or locks.
    """
    from ..control.replies import Contact
    from ..control.requests import Keep

    with session.connect() as client:
        known = find_contact(client, contact)
        request = Keep(contact=known.contact, where="memory" if where == "memory" else "vault")
        changed = ask(client, request, Contact)
    place = "memory only" if changed.keep == "memory" else "the vault"
    session.print(changed, lambda: aligned([(changed.name, f"messages are kept in {place}")]))


@click.command()
@click.option("--shown", is_flag=True, help="Count each message that is printed as read: its clock starts.")
@json_option
@pass_session
def watch(session: Session, shown: bool) -> None:
    """Print what happens, as it happens.

    Until interrupted, or until the engine ends.
    """
    from ..client.rules import engine_gone
    from ..control.notices import MessageArrived, Stopping
    from ..control.replies import Done
    from ..control.requests import Closed, Shown
    from .story import Teller

    with session.connect() as client:
        notices = client.watch()
        teller = Teller(client)
        for notice in notices:
            session.print(notice, lambda notice=notice: teller.tell(notice))  # type: ignore[misc]  # bound now
            if isinstance(notice, Stopping):
                return
            if shown and isinstance(notice, MessageArrived) and notice.message.state == "received":
                one = notice.message
                ask(client, Shown(contact=one.contact, messages=[one.message]), Done)
                if one.lifetime == "once":  # it was printed, and nothing holds it open
                    ask(client, Closed(contact=one.contact), Done)
    raise engine_gone()


def _promise(session: Session, client: Client) -> None:
    """Before the first message of a vault: what lifetimes promise, and what not; until somebody sees it."""
    from ..control.replies import TimerPromise
    from ..control.requests import TimerTold

    told = ask(client, TimerTold(), TimerPromise)
    if told.first:
        click.echo(session.naming(told.words), err=True)
        if _is_seen():
            ask(client, TimerTold(read=True), TimerPromise)


def _is_seen() -> bool:
    """Whether what is said beside the answer appears at a terminal."""
    return sys.stderr.isatty()


def _message(client: Client, contact: str, word: str) -> str:
    """The handle that ``word`` is or begins; one that is not among the newest is left to the engine."""
    from ..control.replies import Conversation
    from ..control.requests import Messages
    from .names import pick

    found = ask(client, Messages(contact=contact, limit=1000), Conversation).messages
    handles = [each.message for each in found]
    if not any(each.startswith(word) for each in handles) and len(word) > MIN_PREFIX:
        return word
    see = f"onionchat messages {contact}"
    return handles[pick(word, [(each, "") for each in handles], kind="message", see=see)]
