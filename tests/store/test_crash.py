"""Killed or failed at any single step, a vault is as it was before the commit or after it.

The steps are every write, sync and reservation of the vault's own files and every SQLite transaction. For
each, the folder is copied as a kill would leave it, and three times more as a power cut might: with all that
was not synced undone, with the unsynced writes half done, and with only the last of each file's done. What
SQLite writes to its log within a transaction is cut off at every half of a frame.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onionchat.errors import DiskFull, StoreError
from onionchat.store import DiskVault, Name, Record, disk, tree
from onionchat.store.rows import Rows

from .kit import State, create, everything, note, records, reopen

Commit = tuple[State, list[Name]]
HALF_A_FRAME = (4096 + 24) // 2
"""Of SQLite's log: a page and what stands before it."""


def scripted_day() -> list[Commit]:
    """Everything that a commit can be: new, replaced, dropped, mixed, large, across pages, growing."""
    chance = random.Random(5)
    day: list[Commit] = [
        ({note(1): b"first"}, []),
        ({note(number): b"n%d" % number for number in range(100)}, []),
        ({note(1): b"again"}, []),
        ({}, [note(2)]),
        ({note(3): bytes(40_000), note(200): b"new"}, [note(4), note(5)]),
        ({note(number): chance.randbytes(60) for number in range(50, 75)}, [note(80)]),
        ({}, [note(number) for number in range(10, 95, 3)]),
        ({note(number): b"more" for number in range(1000, 1000 + 56 * 6)}, []),  # past the reserved pages
        ({note(3): b"small", note(1): b"and again"}, []),
        ({}, [note(number) for number in range(1000, 1000 + 56 * 6, 20)]),
        ({note(2): b"back"}, [note(1)]),
    ]
    return day


def applied(state: State, commit: Commit) -> State:
    puts, drops = commit
    return {name: value for name, value in state.items() if name not in drops} | puts


def lived(folder: Path, commits: int) -> State:
    """Make a vault that has that much of the day behind it."""
    state: State = {}
    vault = create(folder)
    for commit in scripted_day()[:commits]:
        vault.commit(records(commit[0]), commit[1])
        state = applied(state, commit)
    vault.close()
    return state


@pytest.fixture(autouse=True)
def files_that_grow_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "_STEP", 2)


