"""Everything on the blocks of a real file system, for who has the passphrase: what was erased is not there.

Each disk is an ext4 image on a loop device. After a day of messages, many of which are erased, every block of
it is searched: for texts and keys as they are, and by the reader that tries every key that it comes to on
every block. Only root can mount, so others skip this.
"""

from __future__ import annotations

import math
import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onionchat.engine.doctor import Machine
from onionchat.engine.doctor_disk import disk_findings
from onionchat.lab.erasure_reader import Copy, copied, reachable, read
from onionchat.lab.needles import Needles, Sought
from onionchat.protocol.record import MessageRecord, SessionRecord, pack
from onionchat.store import DiskVault, Name, Record, open_vault
from tests.store.kit import FLOOR, PASSPHRASE, create, reopen

SIZE = 96 * 1024 * 1024
MESSAGES = 2500
ERASED = 1000
BRIEF = 0.2
"""Of these in the controls."""
AT_ONCE = 50
END = 9.0
"""When what is to expire does."""
ANOTHER = "another passphrase"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")


@contextmanager
def mounted(image: Path, mode: str) -> Iterator[Path]:
    """A fresh ext4 on a loop device; gone from the system at the end, while the image stays."""
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", image], check=True)
    place = image.with_suffix(".mount")
    place.mkdir()
    mount = ["mount", "-o", f"loop,data={mode}", str(image), str(place)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no loop device to mount: {done.stderr.strip()}")
    try:
        yield place
    except BaseException:
        subprocess.run(["umount", "--lazy", place], check=True)  # something may still be open in it
        raise
    subprocess.run(["umount", place], check=True)


def name(number: int) -> Name:
    return Name("message", b"contact", number.to_bytes(16))


def message(number: int, text: str, until: float = math.inf) -> Record:
    held = MessageRecord(
        id=number.to_bytes(16), mine=True, text=text, written=1.0, stored=1.0, lifetime=9, until=9.0
    )
    return Record(name(number), pack(held), until=until)


def step(vault: DiskVault, puts: list[Record], drops: list[Name]) -> None:
    """A commit with its ratchet step, as every one has."""
    session = Record(Name("session", b"contact", b""), pack(SessionRecord(ratchet=os.urandom(2500))))
    vault.commit([*puts, session], drops)


def live(folder: Path, texts: list[str], erased: int) -> tuple[Copy, list[int]]:
    """A day in a vault: messages come; some are deleted one by one, some many at once, some expire.

    In between the vault is closed and opened again, and its passphrase is changed.

    Returns:
        The vault as it was when all were alive, and the numbers of those that went.
    """
    gone = random.Random(7).sample(range(len(texts)), erased)
    third = erased // 3
    alone, together, expiring = gone[:third], gone[third : 2 * third], gone[2 * third :]
    ends = dict.fromkeys(expiring, END)
    vault = create(folder / "vault")
    for first in range(0, len(texts), AT_ONCE):
        batch = range(first, min(first + AT_ONCE, len(texts)))
        step(vault, [message(number, texts[number], ends.get(number, math.inf)) for number in batch], [])
    vault.close()
    before = read(copied(folder / "vault", folder.parent / "before"), PASSPHRASE, floor=FLOOR)
    vault = reopen(folder / "vault")
    for number in alone:
        step(vault, [], [name(number)])
    vault.unlocking.change_passphrase(PASSPHRASE, ANOTHER)
    vault.close()
    vault = open_vault(folder / "vault", ANOTHER, random=os.urandom, floor=FLOOR)
    for first in range(0, len(together), AT_ONCE):
        step(vault, [], [name(number) for number in together[first : first + AT_ONCE]])
    assert vault.expire(END) == len(expiring)
    vault.close()
    return before, gone


def read_disk(tmp_path: Path, mode: str, messages: int, erased: int) -> tuple[set[int], set[int], int]:
    """Of which messages that were erased, and of which that are alive, anything lies open on the disk.

    And how many bytes that are not zero were looked at.
    """
    texts = [os.urandom(40).hex() for _ in range(messages)]
    with mounted(tmp_path / "disk", mode) as place:
        warned = disk_findings(Machine(), place)[0].verdict
        assert warned == ("bad" if mode == "journal" else "ok")
        before, gone = live(place, texts, erased)
        after = read(copied(place / "vault", tmp_path / "after"), ANOTHER, floor=FLOOR)
    disk = (tmp_path / "disk").read_bytes()
    number_of = {text: number for number, text in enumerate(texts)}
    keys = {row.key: number_of[row.text] for row in before.rows if row.text}
    sought = [Sought(kind="text", data=text.encode()) for text in texts]
    sought += [Sought(kind="key", data=key) for key in keys]
    plain = {number for number, _, _ in Needles(sought, stride=8).find(disk)}
    numbers = [*range(messages), *keys.values()]
    # with the passphrase of today, and with what the one of yesterday opened
    reached = reachable([disk], after.unlocked).values | reachable([disk], before.unlocked).values
    found = {numbers[at] for at in plain} | {keys[key] for key in reached if key in keys}
    return found & {*gone}, found - {*gone}, len(disk) - disk.count(0)


def test_of_what_was_erased_nothing_is_on_any_block(tmp_path: Path) -> None:
    erased, alive, size = read_disk(tmp_path, "ordered", MESSAGES, ERASED)
    assert erased == set()
    assert len(alive) == MESSAGES - ERASED  # the same search finds all that is alive
    assert size > MESSAGES * 512  # and their rows are among what was looked at


def test_a_journal_of_data_keeps_what_was_erased(tmp_path: Path) -> None:
    """What `doctor` warns of, and the proof that the reader finds old roots where there are some."""
    messages, count = round(BRIEF * MESSAGES), round(BRIEF * ERASED)
    erased, alive, _ = read_disk(tmp_path, "journal", messages, count)
    assert erased
    assert len(alive) == messages - count


def test_without_the_tree_secure_delete_leaves_keys(tmp_path: Path) -> None:
    keys = [os.urandom(32) for _ in range(round(BRIEF * MESSAGES))]
    gone = random.Random(7).sample(range(len(keys)), round(BRIEF * ERASED))
    with mounted(tmp_path / "disk", "ordered") as place:
        database = sqlite3.connect(place / "rows", isolation_level=None)
        for statement in ("secure_delete=ON", "journal_mode=WAL", "synchronous=FULL"):
            database.execute(f"PRAGMA {statement}").fetchall()
        database.execute("CREATE TABLE row (slot INTEGER PRIMARY KEY, key BLOB)")
        for first in range(0, len(keys), AT_ONCE):
            database.execute("BEGIN")
            rows = enumerate(keys[first : first + AT_ONCE], first)
            database.executemany("INSERT INTO row VALUES (?, ?)", rows)
            database.execute("COMMIT")
        for number in gone:
            database.execute("DELETE FROM row WHERE slot = ?", (number,))
        assert database.execute("SELECT count(*) FROM row").fetchone() == (len(keys) - len(gone),)
        database.close()
    disk = (tmp_path / "disk").read_bytes()
    needles = Needles([Sought(kind="key", data=keys[number]) for number in gone], stride=8)
    found = {number for number, _, whole in needles.find(disk) if whole}
    assert found
