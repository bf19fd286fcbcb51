"""Hands what was written to the engine, one after the other, in the order of writing.

Laws: no Textual. What the engine has not taken stays in the model; before the first message of a vault its
user is told what lifetimes promise, and it leaves only after that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..control import replies, requests
from ..control.replies import Lifetime
from .model import Unsent
from .session import Session


class Sending:
    """Of one TUI.

    Args:
        session: the engine and the model.
        explain: shows words to the user and returns when they were read.
    """

    def __init__(self, session: Session, explain: Callable[[str], Awaitable[object]]) -> None:
        self.lifetime: Lifetime | None = None
        """Chosen for the next message alone."""
        self._session = session
        self._explain = explain
        self._explained = False
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
                await self._promise()
                one = unsent[0]
                request = requests.Send(contact=one.contact, text=one.text, lifetime=one.lifetime)
                await self._session.ask(request, replies.Message)
                if unsent and unsent[0] is one:  # not where the contact was burned meanwhile
                    unsent.pop(0)

    async def _promise(self) -> None:
        if not self._explained:
            told = await self._session.ask(requests.TimerTold(), replies.TimerPromise)
            if told.first:
                await self._explain(told.words)
            self._explained = True
