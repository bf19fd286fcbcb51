"""What lifetimes promise, told to the vault's user before the first message is sent, or counts as read.

Laws: no Textual. It is told until somebody said that they read it: a window that is closed over it told
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..control import replies, requests
from .session import Session


class Promise:
    """Of one window.

    Args:
        session: the engine.
        explain: shows words to the user; returns, once they are gone, whether they were read.
    """

    def __init__(self, session: Session, explain: Callable[[str], Awaitable[object]]) -> None:
        self._session = session
        self._explain = explain
        self._words: str | None = None
        """None where it is not known yet; empty where there is nothing to tell."""
        self._turn = asyncio.Lock()

    async def learn(self) -> None:
        """Learn whether there is something to tell.

        Raises:
            OnionchatError: the engine did not say.
        """
        if self._words is None:
            told = await self._session.ask(requests.TimerTold(), replies.TimerPromise)
            self._words = told.words if told.first else ""

    async def tell(self) -> None:
        """Return once it was told; in one window no more than once.

        Raises:
            OnionchatError: the engine did not say, or did not store that it was read.
        """
        async with self._turn:
            await self.learn()
            if self._words and await self._explain(self._words):
                await self._session.ask(requests.TimerTold(read=True), replies.TimerPromise)
            self._words = ""
