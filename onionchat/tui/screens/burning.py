"""What is asked before something is burned: one sentence that says what goes, and one confirmation."""

from __future__ import annotations

from ...control import replies, requests
from .. import wording
from ..session import Session
from .confirm import Choice, ConfirmSheet


def contact(session: Session, one: replies.Contact) -> ConfirmSheet:
    """Before a contact is burned."""
    name = wording.name(one.name)
    return ConfirmSheet(
        session,
        f"Remove {name}",
        f"This erases {name}, all messages and the keys you share; it cannot be undone. {name} is not "
        "told and only sees you offline.",
        [Choice(label=f"Yes, remove {name}", request=requests.ContactRemove(contact=one.contact))],
    )


def conversation(session: Session, one: replies.Contact) -> ConfirmSheet:
    """Before the messages with a contact are burned."""
    name = wording.name(one.name)
    return ConfirmSheet(
        session,
        f"Burn the messages with {name}",
        f"This erases every message with {name} here, also what was not sent yet; it cannot be undone. "
        f"{name} stays a contact, is not told, and keeps what was received.",
        [Choice(label="Yes, burn them", request=requests.ConversationBurn(contact=one.contact))],
    )


def message(session: Session, one: replies.Message) -> ConfirmSheet:
    """Before a message is burned, here or for both."""
    here = requests.Delete(contact=one.contact, message=one.message)
    both = requests.Delete(contact=one.contact, message=one.message, both=True)
    choices = [Choice(label="Delete it here", request=here)]
    sentence = "It cannot be brought back here."
    if one.mine:
        choices.append(Choice(label="Delete it for both", request=both))
        sentence += (
            " For both: your contact's program is asked to delete it too, but cannot unsee what was read."
        )
    return ConfirmSheet(session, "Delete this message", sentence, choices)
