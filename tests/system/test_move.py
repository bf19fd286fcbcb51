"""An identity on another machine, over real tor: its contact is told, and two copies at once are noticed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from onionchat.client.blocking import Client
from onionchat.control import control_socket
from onionchat.control.replies import Backup, Contact, Contacts, Conversation, Message, StatusReport
from onionchat.control.requests import (
    AnyRequest,
    BackupMake,
    BackupRestore,
    ContactList,
    Messages,
    Send,
    Status,
)
from onionchat.errors import ControlError
from onionchat.lab.ending import lifeline
from onionchat.lab.network import PrivateNetwork
from onionchat.lab.pair import introduce
from onionchat.lab.station import R, Station
from onionchat.lab.workplace import workplace
from onionchat.protocol.lines import COPY_THERE, RESTORED_HERE

from .conftest import PATIENCE, wait_until

pytestmark = pytest.mark.realtor

BACKUPS = "passphrase of a backup"


class Newcomer:
    """An engine that has no vault yet."""

    def __init__(self, folder: Path, torrc: str, line: int) -> None:
        self.folder = folder
        settings = folder.with_suffix(".torrc")
        settings.write_text(torrc)
        words = ["--vault", str(folder), "serve", "--tick", "1", "--torrc", str(settings)]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "onionchat", *words, "--lifeline-fd", str(line)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(line,),
            start_new_session=True,
        )

    def ask(self, request: AnyRequest, kind: type[R]) -> R:
        """The engine's answer."""
        with Client.connect(control_socket(self.folder)) as client:
            result: object = client.ask(request)
        assert isinstance(result, kind)
        return result

    def is_ready(self) -> bool:
        """Whether it answers, and its tor is ready."""
        assert self._process.poll() is None
        try:
            return self.ask(Status(), StatusReport).tor.ready
        except ControlError:
            return False

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)


def contact(one: Station | Newcomer) -> Contact:
    """Its only one."""
    (found,) = one.ask(ContactList(), Contacts).contacts
    return found


def says(one: Station | Newcomer, text: str) -> bool:
    """Whether its only conversation has this text."""
    found = one.ask(Messages(contact=contact(one).contact), Conversation).messages
    return text in [each.text for each in found]


@contextmanager
def acquainted(network: PrivateNetwork, folder: Path) -> Iterator[tuple[Station, Station, Newcomer]]:
    """Two who know each other, and a third who has nothing."""
    with lifeline() as line, ExitStack() as stack:
        old, friend = (Station(folder / name, torrc=network.client_torrc, lifeline=line) for name in "of")
        for one in (old, friend):
            stack.callback(one.wait)
            stack.callback(one.end)
            one.start()
        new = Newcomer(folder / "n", network.client_torrc, line)
        stack.callback(new.end)
        for one in (old, friend):
            one.until_open()
            one.until_ready()
        introduce(old, friend, 0.0, lambda _part, _words: None)
        wait_until(new.is_ready)
        yield old, friend, new


def test_who_comes_from_a_backup_is_announced_and_two_copies_are_noticed(network: PrivateNetwork) -> None:
    with workplace() as folder, acquainted(network, folder) as (old, friend, new):
        file = str(folder / "backup")
        made = old.ask(BackupMake(file=file, passphrase=old.passphrase, new=BACKUPS), Backup)
        assert (made.identities, made.contacts, made.left_out) == (1, 1, [])
        request = BackupRestore(file=file, passphrase=BACKUPS, new="passphrase of a vault")
        restored = new.ask(request, Backup)
        assert (restored.identities, restored.contacts, restored.left_out) == (1, 1, [])
        wait_until(partial(says, new, RESTORED_HERE))
        wait_until(partial(says, friend, COPY_THERE))  # the old one was on line
        new.ask(Send(contact=contact(new).contact, text="from another machine"), Message)
        wait_until(partial(says, friend, "from another machine"))
        friend.ask(Send(contact=contact(friend).contact, text="welcome"), Message)
        wait_until(partial(says, new, "welcome"))
        assert not says(old, "welcome")
