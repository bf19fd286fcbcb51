"""The TUI's side of the conversation with the engine: one connection, what was learned, the time.

Laws: no Textual. Screens ask through `Session.ask` and read `Session.model`; nobody else holds the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol, TypeAlias, TypeVar

from ..control import replies, requests
from ..control.notices import AnyNotice
from ..control.replies import AnyResult, StatusReport
from ..control.requests import AnyRequest
from ..errors import ControlError
from .model import Model


class EngineClient(Protocol):
    """What is needed of a control client (`client.streaming.AsyncClient`)."""

    async def ask(self, request: AnyRequest) -> AnyResult:
        """The engine's answer.

        Raises:
            ControlError: the engine refused, or is gone.
        """

    def notices(self) -> AsyncIterator[AnyNotice]:
        """What happens at the engine, until it is gone."""

    async def close(self) -> None:
        """End the connection."""


Connect: TypeAlias = Callable[[], Awaitable[EngineClient]]
R = TypeVar("R", bound=replies.Result)

SETTLE_SECONDS: Final = 3.0


class Session:
    """A connection that can be made anew, and the model that it feeds."""

    def __init__(self, connect: Connect, *, clock: Callable[[], float] = time.time) -> None:
        self.model = Model()
        self.clock = clock
        self._connect = connect
        self._client: EngineClient | None = None

    async def open(self) -> StatusReport:
        """Connect, watch, and learn how the engine is.

        Raises:
            ControlError: no engine, or one that does not answer as it should.
        """
        await self.close()
        self.model.reset()
        self._client = await self._connect()
        await self.ask(requests.Watch(), replies.Done)
        status = await self.ask(requests.Status(), StatusReport)
        self.model.take_status(status)
        return status

    async def load(self) -> None:
        """Learn identities, contacts, invites, and how the open vault's time stands.

        Raises:
            ControlError: the engine refused, or is gone.
        """
        self.model.take_status(await self.ask(requests.Status(), StatusReport))
        # each list is taken over before the next is asked for: a notice in between is newer than the list
        identities = await self.ask(requests.IdentityList(), replies.Identities)
        self.model.take_identities(identities.identities)
        contacts = await self.ask(requests.ContactList(), replies.Contacts)
        self.model.contacts = {one.contact: one for one in contacts.contacts}
        invites = await self.ask(requests.InviteList(), replies.Invites)
        self.model.invites = {one.invite: one for one in invites.invites}

    async def ask(self, request: AnyRequest, kind: type[R]) -> R:
        """The engine's answer, which must be a ``kind``.

        Raises:
            ControlError: the engine refused, is gone, or answered something else.
        """
        if isinstance(request, requests.Stop):
            await self.settled()
        if self._client is None:
            raise ControlError("engine-gone", "there is no connection to the engine")
        answer = await self._client.ask(request)
        if not isinstance(answer, kind):
            raise ControlError("bad-reply", "the engine answered something that was not asked")
        return answer

    async def settled(self) -> None:
        """Return when what was written is with the engine, or came back; a slow engine is not waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while self.model.unsent and self._client is not None:  # noqa: ASYNC110 - the model is data
                    await asyncio.sleep(0.01)

    async def notices(self) -> AsyncIterator[AnyNotice]:
        """Notices, each already in the model when it comes out here."""
        if self._client is None:
            return
        async for notice in self._client.notices():
            self.model.apply(notice)
            yield notice

    async def close(self) -> None:
        """End the connection, if there is one."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()
