"""Hands what was written to the engine, one after the other, in the order of writing.

Laws: no Textual. What the engine has not taken stays in the model; before the first message of a vault its
user is told what lifetimes promise (`promise`), and it leaves only after that.
"""

from __future__ import annotations

import asyncio

from ..control import replies, requests
from ..control.replies import Lifetime
from .model import Unsent
from .promise import Promise
from .session import Session


class Sending:
    """Of one TUI.

    Args:
        session: the engine and the model.
        promise: what its user is told before.
    """

    def __init__(self, session: Session, promise: Promise) -> None:
        self.lifetime: Lifetime | None = None
        """Chosen for the next message alone."""
        self._session = session
        self._promise = promise
        self._turn = asyncio.Lock()

    def add(self, contact: str, text: str) -> None:
        """What was written, with the lifetime that was chosen for it."""
        self._session.model.unsent.append(Unsent(contact, text, self.lifetime))
        self.lifetime = None

    async def send_all(self) -> None:
        """Send what waits.

        Raises:
            OnionchatError: the engine did not take the first of what still waits.
        """
        unsent = self._session.model.unsent
        async with self._turn:
            while unsent:
                await self._promise.tell()
                one = unsent[0]
                request = requests.Send(contact=one.contact, text=one.text, lifetime=one.lifetime)
                await self._session.ask(request, replies.Message)
                if unsent and unsent[0] is one:  # not where the contact was burned meanwhile
                    unsent.pop(0)
