"""An engine on a small file system that fills up; run by a test, in a mount of its own."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from onionchat.control import replies, requests
from onionchat.errors import ControlError
from onionchat.store.diskvault import ROOM

from .core import foreign_invite
from .world import Running


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(os.urandom(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def texts(engine: Running, contact: str) -> list[str]:
    answer = engine.ask(requests.Messages(contact=contact))
    assert isinstance(answer, replies.Conversation)
    return [message.text[:1] for message in answer.messages]


def main(mount: Path) -> None:
    options = ("--tor", "/nowhere/tor")
    with Running(mount, *options) as engine:
        identity = engine.ask(requests.IdentityCreate(name="ada"))
        assert isinstance(identity, replies.Identity)
        made = engine.ask(
            requests.InviteAccept(identity=identity.identity, code=foreign_invite(), name="nobody")
        )
        assert isinstance(made, replies.Contact)
        fill(mount / "ballast")
        os.truncate(mount / "ballast", (mount / "ballast").stat().st_size - 2 * ROOM)
        sent = 0
        try:
            while sent < 100:
                engine.ask(requests.Send(contact=made.contact, text=chr(ord("A") + sent % 26) * 60000))
                sent += 1
        except ControlError as error:
            print(error.code)
        before = texts(engine, made.contact)
        if len(before) == sent > 0:
            print("whole")
        (mount / "ballast").unlink()
        engine.ask(requests.Send(contact=made.contact, text="!"))
        print("sent")
    with Running(mount, *options) as engine:
        if texts(engine, made.contact) == [*before, "!"]:
            print("kept")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
