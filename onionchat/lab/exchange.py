"""The conversation that the headless demo holds: twenty messages each way, through thick and thin.

Laws: it only acts and writes down what was seen; `verdict` judges. What does not come within its time is
missing in the record, and nothing is tried again.

Order: ten messages each way, one at a time, while one of yours expires and one of the friend's is deleted
for both; then five each way at once, and as soon as the first of them has arrived the friend's engine is
killed; five of yours while it is down; the friend's last five after it came back.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from ..control import notices, replies, requests
from ..errors import ControlError
from .network import Progress
from .pair import Pair
from .station import Station
from .verdict import SIDES, Arrived, Gone, Record, Sent, Side, other
from .watcher import Watcher

ONE_BY_ONE: Final = 10
AT_ONCE: Final = 5
LIFETIME: Final = 5
"""Seconds that the message lives which is to expire; its clock starts when it was shown or delivered."""
ARRIVAL_SECONDS: Final = 30.0
GONE_SECONDS: Final = 30.0
REUNION_SECONDS: Final = 60.0
"""For everything that was under way when an engine was killed."""
LONG: Final = 6000
"""Bytes: four fragments."""


class Exchange:
    """One run, on a pair whose links go through taps."""

    def __init__(self, pair: Pair, tell: Progress) -> None:
        self._pair = pair
        self._tell = tell
        self._stations: dict[Side, Station] = {"you": pair.you, "friend": pair.friend}
        self._contacts: dict[Side, str] = {"you": pair.your_contact, "friend": pair.their_contact}
        self._watchers: list[tuple[Side, Watcher]] = []
        self._current: dict[Side, Watcher] = {}
        self._steps = 0
        self.record = Record(bootstrap_s=pair.bootstrap_s, publish_s=pair.publish_s, connect_s=pair.connect_s)

    def run(self) -> Record:
        """Hold the conversation."""
        for side in SIDES:
            self._watch(side)
        self._one_by_one()
        self._through_a_crash()
        self._say("looking at what both have now")
        self._collect()
        return self.record

    def _one_by_one(self) -> None:
        for number in range(ONE_BY_ONE):
            self._say(f"exchanging messages: {number + 1} of {ONE_BY_ONE}")
            mine = self._send("you", _text(number), lifetime=LIFETIME if number == 1 else None)
            theirs = self._send("friend", _text(number))
            for sent in (mine, theirs):
                self._arrives(sent, ARRIVAL_SECONDS)
            if number == 1:
                self._show("friend", mine.message)
                self.record.expiring = mine.message
            if number == 2:
                self.record.deleted = theirs.message
                request = requests.Delete(contact=self._contacts["friend"], message=theirs.message, both=True)
                self._stations["friend"].ask(request, replies.Done)
        self._say("waiting for one message to expire and one to be deleted")
        for message in (self.record.expiring, self.record.deleted):
            for side in SIDES:
                self._is_gone(side, message)

    def _through_a_crash(self) -> None:
        friend = self._stations["friend"]
        burst = [
            self._send(side, _text(number), undisturbed=False)
            for number in range(ONE_BY_ONE, ONE_BY_ONE + AT_ONCE)
            for side in SIDES
        ]
        for sent in burst[:2]:
            self._arrives(sent, ARRIVAL_SECONDS)
        self._say("killing the friend's engine in the middle")
        killed = friend.kill_engine()
        last = range(ONE_BY_ONE + AT_ONCE, ONE_BY_ONE + 2 * AT_ONCE)
        burst += [self._send("you", _text(number), undisturbed=False) for number in last]
        self._say("starting it again")
        friend.resume(killed)
        self.record.restarted = friend.pid != killed
        self._watch("friend")
        burst += [self._send("friend", _text(number), undisturbed=False) for number in last]
        self._say("waiting for all that was under way")
        deadline = time.monotonic() + REUNION_SECONDS
        for sent in burst:
            self._arrives(sent, deadline - time.monotonic())

    # --- acting ------------------------------------------------------------------------------------

    def _send(self, side: Side, text: str, *, lifetime: int | None = None, undisturbed: bool = True) -> Sent:
        request = requests.Send(contact=self._contacts[side], text=text, lifetime=lifetime)
        at = time.monotonic()
        message = self._stations[side].ask(request, replies.Message).message
        sent = Sent(side=side, message=message, text=text, at=at, undisturbed=undisturbed)
        self.record.sent.append(sent)
        return sent

    def _show(self, side: Side, message: str) -> None:
        request = requests.Shown(contact=self._contacts[side], messages=[message])
        self._stations[side].ask(request, replies.Done)

    def _watch(self, side: Side) -> None:
        watcher = self._stations[side].watch()
        self._watchers.append((side, watcher))
        self._current[side] = watcher

    def _say(self, words: str) -> None:
        self._steps += 1
        self._tell(min(1.0, self._steps / (ONE_BY_ONE + 5)), words)

    # --- seeing ------------------------------------------------------------------------------------

    def _arrives(self, sent: Sent, seconds: float) -> None:
        """Wait for it at the other side; an engine that was killed may have stored it without a word."""
        there = other(sent.side)
        watcher = self._current[there]
        if any(one.message == sent.message for one in self._arrivals(there)):
            return
        with suppress(ControlError):
            if sent.message in self._held(there):
                return
        watcher.wait(
            lambda: any(
                isinstance(seen.notice, notices.MessageArrived)
                and seen.notice.message.message == sent.message
                for seen in watcher.sightings
            ),
            seconds,
        )

    def _is_gone(self, side: Side, message: str) -> None:
        watcher = self._current[side]
        watcher.wait(
            lambda: any(
                isinstance(seen.notice, notices.MessageGone) and seen.notice.message == message
                for seen in watcher.sightings
            ),
            GONE_SECONDS,
        )

    def _arrivals(self, side: Side) -> list[Arrived]:
        """What was shown there as received, by all engines that this side has had."""
        return [
            Arrived(
                side=side,
                message=seen.notice.message.message,
                text=seen.notice.message.text,
                at=seen.at,
            )
            for where, watcher in self._watchers
            if where == side
            for seen in tuple(watcher.sightings)
            if isinstance(seen.notice, notices.MessageArrived) and not seen.notice.message.mine
        ]

    def _held(self, side: Side) -> dict[str, str]:
        request = requests.Messages(contact=self._contacts[side], limit=1000)
        found = self._stations[side].ask(request, replies.Conversation).messages
        return {one.message: one.text for one in found}

    def _collect(self) -> None:
        record = self.record
        for side in SIDES:
            record.arrived += self._arrivals(side)
            record.kept[side] = self._held(side)
            tap = self._stations[side].tap
            if tap is not None:
                record.sizes += tap.sizes_out
        record.gone = [
            Gone(side=side, message=seen.notice.message, why=seen.notice.why)
            for side, watcher in self._watchers
            for seen in tuple(watcher.sightings)
            if isinstance(seen.notice, notices.MessageGone)
        ]


def _text(number: int) -> str:
    """Every fifth is long."""
    words = f"This is message {number + 1}. "
    return words if number % 5 != 4 else words * (LONG // len(words))