class Steps:
    """Calls a hook before and after each step, and knows what a power cut could undo."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.hook: Callable[[], None] = lambda: None
        self.unsynced: dict[str, list[tuple[int, bytes, bytes]]] = {}
        self.synced_log = 0
        self.torn: int | None = None
        """Where the log ends, in the midst of a transaction."""
        real_write, real_sync, real_reserve = disk.write_at, disk.sync, disk.reserve
        real_put, real_drop = Rows.put, Rows.drop

        def write_at(descriptor: int, data: bytes, offset: int) -> None:
            before = os.pread(descriptor, len(data), offset).ljust(len(data), b"\0")
            self.hook()
            real_write(descriptor, data, offset)
            self.unsynced.setdefault(_file(descriptor), []).append((offset, before, data))
            self.hook()

        def sync(descriptor: int) -> None:
            real_sync(descriptor)
            self.unsynced.pop(_file(descriptor), None)
            self.hook()

        def reserve(descriptor: int, size: int) -> None:
            real_reserve(descriptor, size)
            self.hook()

        def put(rows: Rows, values: Iterable[tuple[int, bytes]]) -> None:
            self.hook()
            begin = self._log_size()
            real_put(rows, values)
            for torn in range(begin, self._log_size(), HALF_A_FRAME):
                self.torn = torn
                try:
                    self.hook()
                finally:
                    self.torn = None
            self.synced_log = self._log_size()
            self.hook()

        def drop(rows: Rows, slots: Iterable[int]) -> None:
            self.hook()
            real_drop(rows, slots)
            self.hook()

        for target, name, step in (
            (disk, "write_at", write_at),
            (disk, "sync", sync),
            (disk, "reserve", reserve),
            (Rows, "put", put),
            (Rows, "drop", drop),
        ):
            patch.setattr(target, name, step)

    def copies(self, place: Path) -> Iterator[Path]:
        """The folder as a kill leaves it, and as power cuts may, by the share of unsynced writes done."""
        unsynced, synced_log = {name: list(writes) for name, writes in self.unsynced.items()}, self.synced_log
        if (torn := self.torn) is not None:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self.folder, place)
            os.truncate(place / "sealed" / "rows-wal", torn)
            yield place
            self.unsynced, self.synced_log = unsynced, synced_log
            return
        for earlier, last in ((1.0, 1.0), (0.0, 0.0), (0.5, 0.5), (0.0, 1.0)):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self.folder, place)
            for name, writes in unsynced.items():
                _undo(place / "sealed" / name, writes[-1:], last)
                _undo(place / "sealed" / name, writes[:-1], earlier)
            if earlier == 0.0 and self._log_size() > synced_log:
                os.truncate(place / "sealed" / "rows-wal", synced_log)
            yield place
        self.unsynced, self.synced_log = unsynced, synced_log  # what was done to the copies does not count

    def _log_size(self) -> int:
        log = self.folder / "sealed" / "rows-wal"
        return log.stat().st_size if log.exists() else 0


def _undo(path: Path, writes: list[tuple[int, bytes, bytes]], done: float) -> None:
    with path.open("r+b") as file:
        for offset, before, data in reversed(writes):
            kept = int(len(data) * done)
            file.seek(offset)
            file.write(data[:kept] + before[kept:])


def _file(descriptor: int) -> str:
    return Path(f"/proc/self/fd/{descriptor}").readlink().name


@contextmanager
def opened(folder: Path) -> Iterator[DiskVault]:
    vault = reopen(folder)
    try:
        yield vault
    finally:
        vault.close()


@pytest.mark.parametrize("number", range(len(scripted_day())))
def test_a_kill_or_a_power_cut_at_any_step_leaves_before_or_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folder, copy = tmp_path / "vault", tmp_path / "copy"
    before = lived(folder, number)
    commit = scripted_day()[number]
    after = applied(before, commit)
    seen: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        steps = Steps(patch, folder)
        vault = reopen(folder)
        steps.synced_log = steps._log_size()

        def look() -> None:
            steps.hook = lambda: None
            for place in steps.copies(copy):
                with opened(place) as survivor:
                    found = everything(survivor)
                    assert found in (before, after)
                    assert survivor._rows.slots() == survivor._index.taken()  # no row without a key stays
                    seen["after" if found == after else "before"] += 1
                    survivor.commit([Record(note(9999), b"life goes on")], [note(50)])
                with opened(place) as survivor:
                    gone_on = applied(found, ({note(9999): b"life goes on"}, [note(50)]))
                    assert everything(survivor) == gone_on
            steps.hook = look

        steps.hook = look
        vault.commit(records(commit[0]), commit[1])
        assert min(seen["before"], seen["after"]) >= 6
        seen.clear()
        look()  # once the commit has returned, nothing can undo it
        assert seen == {"after": 4}
        vault.close()


def test_what_has_ended_goes_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, copy = tmp_path / "vault", tmp_path / "copy"
    with monkeypatch.context() as patch, opened(_ending(folder)) as vault:
        before = everything(vault)
        after = {name: value for name, value in before.items() if value == b"stays"}
        steps = Steps(patch, folder)
        steps.synced_log = steps._log_size()
        seen: Counter[str] = Counter()

        def look() -> None:
            steps.hook = lambda: None
            for place in steps.copies(copy):
                with opened(place) as survivor:
                    found = everything(survivor)
                    assert found in (before, after)
                    seen["after" if found == after else "before"] += 1
                    assert survivor.expire(5.0) == len(found) - len(after)
                    assert everything(survivor) == after
            steps.hook = look

        steps.hook = look
        assert vault.expire(5.0) == 225
        assert min(seen["before"], seen["after"]) >= 6
        seen.clear()
        look()
        assert seen == {"after": 4}
        steps.hook = lambda: None


def _ending(folder: Path) -> Path:
    """A vault of which most has ended at 5.0."""
    vault = create(folder)
    vault.commit(
        [Record(note(n), b"goes", until=5.0) if n % 4 else Record(note(n), b"stays") for n in range(300)]
    )
    vault.close()
    return folder


@pytest.mark.parametrize("number", [3, 4, 7, 10])
@pytest.mark.parametrize("kind", [DiskFull, StoreError, KeyboardInterrupt])
def test_a_failure_at_any_step_changes_nothing_or_ends_the_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[BaseException]
) -> None:
    start, folder = tmp_path / "start", tmp_path / "vault"
    before = lived(start, number)
    commit = scripted_day()[number]
    outcomes: Counter[str] = Counter()
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        countdown = outcomes.total() + 1
        with monkeypatch.context() as patch, opened(folder) as vault:
            steps = Steps(patch, folder)

            def fail() -> None:
                nonlocal countdown
                countdown -= 1
                if countdown == 0:
                    raise kind("not now")

            steps.hook = fail
            outcomes[_outcome(vault, commit, before)] += 1
        with opened(folder) as survivor:
            assert everything(survivor) in (before, applied(before, commit))
        if countdown > 0:
            break
    assert outcomes["done"] >= 1
    assert outcomes["refused" if kind is DiskFull else "ended"] >= 5


def _outcome(vault: DiskVault, commit: Commit, before: State) -> str:
    """Try a commit: it is done, or refused without a trace and done at the second try, or ends the vault."""
    puts, drops = records(commit[0]), commit[1]
    after = applied(before, commit)
    outcome = "done"
    try:
        vault.commit(puts, drops)
    except DiskFull:
        outcome = "refused"
        assert everything(vault) == before
        assert vault._rows.slots() == vault._index.taken()
        vault.commit(puts, drops)
    except (StoreError, KeyboardInterrupt):
        try:
            vault.get(note(1))
        except StoreError:
            return "ended"
    assert everything(vault) == after
    return outcome


WORKER = """
import os, sys
from pathlib import Path
from tests.store.kit import note, reopen
from onionchat.store import Record
LAST = note(0)
vault = reopen(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    number += 1
    value = b"%d" % number
    vault.commit([Record(LAST, value), Record(note(number + 5), value)], [note(number)])
    print(number, flush=True)
"""


def test_killed_for_real_and_again(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    create(folder).close()
    chance = random.Random()
    last = 0
    for _ in range(6):
        told = last
        with subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), str(last)], stdout=subprocess.PIPE, text=True
        ) as worker:
            try:
                assert worker.stdout is not None
                for _ in range(chance.randrange(1, 60)):
                    told = int(worker.stdout.readline())
            finally:
                os.kill(worker.pid, signal.SIGKILL)
            for line in worker.stdout:
                told = int(line)
        with opened(folder) as vault:
            found = everything(vault)
        last = int(found[note(0)])
        assert last in (told, told + 1)
        expected = {note(number + 5): b"%d" % number for number in range(max(1, last - 4), last + 1)}
        assert found == expected | {note(0): b"%d" % last}
