"""Each command asks the engine for what it says it does, and shows the answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Literal

import msgspec
import pytest
from msgspec.structs import replace

from onionchat.cli import burn
from onionchat.cli import engine as engine_commands
from onionchat.cli import message as message_commands
from onionchat.control.limits import MAX_TEXT
from onionchat.control.replies import (
    Contacts,
    Failure,
    Identities,
    Invites,
    StatusReport,
    TimerPromise,
    TorState,
)
from onionchat.control.requests import (
    AllowOff,
    AnyRequest,
    BudgetSet,
    ContactList,
    ContactRemove,
    ContactRename,
    ConversationBurn,
    Delete,
    IdentityBurn,
    IdentityCreate,
    IdentityList,
    InviteAccept,
    InviteCreate,
    InviteList,
    InviteRevoke,
    Keep,
    Messages,
    PolicyShow,
    PresenceSet,
    Request,
    ScheduleSet,
    Send,
    SetLifetime,
    Stop,
    TimerTold,
    Unlock,
    WindowAnswer,
    WindowAsk,
)

from .actor import CODE, TWIN, Actor, Answer, answer


@pytest.fixture
def engine() -> Iterator[Actor]:
    with Actor() as actor:
        yield actor


@pytest.mark.parametrize(
    ("words", "request_made"),
    [
        (["identity", "new", "Ada"], IdentityCreate(name="Ada")),
        (["identity", "new", "Ada", "--disposable"], IdentityCreate(name="Ada", disposable=True)),
        (["keep", "Bob", "memory"], Keep(contact="cafe0001", where="memory")),
        (["keep", "Bob", "vault"], Keep(contact="cafe0001", where="vault")),
        (["invite", "new", "Ada"], InviteCreate(identity="aaaa1111")),
        (["invite", "new", "aaaa", "--hours", "48"], InviteCreate(identity="aaaa1111", hours=48)),
        (["invite", "revoke", "eeee"], InviteRevoke(invite="eeee0001")),
        (
            ["invite", "accept", "Ada", CODE, "--name", "Zoe"],
            InviteAccept(identity="aaaa1111", code=CODE, name="Zoe"),
        ),
        (["contact", "rename", "Bob", "Robert"], ContactRename(contact="cafe0001", name="Robert")),
        (["contact", "remove", "cafe0002", "--yes"], ContactRemove(contact="cafe0002")),
        (["burn", "conversation", "Bob", "--yes"], ConversationBurn(contact="cafe0001")),
        (["burn", "identity", "News desk", "--yes"], IdentityBurn(identity="bbbb2222")),
        (["send", "Bob", "hi"], Send(contact="cafe0001", text="hi")),
        (["send", "Bob", "--", "--json"], Send(contact="cafe0001", text="--json")),
        (["send", "Bob", "hi", "--lifetime", "once"], Send(contact="cafe0001", text="hi", lifetime="once")),
        (["lifetime", "Bob", "off"], SetLifetime(contact="cafe0001", lifetime="off")),
        (["lifetime", "--allow-off"], AllowOff(allowed=True)),
        (["lifetime", "--forbid-off"], AllowOff(allowed=False)),
        (["send", "Bob", "hi", "--lifetime", "30s"], Send(contact="cafe0001", text="hi", lifetime=30)),
        (["messages", "Bob"], Messages(contact="cafe0001")),
        (["messages", "Bob", "--limit", "7"], Messages(contact="cafe0001", limit=7)),
        (["lifetime", "Bob", "2h"], SetLifetime(contact="cafe0001", lifetime=7200)),
        (["lifetime", "Bob", "4w"], SetLifetime(contact="cafe0001", lifetime=28 * 86400)),
        (["policy"], PolicyShow()),
        (["policy", "Bob"], PolicyShow(contact="cafe0001")),
        (["policy", "--identity", "Ada"], PolicyShow(identity="aaaa1111")),
        (["policy", "Bob", "--level", "poisson"], ScheduleSet(contact="cafe0001", level="poisson")),
        (["policy", "--tick", "0.5", "--batch", "4"], ScheduleSet(tick=0.5, batch=4)),
        (["policy", "Bob", "--inherit"], ScheduleSet(contact="cafe0001", inherit=True)),
        (["policy", "--budget", "20"], BudgetSet(kilobytes=20.0)),
        (["policy", "--budget", "0"], BudgetSet(kilobytes=None)),
        (["policy", "--tick", "0.5", "--batch", "4", "--cost"], PolicyShow(tick=0.5, batch=4)),
        (["policy", "Bob", "--level", "burst", "--cost"], PolicyShow(contact="cafe0001", level="burst")),
        (["policy", "--budget", "20", "--cost"], PolicyShow(kilobytes=20.0)),
        (["presence", "hidden"], PresenceSet(visible=False)),
        (["presence", "visible", "Bob"], PresenceSet(visible=True, contact="cafe0001")),
        (
            ["presence", "hidden", "--identity", "News desk"],
            PresenceSet(visible=False, identity="bbbb2222"),
        ),
        (["window", "ask", "Bob", "64"], WindowAsk(contact="cafe0001", seconds=64)),
        (["window", "agree", "Bob"], WindowAnswer(contact="cafe0001", agree=True)),
        (["window", "decline", "Bob"], WindowAnswer(contact="cafe0001", agree=False)),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_command_makes_its_request(engine: Actor, words: list[str], request_made: Request) -> None:
    result = engine.run(*words)
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert engine.asked_for(type(request_made)) == request_made


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("handle", ["ffff0002", "eeeeeeee99"], ids=["whole", "not among the newest"])
def test_deleting(engine: Actor, both: bool, handle: str) -> None:
    words = ["delete", "Bob", handle, *(["--both"] if both else [])]
    assert "add --yes" in engine.run(*words).stderr
    assert not [each for each in engine.asked if isinstance(each, Delete)]
    assert engine.run(*words, "--yes").exit_code == 0
    assert engine.asked_for(Delete) == Delete(contact="cafe0001", message=handle, both=both)


def test_deleting_by_an_ambiguous_beginning(engine: Actor) -> None:
    result = engine.run("delete", "Bob", "ffff")
    assert result.exit_code == 2
    assert "ffff0001, ffff0002, ffff0003" in result.stderr
    assert engine.run("delete", "Bob", "ff").exit_code == 1
    assert not [each for each in engine.asked if isinstance(each, Delete)]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["identity", "list"], "identities"),
        (["identity", "new", "Zoe"], "identity"),
        (["invite", "list"], "invites"),
        (["invite", "new", "Ada"], "invite"),
        (["contact", "list"], "contacts"),
        (["messages", "Bob"], "conversation"),
        (["send", "Bob", "hi"], "message"),
        (["policy", "Bob"], "policy"),
        (["presence", "hidden"], "policy"),
        (["window", "ask", "Bob", "64"], "contact"),
        (["status"], "status"),
        (["stop"], "done"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_with_json_each_line_is_one_object_of_the_result(engine: Actor, words: list[str], kind: str) -> None:
    assert engine.json(*words)["type"] == kind


def test_lists_for_people(engine: Actor) -> None:
    assert engine.run("identity", "list").stdout.splitlines() == [
        "aaaa1111  Ada        2 contacts",
        "bbbb2222  News desk  0 contacts",
    ]
    assert engine.run("invite", "list").stdout.splitlines() == ["eeee0001  Ada  2 h left  not yet reachable"]
    bob, eve, twin = (re.split("  +", line) for line in engine.run("contact", "list").stdout.splitlines())
    assert bob == ["cafe0001", "Bob", "of Ada", "offline", "messages live 2 h", "1 unread"]
    assert eve[3].startswith("online since ")
    assert twin[2:] == ["of News desk", "offline, not yet introduced", "messages live 1 min"]


def test_a_contact_that_cannot_be_reached_says_why() -> None:
    stuck = Contacts(contacts=[msgspec.structs.replace(TWIN, problem="the invite was used already")])
    with Actor(
        answer=lambda request: stuck if isinstance(request, ContactList) else answer(request)
    ) as engine:
        assert "the invite was used already" in engine.run("contact", "list").stdout


def test_a_conversation_for_people(engine: Actor) -> None:
    lines = engine.run("messages", "Bob").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("ffff0001")
    assert lines[0].endswith("Bob  received   lives 2 h  hello")
    assert lines[1].strip() == "there"
    assert lines[1].startswith("      ")
    assert lines[2].endswith("you  delivered  2 h left   hi")
    assert "Bob" not in lines[3]
    assert "note" in lines[3]


def test_empty_lists_print_nothing() -> None:
    def nobody(request: AnyRequest) -> Answer:
        match request:
            case IdentityList():
                return Identities(identities=[])
            case InviteList():
                return Invites(invites=[])
            case ContactList():
                return Contacts(contacts=[])
        return answer(request)

    with Actor(answer=nobody) as engine:
        for word in ("identity", "invite", "contact"):
            result = engine.run(word, "list")
            assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("words", [["send", "Bob"], ["send", "Bob", "-"]])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_text_from_standard_input(engine: Actor, words: list[str], ending: str) -> None:
    assert engine.run(*words, typed=f"line\nlast{ending}").exit_code == 0
    assert engine.asked_for(Send) == Send(contact="cafe0001", text="line\nlast")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"x" * (MAX_TEXT + 1), "longer than 65,536"),
        (b"\xff", "not UTF-8"),
    ],
    ids=["nothing", "a newline", "too long", "not UTF-8"],
)
def test_a_text_that_cannot_be_sent(engine: Actor, typed: bytes, says: str) -> None:
    result = engine.run("send", "Bob", "-", typed=typed)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not [each for each in engine.asked if isinstance(each, Send)]


def test_arguments_that_cannot_be_sent(engine: Actor) -> None:
    assert "nothing to send" in engine.run("send", "Bob", "").stderr
    assert "longer than" in engine.run("send", "Bob", "x" * (MAX_TEXT + 1)).stderr
    assert "no characters" in engine.run("send", "Bob", "\udcff").stderr
    assert not [each for each in engine.asked if isinstance(each, Send)]


def test_an_invite_from_standard_input(engine: Actor) -> None:
    assert engine.run("invite", "accept", "Ada", "-", "--name", "Zoe", typed=f"{CODE}\n").exit_code == 0
    assert engine.asked_for(InviteAccept).code == CODE


def test_no_invite_and_no_terminal(engine: Actor) -> None:
    result = engine.run("invite", "accept", "Ada", "--name", "Zoe")
    assert result.exit_code == 2
    assert "no terminal" in result.stderr


@pytest.mark.parametrize(
    ("word", "says"),
    [("Eve", "cafe0002 (Eve), dddd0003 (Eve)"), ("cafe", "cafe0001 (Bob), cafe0002 (Eve)")],
)
def test_an_ambiguous_contact_lists_the_candidates(engine: Actor, word: str, says: str) -> None:
    result = engine.run("send", word, "hi")
    assert result.exit_code == 2
    assert says in result.stderr
    assert engine.json("send", word, "hi")["error"]["code"] == "ambiguous"


@pytest.mark.parametrize("word", ["Bo", "caf", "bob", "", "Nobody"])
def test_who_is_not_there(engine: Actor, word: str) -> None:
    result = engine.run("send", word, "hi")
    assert result.exit_code == 1
    see = f"onionchat --vault {engine.vault} contact list"
    assert result.stderr == f"error: there is no contact «{word}»\nhint: see: {see}\n"


@pytest.mark.parametrize("duration", ["", "5", "5 m", "m", "1y", "-5s", "4s", "5w", "99999999s", "٣s"])
def test_durations_that_are_none(engine: Actor, duration: str) -> None:
    result = engine.run("lifetime", "Bob", "--", duration)
    assert result.exit_code == 2
    assert not [each for each in engine.asked if isinstance(each, SetLifetime)]


def test_unlocking_by_descriptor(engine: Actor) -> None:
    reading, writing = os.pipe()
    os.write(writing, "härter pässword\n".encode())
    os.close(writing)
    result = engine.run("unlock", "--create", "--passphrase-fd", str(reading))
    assert (result.exit_code, result.stdout) == (
        0,
        "The vault was made and is open. Each guess at its passphrase takes 512 MiB of memory.\n",
    )
    assert engine.asked_for(Unlock) == Unlock(passphrase="härter pässword", create=True)


@pytest.mark.parametrize("held", [b"", b"\n", b"x" * 1025, b"\xff", b"x" * 60_000])
def test_a_descriptor_without_a_passphrase(engine: Actor, held: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, held)
    os.close(writing)
    assert engine.run("unlock", "--passphrase-fd", str(reading)).exit_code == 2
    assert not [each for each in engine.asked if isinstance(each, Unlock)]


def test_a_descriptor_that_is_not_open(engine: Actor) -> None:
    assert "descriptor 987 is not open" in engine.run("unlock", "--passphrase-fd", "987").stderr


def test_unlocking_without_a_terminal(engine: Actor) -> None:
    result = engine.run("unlock", typed="passphrase\n")
    assert result.exit_code == 2
    assert not [each for each in engine.asked if isinstance(each, Unlock)]


def test_status_for_people(engine: Actor) -> None:
    look = engine.run("status").stdout.splitlines()
    assert look == [
        "engine     running, version 1, pid 4194305",
        "vault      open",
        "tor        ready (managed 0.4.9.11)",
        "addresses  none yet",
        "links      0, by default a cell every 2 s",
        (
            "timing     no real-time priority: heavy load may show in the timing "
            "(docs/operations.md, «Real-time priority»)"
        ),
        "lock       not by itself",
    ]


def test_status_says_when_the_vault_locks_itself() -> None:
    report = StatusReport(
        version="1",
        pid=1,
        vault="open",
        amnesic=False,
        tor=TorState(mode="managed"),
        tick=2.0,
        lock_after=900,
    )
    with Actor(answer=lambda _: report) as engine:
        assert "lock       by itself when nobody was there for 15 min\n" in engine.run("status").stdout
    stays = replace(report, lock_receives=True)
    with Actor(answer=lambda _: stays) as engine:
        assert "for 15 min; links stay up and receive then\n" in engine.run("status").stdout
    stays = replace(report, lock_receives=True, lock_after=0)
    with Actor(answer=lambda _: stays) as engine:
        assert "lock       not by itself; links stay up" in engine.run("status").stdout


@pytest.mark.parametrize(
    ("links", "says"), [(1, "receiving  from 1 contact: read after unlocking\n"), (2, "from 2 contacts")]
)
def test_status_says_that_a_locked_vault_receives(links: int, says: str) -> None:
    report = StatusReport(
        version="1",
        pid=1,
        vault="locked",
        amnesic=False,
        tor=TorState(mode="managed"),
        tick=2.0,
        receiving=links,
    )
    with Actor(answer=lambda _: report) as engine:
        assert says in engine.run("status").stdout
    with Actor(answer=lambda _: replace(report, receiving=0)) as engine:
        assert "receiving" not in engine.run("status").stdout


@pytest.mark.parametrize(
    ("mode", "metronome", "tor", "words"),
    [
        ("managed", True, True, "real-time priority\n"),
        ("managed", True, False, "no real-time priority: "),
        ("managed", False, True, "no real-time priority: "),
        ("system", True, False, "real-time priority for what is ours; your tor's is not known"),
        ("system", False, False, "no real-time priority: "),
    ],
)
def test_status_says_who_has_real_time_priority(
    mode: Literal["managed", "system"], metronome: bool, tor: bool, words: str
) -> None:
    report = StatusReport(
        version="1",
        pid=1,
        vault="open",
        amnesic=False,
        tor=TorState(mode=mode),
        tick=2.0,
        metronome_realtime=metronome,
        tor_realtime=tor,
    )
    with Actor(answer=lambda _: report) as engine:
        assert f"timing     {words}" in engine.run("status").stdout


def test_status_of_an_engine_in_trouble() -> None:
    tor = TorState(mode="system", percent=45, words="building circuits", problem="the clock is far off")
    report = StatusReport(
        version="1",
        pid=1,
        vault="locked",
        amnesic=False,
        tor=tor,
        tick=2.0,
        services=3,
        reachable=2,
        reachable_since=1.0,
        elsewhere=1,
        starved_ms=2500.0,
    )
    with Actor(answer=lambda _: report) as engine:
        look = engine.run("status").stdout
        named = f"locked: open it with «onionchat --vault {engine.vault} unlock»"
    assert named in " ".join(look.split())
    assert "45 %, building circuits (system)" in look
    assert "2 of 3 addresses proven reachable, since 1970-01-01" in look
    assert "the clock is far off" in look
    assert "another copy of this vault answers at 1 of your addresses" in look
    assert "waited 2500 ms" in look


def test_stopping_what_is_kept_in_memory_alone_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def amnesic(request: AnyRequest) -> Answer:
        said = answer(request)
        return msgspec.structs.replace(said, amnesic=True) if isinstance(said, StatusReport) else said

    with Actor(answer=amnesic) as engine:
        result = engine.run("stop")
        assert (result.exit_code, "add --yes" in result.stderr) == (2, True)
        monkeypatch.setattr(burn, "_at_a_terminal", lambda: True)
        assert engine.run("stop", typed="n\n").exit_code != 0
        assert not [each for each in engine.asked if isinstance(each, Stop)]
        result = engine.run("stop", typed="y\n")
        assert (result.exit_code, "in memory alone" in result.stderr) == (0, True)
        assert engine.run("stop", "--yes").exit_code == 0
        assert len([each for each in engine.asked if isinstance(each, Stop)]) == 2


def test_stopping_waits_until_the_engine_has_gone(engine: Actor) -> None:
    assert engine.run("stop").stdout == "The engine has ended.\n"
    assert engine.asked_for(Stop) == Stop()


class Ending:
    """A process that ends a little after it was asked to stop."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.pid = self._process.pid
        self.thread = threading.Thread(target=self._end)

    def _end(self) -> None:
        threading.Event().wait(0.1)
        self._process.communicate(b"\n")

    def answer(self, request: AnyRequest) -> Answer:
        if isinstance(request, Stop):
            self.thread.start()
        said = answer(request)
        return msgspec.structs.replace(said, pid=self.pid) if isinstance(said, StatusReport) else said


