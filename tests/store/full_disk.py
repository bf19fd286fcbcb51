"""Fills a small file system with a vault on it; run by a test, in a mount of its own."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from onionchat.errors import DiskFull
from onionchat.store import DiskVault, Record, open_vault

from .kit import FLOOR, PASSPHRASE, State, create, everything, note, put_all, reopen


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(os.urandom(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def is_refused(vault: DiskVault, state: State) -> bool:
    try:
        vault.commit([Record(note(9000 + number), os.urandom(5000)) for number in range(200)], [note(1)])
    except DiskFull:
        return everything(vault) == state
    return False


def main(mount: Path) -> None:
    folder, ballast = mount / "vault", mount / "ballast"
    state: State = {note(number): b"value %d" % number for number in range(150)}
    vault = create(folder)
    put_all(vault, state)
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    fill(ballast)
    if is_refused(vault, state):
        print("full")
    for number in range(100):
        vault.commit(drops=[note(number)])
        del state[note(number)]
    if everything(vault) == state and is_refused(vault, state):
        print("erased")
    vault.close()
    vault = reopen(folder)
    vault.commit(drops=[note(100), note(101)])
    del state[note(100)], state[note(101)]
    if everything(vault) == state:
        print("reopened")
    ballast.unlink()
    vault.commit([Record(note(9000), bytes(5000))])
    state[note(9000)] = bytes(5000)
    vault.close()
    vault = reopen(folder)
    if everything(vault) == state:
        print("stored")
    vault.close()
    fill(ballast)
    vault = open_vault(folder, "duress", random=os.urandom, floor=FLOOR)
    if not everything(vault):
        print("burned")
    vault.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
