"""An engine with a few people in it that plays its part over a real control socket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from click.testing import CliRunner, Result
from msgspec.structs import replace

from onionchat.cli.chat import onionchat
from onionchat.cli.commands import COMMANDS
from onionchat.control import encode
from onionchat.control.notices import AnyNotice, Stopping
from onionchat.control.replies import (
    AnyResult,
    Contact,
    Contacts,
    Conversation,
    Done,
    Failure,
    Identities,
    Identity,
    Invite,
    Invites,
    Message,
    Policy,
    Schedule,
    StatusReport,
    TimerPromise,
    TorState,
    VaultWays,
    Window,
)
from onionchat.control.requests import (
    AnyRequest,
    BudgetSet,
    ContactList,
    ContactRename,
    IdentityCreate,
    IdentityList,
    InviteAccept,
    InviteCreate,
    InviteList,
    Keep,
    Messages,
    PolicyShow,
    PresenceSet,
    ScheduleSet,
    Send,
    SetLifetime,
    Status,
    TimerTold,
    VaultShow,
    Watch,
    WindowAnswer,
    WindowAsk,
)

from ..client.scripted import HangUp, ScriptedEngine, refusal, reply

assert COMMANDS  # importing them is what adds them to the group

ADA = Identity(identity="aaaa1111", name="Ada", contacts=2)
NEWS = Identity(identity="bbbb2222", name="News desk")
EVERY_2_S = Schedule(level="constant", tick=2.0, batch=1, covered=True, delay=3.01, megabytes=97.6)
BURST = Schedule(level="burst", tick=2.0, batch=1, covered=False, delay=0.01, megabytes=6.5)
POLICY = Policy(
    scope="vault",
    schedule=EVERY_2_S,
    source="engine",
    visible=True,
    choices=[EVERY_2_S, BURST],
    budgets=[],
)
BOB = Contact(
    contact="cafe0001",
    identity="aaaa1111",
    name="Bob",
    introduced=True,
    lifetime=7200,
    unread=1,
    schedule=EVERY_2_S,
)
EVE = Contact(
    contact="cafe0002",
    identity="aaaa1111",
    name="Eve",
    presence="online",
    online_since=time.time(),
    lifetime=60,
    schedule=EVERY_2_S,
)
TWIN = Contact(contact="dddd0003", identity="bbbb2222", name="Eve", lifetime=60, schedule=EVERY_2_S)
CODE = "onionchat:" + "ab2" * 48
OPEN = Invite(invite="eeee0001", identity="aaaa1111", code=CODE, created=0.0, expires=time.time() + 7300)
HELLO = Message(
    message="ffff0001",
    contact="cafe0001",
    mine=False,
    text="hello\nthere",
    written=time.time(),
    state="received",
    lifetime=7200,
)
MINE = Message(
    message="ffff0002",
    contact="cafe0001",
    mine=True,
    text="hi",
    written=0.0,
    state="delivered",
    lifetime=7200,
    expires=time.time() + 8900,
)
NOTE = Message(
    message="ffff0003",
    contact="cafe0001",
    mine=False,
    text="the session was made anew",
    written=time.time(),
    state="read",
    lifetime=7200,
    system=True,
)
DONE = Done()
READY = TorState(mode="managed", version="0.4.9.11", percent=100, words="done", ready=True)

WAYS = VaultWays(key_file=False, credential=b"", memory=512, passes=3, wait=0.0)

Answer = AnyResult | Failure


def answer(request: AnyRequest) -> Answer:
    """What an engine with these people says."""
    match request:
        case Status():
            return StatusReport(version="1", pid=2**22 + 1, vault="open", amnesic=False, tor=READY, tick=2.0)
        case IdentityList():
            return Identities(identities=[ADA, NEWS])
        case IdentityCreate():
            return Identity(identity="abcd", name=request.name)
        case InviteCreate():
            return OPEN
        case InviteList():
            return Invites(invites=[OPEN])
        case InviteAccept():
            return replace(TWIN, contact="cafe0009", identity=request.identity, name=request.name)
        case ContactList():
            return Contacts(contacts=[BOB, EVE, TWIN])
        case ContactRename():
            return replace(BOB, contact=request.contact, name=request.name)
        case SetLifetime():
            return replace(BOB, contact=request.contact, lifetime=request.lifetime)
        case Messages():
            return Conversation(messages=[HELLO, MINE, NOTE])
        case Send():
            return MINE
        case _:
            return answer_about_the_wire(request)


def answer_about_the_wire(request: AnyRequest) -> Answer:
    """What it says about schedules, presence, windows and lifetimes; to anything else that it was done."""
    match request:
        case VaultShow():
            return WAYS
        case Keep():
            return replace(BOB, contact=request.contact, keep=request.where)
        case TimerTold():
            return TimerPromise(first=False, words="Messages vanish.")
        case PolicyShow() | ScheduleSet() | BudgetSet() | PresenceSet():
            return POLICY
        case WindowAsk() | WindowAnswer():
            return replace(BOB, window=Window(state="asked", seconds=64))
        case _:
            return Done()


class Actor(ScriptedEngine):
    """Plays `answer`, or what a test gives instead; those who watch get ``notices``, then the end."""

    def __init__(
        self, *, answer: Callable[[AnyRequest], Answer] = answer, notices: list[AnyNotice] | None = None
    ) -> None:
        self._answer = answer
        self._told = notices
        super().__init__(self._play)

    def _play(self, request: AnyRequest) -> Iterator[bytes]:
        said = self._answer(request)
        yield refusal(request, said) if isinstance(said, Failure) else reply(request, said)
        if isinstance(request, Watch) and self._told is not None:
            yield from map(encode, self._told)
            if not isinstance(self._told[-1], Stopping):
                raise HangUp

    def asked_for(self, kind: type[Any]) -> Any:
        """The one request of ``kind`` that was made, without its number."""
        (found,) = [each for each in self.asked if isinstance(each, kind)]
        fields = {name: getattr(found, name) for name in kind.__struct_fields__ if name != "id"}
        return kind(**fields)

    def run(self, *words: str, typed: str | bytes | None = None) -> Result:
        """``onionchat WORDS`` with this engine's vault."""
        return run("--vault", str(self.vault), *words, typed=typed)

    def json(self, *words: str, typed: str | None = None) -> Any:
        """The one object that ``onionchat WORDS --json`` prints."""
        result = self.run(*words, "--json", typed=typed)
        (line,) = result.stdout.splitlines()
        return json.loads(line)


def run(*words: str, typed: str | bytes | None = None) -> Result:
    return CliRunner().invoke(onionchat, list(words), input=typed)