def test_stopping_returns_when_the_process_is_no_more() -> None:
    ending = Ending()
    with Actor(answer=ending.answer) as engine:
        assert engine.run("stop").exit_code == 0
        with pytest.raises(ProcessLookupError):
            os.kill(ending.pid, 0)
    ending.thread.join()


def test_an_engine_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_commands, "STOP_SECONDS", 0.05)

    def stays(request: AnyRequest) -> Answer:
        said = answer(request)
        return msgspec.structs.replace(said, pid=os.getpid()) if isinstance(said, StatusReport) else said

    with Actor(answer=stays) as engine:
        result = engine.run("stop")
    assert result.exit_code == 6
    assert f"its pid is {os.getpid()}" in result.stderr


def test_an_answer_of_another_kind_is_an_error() -> None:
    with Actor(answer=lambda _: Contacts(contacts=[])) as engine:
        assert engine.json("status")["error"]["code"] == "bad-reply"


def test_a_refusal_of_the_engine_is_two_lines_and_its_status() -> None:
    failure = Failure(code="wrong-passphrase", message="does not open", hint="try again", exit_code=5)
    with Actor(answer=lambda _: failure) as engine:
        result = engine.run("status")
        assert (result.exit_code, result.stdout) == (5, "")
        assert result.stderr == "error: does not open\nhint: try again\n"
        assert json.loads(engine.run("status", "--json").stdout) == {
            "error": {"code": "wrong-passphrase", "message": "does not open", "hint": "try again"}
        }


