"""An engine for tests: answers at once, remembers what it was asked, and says what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from textual.pilot import Pilot

from onionchat.control import notices, replies, requests
from onionchat.control.notices import AnyNotice
from onionchat.control.replies import AnyResult
from onionchat.control.requests import AnyRequest
from onionchat.errors import ControlError
from onionchat.tui.app import OnionchatApp
from onionchat.tui.session import EngineClient

NOW = 1_700_000_000.0
CODE = "onionchat:" + "abcdefghijklmnopqrstuvwxyz234567" * 4 + "abcdefghijklmnop"
DAY = 86_400
READY = replies.TorState(mode="managed", version="0.4.9.11", percent=100, words="done", ready=True)

Q = TypeVar("Q", bound=requests.Request)


def identity(handle: str = "a1", name: str = "Ada") -> replies.Identity:
    return replies.Identity(identity=handle, name=name)


EVERY_2_S = replies.Schedule(level="constant", tick=2.0, batch=1, covered=True, delay=3.01, megabytes=97.6)
BURST = replies.Schedule(level="burst", tick=2.0, batch=1, covered=False, delay=0.01, megabytes=6.5)


def contact(
    handle: str = "c1",
    name: str = "Bob",
    *,
    of: str = "a1",
    presence: replies.Presence = "online",
    introduced: bool = True,
    unread: int = 0,
    lifetime: replies.Lifetime = DAY,
    visible: bool = True,
    their_window: replies.Window = replies.Window(),  # noqa: B008 -- frozen
) -> replies.Contact:
    return replies.Contact(
        contact=handle,
        identity=of,
        name=name,
        presence=presence,
        online_since=NOW - 600 if presence == "online" else None,
        introduced=introduced,
        lifetime=lifetime,
        unread=unread,
        schedule=EVERY_2_S,
        visible=visible,
        their_window=their_window,
    )


def message(
    handle: str,
    text: str = "hello",
    *,
    at: str = "c1",
    mine: bool = False,
    state: replies.MessageState = "read",
    lifetime: replies.Lifetime = DAY,
    expires: float | None = None,
    system: bool = False,
) -> replies.Message:
    return replies.Message(
        message=handle,
        contact=at,
        mine=mine,
        text=text,
        written=NOW - 60,
        state=state,
        lifetime=lifetime,
        expires=expires,
        system=system,
    )


class FakeEngine:
    """Lists that a test fills, and errors that it wants. One instance outlives its connections."""

    def __init__(self) -> None:
        self.vault: replies.VaultState = "open"
        self.amnesic = False
        self.passphrase = "correct"
        self.ways = replies.VaultWays(key_file=False, credential=b"", memory=512, passes=3, wait=0.0)
        self.backup = replies.Backup(identities=1, contacts=1, left_out=[], memory=512)
        self.hides = False
        """Whether what it writes is not seen from where the chat is."""
        self.tor = READY
        self.services, self.reachable = 2, 2
        self.clock_behind = 0.0
        self.lock_after, self.lock_receives, self.receiving = 0, False, 0
        self.elsewhere = 0
        self.identities: list[replies.Identity] = []
        self.contacts: list[replies.Contact] = []
        self.policy = replies.Policy(
            scope="contact",
            schedule=EVERY_2_S,
            source="engine",
            visible=True,
            choices=[EVERY_2_S, BURST],
            budgets=[replies.Budget(kilobytes=5.0, places=4, schedule=EVERY_2_S)],
        )
        self.promise: str | None = None
        """What is told before the first message, where nobody has read it yet."""
        self.invites: list[replies.Invite] = []
        self.conversations: dict[str, list[replies.Message]] = {}
        self.refuse: dict[type[AnyRequest], ControlError] = {}
        self.silent: set[type[AnyRequest]] = set()
        """What it never answers."""
        self.running = True
        self.asked: list[AnyRequest] = []
        self.clients: list[FakeClient] = []
        self.time = NOW

    async def connect(self) -> EngineClient:
        if not self.running:
            raise ControlError("engine-not-running", "no engine is running for this vault", hint="start one")
        client = FakeClient(self)
        self.clients.append(client)
        return client

    def app(
        self,
        *,
        conversation: str | None = None,
        amnesic: bool = False,
        stop_command: str = "onionchat stop",
    ) -> OnionchatApp:
        return OnionchatApp(
            self.connect,
            conversation=conversation,
            amnesic=amnesic,
            stop_command=stop_command,
            clock=lambda: self.time,
        )

    def say(self, notice: AnyNotice) -> None:
        self.clients[-1].waiting.put_nowait(notice)

    def die(self) -> None:
        self.running = False
        for client in self.clients:
            client.waiting.put_nowait(None)

    def back_up(self, file: Path) -> replies.Backup:
        if not self.hides:
            file.write_bytes(b"sealed")
        return self.backup

    def of(self, kind: type[Q]) -> list[Q]:
        return [one for one in self.asked if isinstance(one, kind)]


def _kept(request: requests.SetLifetime | requests.Keep) -> replies.Contact:
    if isinstance(request, requests.Keep):
        return msgspec.structs.replace(contact(request.contact), keep=request.where)
    return contact(request.contact, lifetime=request.lifetime)


class FakeClient:
    """One connection."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.waiting: asyncio.Queue[AnyNotice | None] = asyncio.Queue()
        self.closed = False

    async def notices(self) -> AsyncIterator[AnyNotice]:
        while (notice := await self.waiting.get()) is not None:
            yield notice

    async def close(self) -> None:
        self.closed = True

    async def ask(self, request: AnyRequest) -> AnyResult:
        engine = self.engine
        if not engine.running:
            raise ControlError("engine-gone", "the engine ended the connection")
        engine.asked.append(request)
        await asyncio.sleep(0)
        await self._be_difficult(type(request))
        match request:
            case requests.Status():
                return self._status()
            case requests.Unlock():
                return self._unlock(request)
            case requests.VaultShow():
                return engine.ways
            case requests.BackupMake():
                return engine.back_up(Path(request.file))
            case requests.BackupRestore():
                engine.vault = "open"
                return engine.backup
            case requests.IdentityList():
                return replies.Identities(identities=engine.identities)
            case requests.ContactList():
                return replies.Contacts(contacts=engine.contacts)
            case requests.InviteList():
                return replies.Invites(invites=engine.invites)
            case requests.Messages():
                return replies.Conversation(messages=engine.conversations.get(request.contact, []))
            case _:
                return self._change(request)

    async def _be_difficult(self, kind: type[AnyRequest]) -> None:
        if kind in self.engine.silent:
            await asyncio.Event().wait()
        if kind in self.engine.refuse:
            raise self.engine.refuse[kind]

    def _status(self) -> replies.StatusReport:
        engine = self.engine
        return replies.StatusReport(
            version="0.1.0",
            pid=1,
            vault=engine.vault,
            amnesic=engine.amnesic,
            tor=engine.tor,
            reachable_since=NOW - 300 if engine.reachable == engine.services else None,
            services=engine.services,
            reachable=engine.reachable,
            tick=2.0,
            clock_behind=engine.clock_behind,
            lock_after=engine.lock_after,
            lock_receives=engine.lock_receives,
            receiving=engine.receiving,
            elsewhere=engine.elsewhere,
        )

    def _unlock(self, request: requests.Unlock) -> AnyResult:
        if self.engine.vault == "locked" and request.passphrase != self.engine.passphrase:
            raise ControlError(
                "wrong-passphrase", "this passphrase does not open the vault", hint="try again", exit_code=5
            )
        self.engine.vault = "open"
        self.waiting.put_nowait(notices.VaultChanged(vault="open"))
        return replies.Done()

    def _change(self, request: AnyRequest) -> AnyResult:
        engine = self.engine
        match request:
            case requests.IdentityCreate():
                made = identity("a9", request.name)
                self.waiting.put_nowait(notices.IdentityChanged(identity=made))
                return made
            case requests.InviteCreate():
                invite = replies.Invite(
                    invite=f"e{len(engine.asked):x}", identity=request.identity, code=CODE, created=NOW
                )
                self.waiting.put_nowait(notices.InviteChanged(invite=invite, state="open"))
                return invite
            case (
                requests.PolicyShow() | requests.ScheduleSet() | requests.BudgetSet() | requests.PresenceSet()
            ):
                return engine.policy
            case requests.WindowAsk() | requests.WindowAnswer():
                return contact(request.contact)
            case requests.InviteAccept():
                met = contact("c9", request.name, of=request.identity, presence="offline", introduced=False)
                self.waiting.put_nowait(notices.ContactChanged(contact=met))
                return met
            case requests.ContactRename():
                return contact(request.contact, request.name)
            case requests.TimerTold(read=read):
                engine.promise = None if read else engine.promise
                return replies.TimerPromise(first=engine.promise is not None, words=engine.promise or "")
            case requests.SetLifetime() | requests.Keep():
                return _kept(request)
            case requests.ContactRemove():
                self.waiting.put_nowait(notices.ContactRemoved(contact=request.contact))
            case requests.Delete():
                self.waiting.put_nowait(
                    notices.MessageGone(contact=request.contact, message=request.message, why="deleted")
                )
            case requests.Send():
                sent = message(
                    f"f{len(engine.asked):x}", request.text, at=request.contact, mine=True, state="queued"
                )
                self.waiting.put_nowait(notices.MessageArrived(message=sent))
                return sent
            case _:
                self._end(request)
        return replies.Done()

    def _end(self, request: AnyRequest) -> None:
        engine = self.engine
        match request:
            case requests.IdentityBurn():
                self.waiting.put_nowait(notices.IdentityRemoved(identity=request.identity))
            case requests.LockAfter(seconds=seconds):
                engine.lock_after = seconds or 0
            case requests.LockDefault(receive=receive):
                engine.lock_receives = receive
            case requests.Lock():
                engine.vault = "locked"
                self.waiting.put_nowait(notices.VaultChanged(vault="locked"))
            case requests.Stop() | requests.VaultBurn():
                self.waiting.put_nowait(notices.Stopping())
                self.waiting.put_nowait(None)


def lines(app: OnionchatApp, part: str = "") -> list[str]:
    """What the screen, or the part of it that a selector names, shows line by line."""
    strips = app.screen._compositor.render_strips()
    if part:
        region = app.screen.query_one(part).region
        strips = [strip.crop(region.x, region.right) for strip in strips[region.y : region.bottom]]
    return [strip.text.rstrip() for strip in strips]


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Once it holds: how often the screen is drawn before depends on how busy the machine is."""
    for _ in range(100):
        if holds():
            return
        await pilot.pause()
    raise AssertionError("it did not come")


def shown(app: OnionchatApp, part: str = "") -> str:
    """The same, with wrapped sentences made whole again."""
    return " ".join(" ".join(lines(app, part)).replace("│", " ").split())
