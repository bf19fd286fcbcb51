"""The suite ``erasure``: that it finds what is there, and that it runs from end to end."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from onionchat.errors import ConfigError, StoreError, WrongPassphrase
from onionchat.lab import erasure, erasure_life
from onionchat.lab.ending import lifeline
from onionchat.lab.erasure import Traces, _in_files, _judge, measure
from onionchat.lab.erasure_life import Life
from onionchat.lab.erasure_reader import Copy, copied, opened_with, reachable, read
from onionchat.lab.evidence import Evidence
from onionchat.lab.needles import Needles, Sought
from onionchat.lab.progress import Progress
from onionchat.protocol.record import MessageRecord, OutgoingRecord, pack
from onionchat.store import FileSlot, Name, Record
from tests.store.kit import FLOOR, PASSPHRASE, create, reopen

TEXTS = [f"marked {number}" for number in range(200)]
MEMORY = ["a message that lives in memory alone"]


def message(number: int, text: str = "") -> Record:
    held = MessageRecord(
        id=number.to_bytes(16),
        mine=True,
        text=text or TEXTS[number],
        written=1.0,
        stored=1.0,
        lifetime=9,
        until=9.0,
    )
    return Record(name(number), pack(held))


def name(number: int) -> Name:
    return Name("message", b"contact", number.to_bytes(16))


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A vault with all messages, and something else."""
    opened = create(tmp_path / "vault")
    opened.commit([message(number) for number in range(200)])
    opened.commit([Record(Name("other", b"", b""), b"thing")])
    opened.close()
    return tmp_path / "vault"


def copy_of(vault: Path, place: Path) -> Copy:
    return read(copied(vault, place), PASSPHRASE, floor=FLOOR)


def erase(vault: Path, numbers: range) -> None:
    opened = reopen(vault)
    opened.commit(drops=[name(number) for number in numbers])
    opened.close()


def test_a_copy_is_read_whole(vault: Path, tmp_path: Path) -> None:
    copy = copy_of(vault, tmp_path / "copy")
    assert copy.texts() == set(TEXTS)
    assert Counter(row.kind for row in copy.rows) == {"message": 200, "other": 1}
    reached = reachable(copy.files(), copy.unlocked)
    assert reached.values == {row.key for row in copy.rows}
    assert (len(reached.roots), len(reached.pages)) == (1, 4)


def test_a_text_that_waits_to_be_acknowledged_is_read_too(vault: Path, tmp_path: Path) -> None:
    opened = reopen(vault)
    waits = OutgoingRecord(id=b"o", sequence=1, kind="text", written=1.0, data=b"waits", until=9.0)
    opened.commit([Record(Name("outgoing", b"contact", b"o"), pack(waits))])
    opened.close()
    assert copy_of(vault, tmp_path / "copy").texts() == {*TEXTS, "waits"}


def test_what_was_not_loaded_before_it_was_deleted_is_noticed(vault: Path, tmp_path: Path) -> None:
    found = judged(vault, tmp_path, range(100), loaded=1)
    assert [control.name for control in found.controls if not control.ok] == ["deleted_in_memory_before"]


def test_a_copy_is_not_read_without_the_passphrase(vault: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase):
        read(copied(vault, tmp_path / "copy"), "another", floor=FLOOR)
    with pytest.raises(StoreError):
        read(tmp_path / "nowhere", PASSPHRASE, floor=FLOOR)


def test_keys_of_later_open_what_is_alive_and_nothing_else(vault: Path, tmp_path: Path) -> None:
    earlier = copy_of(vault, tmp_path / "earlier")
    erase(vault, range(50))
    later = copy_of(vault, tmp_path / "later")
    reached = reachable(later.files(), later.unlocked)
    assert later.texts() == opened_with(earlier, reached) == set(TEXTS[50:])
    assert opened_with(earlier, reachable(earlier.files(), earlier.unlocked)) == set(TEXTS)