def test_nothing_that_an_engine_says_acts_on_the_terminal() -> None:
    failure = Failure(code="x", message="a\x1b[2Jb\nerror: c\u202e", hint="\x1b]52;c;eA==\x07d")
    with Actor(answer=lambda _: failure) as engine:
        assert engine.run("status").stderr == "error: ab error: c\nhint: d\n"


def test_before_the_first_message_of_a_vault_it_is_said_what_lifetimes_promise() -> None:
    for first in (True, False):
        play: dict[type[AnyRequest], Answer] = {
            TimerTold: TimerPromise(first=first, words="Messages vanish.")
        }
        with Actor(answer=lambda request, play=play: play.get(type(request)) or answer(request)) as engine:  # type: ignore[misc]  # mypy cannot see defaults of a lambda
            result = engine.run("send", "Bob", "hi")
            kinds = [type(each) for each in engine.asked]
        assert kinds.index(TimerTold) < kinds.index(Send)
        assert ("Messages vanish." in result.stderr) is first
        assert "vanish" not in result.stdout


@pytest.mark.parametrize("seen", [True, False])
def test_what_nobody_can_see_does_not_count_as_told(seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_commands, "_is_seen", lambda: seen)
    play: dict[type[AnyRequest], Answer] = {TimerTold: TimerPromise(first=True, words="Messages vanish.")}
    with Actor(answer=lambda request: play.get(type(request)) or answer(request)) as engine:
        assert "Messages vanish." in engine.run("send", "Bob", "hi").stderr
        told = [each.read for each in engine.asked if isinstance(each, TimerTold)]
    assert told == ([False, True] if seen else [False])


@pytest.mark.parametrize("words", [("lifetime",), ("lifetime", "Bob"), ("lifetime", "Bob", "--allow-off")])
def test_a_lifetime_needs_a_contact_and_a_duration_or_the_vaults_rule_alone(words: tuple[str, ...]) -> None:
    with Actor() as engine:
        result = engine.run(*words)
    assert result.exit_code == 2
    assert "Usage" in result.stderr or "error" in result.stderr
