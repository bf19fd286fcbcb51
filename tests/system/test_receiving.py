"""Two engines over real tor: one is locked and receives; its address is gone, and the link stays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from onionchat.control.replies import Contacts, Conversation, Done, Message, StatusReport
from onionchat.control.requests import ContactList, Lock, Messages, Send, Status
from onionchat.lab.network import PrivateNetwork
from onionchat.lab.pair import get_ready, introduce
from onionchat.lab.station import Station

pytestmark = pytest.mark.realtor

PATIENCE = 120.0
LONGER_THAN_SILENCE = 40.0
"""Seconds: on a link that had ended without a word nothing would be heard for so long."""


def wait_until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_a_link_outlives_the_lock_and_its_service(tmp_path: Path, network: PrivateNetwork) -> None:
    reading, writing = os.pipe()
    you, friend = (Station(tmp_path / name, torrc=network.client_torrc, lifeline=reading) for name in "ab")
    try:
        for number, station in enumerate((you, friend)):
            station.start()
            get_ready(station, number, lambda _part, _words: None)
        pair = introduce(you, friend, 0.0, lambda _part, _words: None)
        friend.ask(Lock(receive=True), Done)
        said = []
        for number in range(3):
            said.append(f"number {number}")
            you.ask(Send(contact=pair.your_contact, text=said[-1]), Message)
            time.sleep(LONGER_THAN_SILENCE / 3)
        (contact,) = you.ask(ContactList(), Contacts).contacts
        status = friend.ask(Status(), StatusReport)
        assert (contact.presence, status.vault, status.receiving, status.services) == (
            "online",
            "locked",
            1,
            0,
        )
        mine = you.ask(Messages(contact=pair.your_contact), Conversation).messages
        assert [one.state for one in mine] == ["sent"] * 3
        assert (friend.folder / "sealed" / "box").exists()
        friend.unlock()
        theirs = friend.ask(Messages(contact=pair.their_contact), Conversation).messages
        assert [one.text for one in theirs] == said
        assert not (friend.folder / "sealed" / "box").exists()
        wait_until(
            lambda: all(
                one.state == "delivered"
                for one in you.ask(Messages(contact=pair.your_contact), Conversation).messages
            )
        )
    finally:
        for station in (you, friend):
            station.end()
        for station in (you, friend):
            station.wait()
        os.close(reading)
        os.close(writing)