def test_a_root_that_was_left_gives_all_of_it_away(
    vault: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = copy_of(vault, tmp_path / "earlier")
    gone = {row.key for row in earlier.rows if row.text in TEXTS[:50]}
    with monkeypatch.context() as patch:
        patch.setattr(FileSlot, "_clear_other", lambda self: None)
        erase(vault, range(50))
    now = [path.read_bytes() for path in (vault / "sealed").iterdir()]  # opening it would erase the rest
    assert gone <= reachable(now, earlier.unlocked).values
    later = copy_of(vault, tmp_path / "later")
    assert not gone & reachable(later.files(), later.unlocked).values


def test_a_key_on_any_block_of_a_disk_is_reached(vault: Path, tmp_path: Path) -> None:
    copy = copy_of(vault, tmp_path / "copy")
    files = [content.ljust(-(-len(content) // 4096) * 4096, b"\0") for content in copy.files()]
    disk = b"".join(os.urandom(4096) + content for content in reversed(files))
    assert reachable([disk], copy.unlocked) == reachable(copy.files(), copy.unlocked)


def test_files_are_searched_wherever_they_stand(vault: Path) -> None:
    secrets = [os.urandom(32) for _ in range(4)]
    for folder in ("tor", "run"):
        (vault / folder).mkdir()
    (vault / "tor" / "state").write_bytes(b"..." + secrets[0])
    (vault / "sealed" / "rows-journal").write_bytes(secrets[1])
    vault.with_suffix(".log").write_bytes(secrets[2][:20])
    sought = [Sought(kind="key", data=secret) for secret in secrets]
    living = [False, False, False, True]
    found = set(_in_files(vault, Needles(sought, stride=8), sought, living))
    assert found == {("tor", 0), ("folder", 1), ("folder", 2), ("folder", 3)}  # the last is the control
    assert not (vault / "run" / "control").exists()


def lived(kept: list[str]) -> Life:
    """The part of a life that is judged."""
    texts = {"kept": kept, "expiring": [text for text in TEXTS if text not in kept], "memory": MEMORY}
    return cast(
        Life,
        SimpleNamespace(
            kept="kept", fleeting="memory", texts=texts, said=frozenset(TEXTS).copy, deleted=[], kills=0
        ),
    )


def judged(
    vault: Path,
    tmp_path: Path,
    erased: range,
    alive: list[str] = TEXTS[100:],
    held: int = 1,
    loaded: int = 0,
    **gone: int,
) -> Evidence:
    earlier = copy_of(vault, tmp_path / "earlier")
    erase(vault, erased)
    later = copy_of(vault, tmp_path / "later")
    traces = Traces(
        gone=Counter({("memory", kind): count for kind, count in gone.items()}),
        alive=Counter(
            {("memory", kind): 100 for kind in ("text", "key")} | {("folder", k): 1 for k in ("text", "key")}
        ),
        where=Counter(),
    )
    return _judge(lived(alive), earlier, later, traces, shown=0, held=held, loaded=loaded)


def missed(found: Evidence) -> dict[str, float]:
    return {figure.name: figure.value for figure in found.figures if not figure.met}


def test_where_all_is_gone_that_should_be_it_is_well(vault: Path, tmp_path: Path) -> None:
    found = judged(vault, tmp_path, range(100), text=7)
    assert found.ok, (missed(found), found.controls)
    values = {figure.name: figure.value for figure in found.figures}
    assert values["earlier_copy_opens"] == values["gone"] == 100
    assert values["memory_texts"] == 7


def test_a_message_that_was_not_erased_is_noticed(vault: Path, tmp_path: Path) -> None:
    found = judged(vault, tmp_path, range(99))
    assert missed(found) == {"reader_keys": 1, "reader_texts": 1, "later_keys_open": 1}
    assert not found.ok


def test_a_key_in_memory_is_noticed(vault: Path, tmp_path: Path) -> None:
    assert missed(judged(vault, tmp_path, range(100), key=1)) == {"memory_keys": 1}


def test_a_control_that_is_not_found_is_noticed(vault: Path, tmp_path: Path) -> None:
    found = judged(vault, tmp_path, range(101))
    assert {control.name for control in found.controls if not control.ok} == {
        "alive_texts_read",
        "later_keys_open_alive",
    }
    assert not found.ok


def test_a_message_of_memory_on_the_disk_is_noticed(vault: Path, tmp_path: Path) -> None:
    assert judged(vault, tmp_path, range(100), held=0).ok is False
    (vault / "sealed" / "rows-journal").write_bytes(MEMORY[0].encode())
    shutil.rmtree(tmp_path / "earlier")
    shutil.rmtree(tmp_path / "later")
    assert missed(judged(vault, tmp_path, range(0))) == {"memory_in_copy": 1}


@pytest.mark.realtor
def test_messages_live_and_die_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(erasure, "_SPARE_SECONDS", 5.0)
    monkeypatch.setattr(erasure_life, "ROUND", 8)
    with lifeline() as line:
        try:
            found = measure(tmp_path, lifeline=line, tell=Progress(as_json=True), messages=40)
        except ConfigError as error:
            if isinstance(error.__cause__, PermissionError):
                pytest.skip("this kernel lets no process read its children")
            raise
    assert found.ok, (missed(found), found.controls)
    values = {figure.name: figure.value for figure in found.figures}
    assert (values["messages"], values["gone"], values["kills"], values["deleted"]) == (40, 38, 2, 2)
    assert '"percent": 100' in capsys.readouterr().err
