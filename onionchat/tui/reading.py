"""Tells the engine what a person has read, and which conversation was closed.

Laws: no Textual. No message counts as read before its reader was told what lifetimes promise.
"""

from __future__ import annotations

from ..control import replies, requests
from ..errors import OnionchatError
from .promise import Promise
from .session import Session


class Reading:
    """Of one window."""

    def __init__(self, session: Session, promise: Promise) -> None:
        self._session = session
        self._promise = promise
        self._contact = ""
        self._reported: set[str] = set()

    def take(self, contact: str, messages: list[str]) -> list[str]:
        """Those of a conversation that were not reported before, which `shown` is to do now."""
        if contact != self._contact:
            self._contact = contact
            self._reported.clear()
        fresh = [one for one in messages if one not in self._reported]
        self._reported.update(fresh)
        return fresh

    async def shown(self, contact: str, messages: list[str]) -> None:
        """Report what `take` gave.

        Raises:
            OnionchatError: it was not; it is fresh again.
        """
        try:
            await self._promise.tell()
            await self._session.ask(requests.Shown(contact=contact, messages=messages), replies.Done)
        except OnionchatError:
            self._reported.difference_update(messages)
            raise

    async def closed(self, contact: str) -> None:
        """The conversation has left the screen.

        Raises:
            OnionchatError: the engine did not take it.
        """
        await self._session.ask(requests.Closed(contact=contact), replies.Done)
