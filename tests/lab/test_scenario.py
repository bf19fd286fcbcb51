"""What somebody does in a window, and whether it came in time, before a made-up screen and engine."""

from __future__ import annotations

import random
import time

import pytest

from onionchat.control.replies import Conversation, Done, Message
from onionchat.control.requests import AnyRequest, Delete, Messages, Send
from onionchat.lab.load import Load
from onionchat.lab.scenario import PASTED, Person, Scenario
from onionchat.lab.stage import Stage

SPAN, TICK = 0.05, 0.004


def message(name: str, written: float, *, mine: bool = True) -> Message:
    return Message(
        message=name, contact="0a", mine=mine, text="…", written=written, state="delivered", lifetime=60
    )


class MadeUpStation:
    """Keeps what it is asked, and has the messages that it was given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.asked: list[AnyRequest] = []

    def ask(self, request: AnyRequest, _kind: object) -> object:
        self.asked.append(request)
        if isinstance(request, Messages):
            return Conversation(messages=self.messages)
        return message("ff", 0.0) if isinstance(request, Send) else Done()


class MadeUpSide:
    def __init__(self) -> None:
        self.station = MadeUpStation()
        self.contact = "0a"


class MadeUpScreen:
    def __init__(self) -> None:
        self.typed = ""
        self.pasted = ""
        self.frozen: list[bool] = []

    def write(self, text: str) -> None:
        self.typed += text

    def paste(self, text: str) -> None:
        self.pasted += text

    def freeze(self) -> None:
        self.frozen.append(True)

    def thaw(self) -> None:
        self.frozen.append(False)


class MadeUpStage(Stage):
    def __init__(self) -> None:
        self.here, self.there, self.tube = MadeUpSide(), MadeUpSide(), MadeUpScreen()
        self.watched = self.here  # type: ignore[assignment] # all that a person looks at
        self.other = self.there  # type: ignore[assignment] # as above
        self.screen = self.tube  # type: ignore[assignment] # as above

    def unread(self) -> int:
        return 0


class CountedLoad(Load):
    bursts = 0

    def burst(self) -> None:
        self.bursts += 1


def acting(scenario: Scenario) -> tuple[MadeUpStage, CountedLoad, Person]:
    stage, load = MadeUpStage(), CountedLoad(steps_back=True)
    stage.here.station.messages = [message("01", 1.0), message("02", 1.0, mine=False)]
    person = Person(stage, load, random.Random(1))
    person.prepare()
    begin = time.monotonic()
    person.act(scenario, SPAN, TICK)
    assert time.monotonic() - begin >= SPAN
    return stage, load, person


def test_nobody_does_anything() -> None:
    stage, load, person = acting("idle")
    assert (stage.tube.typed, stage.tube.pasted, stage.tube.frozen) == ("", "", [])
    assert not stage.there.station.asked
    assert (person.sent, load.bursts) == (0, 0)
    assert acting("online")[0].tube.frozen == [True, False]


@pytest.mark.parametrize("scenario", ["chat", "typing", "chat_heavy", "typing_heavy"])
def test_a_message_is_typed_and_sent(scenario: Scenario) -> None:
    stage, load, person = acting(scenario)
    assert stage.tube.typed.endswith("\r")
    assert stage.tube.typed.count("\r") == person.sent == 1
    assert load.bursts == scenario.endswith("heavy")


def test_a_long_text_is_pasted_and_sent() -> None:
    stage, _, _ = acting("paste")
    assert len(stage.tube.pasted) == PASTED
    assert stage.tube.typed == "\r"


def test_the_other_sends() -> None:
    stage, _, person = acting("receiving")
    assert [type(one) for one in stage.there.station.asked] == [Send]
    assert (stage.tube.typed, person.sent) == ("", 0)


def test_one_of_ours_is_deleted_for_both() -> None:
    stage, _, _ = acting("deletion")
    deleted = [one for one in stage.here.station.asked if isinstance(one, Delete)]
    assert [(one.message, one.both) for one in deleted] == [("01", True)]


def test_in_time_is_what_the_engine_got_within_its_window() -> None:
    stage = MadeUpStage()
    person = Person(stage, CountedLoad(steps_back=True), random.Random(1))
    begin = time.monotonic()
    wall = time.time()
    windows = [("idle", begin), ("chat", begin + 1), ("deletion", begin + 2), ("paste_heavy", begin + 3)]
    for chat, paste, mine, good in (
        (1.2, 3.2, True, True),
        (1.2, 4.0, True, False),
        (0.9, 3.2, True, False),
        (1.2, 3.2, False, False),
    ):
        stage.here.station.messages = [
            message("01", wall + chat),
            message("02", wall + paste, mine=mine),
        ]
        assert person.timely(windows, 0.5) is good
    stage.here.station.messages = []
    assert person.timely(windows[:1], 0.5)
