"""Whether there is room for what a user asks of a contact, before the contact's machine hears of it.

Laws: nothing has begun where a request is refused here, so no link ends, which an observer would see. What
erases, or starts the clock of what is to be erased, is tried however full the disk is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..control import requests
from ..protocol.contact import Contact

if TYPE_CHECKING:
    from .engine import Engine


def require_room(engine: Engine, contact: Contact, request: requests.AnyRequest) -> None:
    """Refuse what takes room on the disk where there may be none for it.

    Raises:
        StoreError: there is none, or the disk does not say; nothing has begun.
    """
    match request:
        case (
            requests.Send()
            | requests.ContactRename()
            | requests.SetLifetime()
            | requests.WindowAsk()
            | requests.WindowAnswer()
            | requests.Keep(where="vault")
        ):
            engine.opened().require_room(contact)
