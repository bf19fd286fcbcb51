"""``onionchat lab erasure``: what is left of messages that are gone.

Two real engines exchange marked messages, through their real vaults and launchers; only the way between them
is short (`near`). Some messages expire, a contact is burned, and the engine is killed in the midst of both;
some are deleted at the end, by the engine whose memory is searched. Then everything that is left is searched:
every file of the vault's folder, tor's folder and the log beside it; the engine's memory, from here; and the
vault once more as the strongest reader of its format, who has the passphrase, a copy of the folder from when
all messages were alive, or both.

``folder_texts``, ``folder_keys``, ``tor_texts``, ``tor_keys``: of messages that are gone, how many texts and
keys stand in files. ``memory_keys``, ``memory_texts``: how many are in the engine's memory; where, is told
for each kind and place. ``reader_keys``, ``reader_texts``: how many keys the passphrase still leads to, how
many texts it still opens. ``later_keys_open``: how many messages of the earlier copy open with all keys of
today. ``shown``: how many the engine still shows.

``memory_in_copy``: of the conversation that lives in memory, how many texts the earlier copy holds, for who
has the passphrase; they were alive when it was made.

``earlier_copy_opens`` is what cannot be helped: so many messages of the earlier copy open with the earlier
copy's own keys, for who has the passphrase. A message is in such a copy only while it is alive.

The controls are messages that are alive: the same searches find their texts and keys, and those that are
deleted at the end just before that.

Laws: an engine that is searched rests meanwhile. Only counts are told.
"""

from __future__ import annotations

import math
import os
import signal
import stat
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .ending import ended_by_signals, lifeline
from .erasure_life import LONG, Life, life
from .erasure_reader import Copy, copied, opened_with, reachable, read
from .evidence import Evidence, at_most, between, evidence, fact, print_evidence
from .memory import search
from .needles import Needles, Sought
from .progress import Progress
from .workplace import workplace

MESSAGES: Final = 10_000
QUICK_MESSAGES: Final = 600

_KEPT: Final = 0.1
_BURNED: Final = 0.3
_FLEETING: Final = 0.1
"""Parts of all messages in these conversations; the rest expires, or is deleted before."""
_DELETED: Final = 200
_STRIDE: Final = 8
EACH: Final = 20_000
"""Bytes of room for one message: in two vaults, and two copies of the one."""
_SPARE_SECONDS: Final = 15.0
"""Between the arrival of the last message and the end of the first, where all goes as it did before."""

_PLANTED: Final = 0.55
_GONE: Final = 0.85
"""Parts of the progress at which each step ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Distinct secrets that were found, each counted once for a place.

    Attributes:
        gone: of messages that are gone, by (place, kind).
        alive: of messages that are alive, by (place, kind).
        where: every find in memory of what is gone, by «kind in place».
    """

    gone: Counter[tuple[str, str]]
    alive: Counter[tuple[str, str]]
    where: Counter[str]


def run_erasure(*, messages: int | None, quick: bool, json: bool) -> int:
    """Measure, and print what was found.

    Returns:
        0 where nothing is left that should not be and every control was found, otherwise 1.

    Raises:
        OnionchatError: what it needs could not be started, or its memory may not be read.
    """
    progress = Progress(as_json=json)
    count = messages or (QUICK_MESSAGES if quick else MESSAGES)
    with ended_by_signals(), workplace(more=EACH * count) as folder, lifeline() as line:
        try:
            found = measure(folder, lifeline=line, tell=progress, messages=count)
        finally:
            progress.done()
        return print_evidence(found, as_json=json)


def measure(folder: Path, *, lifeline: int, tell: Progress, messages: int) -> Evidence:
    """Have ``messages`` live and die, and search for what is left.

    Raises:
        OnionchatError: an engine did not start or ended, or its memory may not be read.
    """
    with life(folder, lifeline=lifeline, tell=lambda part, words: tell.tell(0.1 * part, words)) as lived:
        _plant(lived, messages, tell)
        held = _in_memory(lived.you.pid, lived.texts[lived.fleeting])
        with resting(lived.you.pid):
            copy = copied(lived.you.folder, folder / "earlier")
        earlier = read(copy, lived.you.passphrase)
        tell.tell(_PLANTED, "letting messages expire, and killing the engine meanwhile")
        lived.kill_while_expiring()
        tell.tell(_PLANTED + 0.1, "burning a contact, and killing the engine meanwhile")
        lived.burn()
        tell.tell(_PLANTED + 0.2, "waiting until the last has expired")
        lived.until_expired()
        tell.tell(_GONE, "deleting messages")
        doomed = lived.alive(lived.kept)[-min(_DELETED, messages // 20) :]
        loaded = _in_memory(lived.you.pid, [message.text for message in doomed])
        lived.delete(doomed)
        tell.tell(_GONE, "searching files and memory")
        # that also has the engine load what is alive, which it leaves on the disk until it is looked at
        shown = sum(message.text not in _alive(lived) for message in lived.shown_anywhere())
        with resting(engine := lived.you.pid):
            later = read(copied(lived.you.folder, folder / "later"), lived.you.passphrase)
            traces = _search(engine, lived, earlier, later)
        tell.tell(_GONE + 0.1, "trying every key that is left")
        found = _judge(lived, earlier, later, traces, shown=shown, held=held, loaded=loaded)
        tell.tell(1.0, "done")
    return found


def _plant(lived: Life, messages: int, tell: Progress) -> None:
    """Exchange all messages; those that are to expire come last."""
    tell.tell(0.1, "meeting")
    lived.meet()
    kept, burned, fleeting = (round(messages * part) for part in (_KEPT, _BURNED, _FLEETING))
    expiring = messages - kept - burned - fleeting

    def planted(before: int, said: int) -> None:
        part = 0.15 + (_PLANTED - 0.15) * (before + said) / messages
        tell.tell(part, "exchanging messages")

    begun = time.monotonic()
    lived.talk(lived.kept, kept, LONG, lambda said: planted(0, said))
    lived.talk(lived.burned, burned, LONG, lambda said: planted(kept, said))
    lived.talk(lived.fleeting, fleeting, LONG, lambda said: planted(kept + burned, said))
    before = kept + burned + fleeting
    pace = (time.monotonic() - begun) / before
    lifetime = round(1.3 * pace * expiring + _SPARE_SECONDS)
    lived.talk(lived.expiring, expiring, lifetime, lambda said: planted(before, said))


def _in_memory(engine: int, texts: Sequence[str]) -> int:
    """How many of these texts stand in the engine's memory now."""
    sought = [Sought(kind="text", data=text.encode()) for text in texts]
    with resting(engine):
        return len(search(engine, sought, stride=_STRIDE).numbers())


def _search(engine: int, lived: Life, earlier: Copy, later: Copy) -> Traces:
    """Look for every text and every key of the earlier copy in files and memory."""
    living_keys = reachable(later.files(), later.unlocked).everything()
    living_texts = _alive(lived)
    sought: list[Sought] = []
    living: list[bool] = []
    for key in reachable(earlier.files(), earlier.unlocked).everything():
        sought.append(Sought(kind="key", data=key))
        living.append(key in living_keys)
    for text in lived.said():
        sought.append(Sought(kind="text", data=text.encode()))
        living.append(text in living_texts)
    traces = Traces(gone=Counter(), alive=Counter(), where=Counter())
    found = search(engine, sought, stride=_STRIDE)
    seen = {("memory", number) for number in found.numbers()}
    seen |= set(_in_files(lived.you.folder, Needles(sought, stride=_STRIDE), sought, living))
    for place, number in seen:
        (traces.alive if living[number] else traces.gone)[place, sought[number].kind] += 1
    traces.where.update(f"{find.kind} in {find.place}" for find in found.finds if not living[find.number])
    return traces


def _in_files(
    vault: Path, needles: Needles, sought: Sequence[Sought], living: Sequence[bool]
) -> Iterator[tuple[str, int]]:
    """Which secrets stand in which files; among them is one of ours, with what is alive, as a control."""
    alive = {one.kind: one.data for one, lives in zip(sought, living, strict=True) if lives}
    control = vault / "run" / "control"
    control.write_bytes(b"\0".join(alive.values()))
    try:
        for path in (*vault.rglob("*"), *vault.parent.glob(f"{vault.name}.*")):
            if stat.S_ISREG(path.lstat().st_mode):
                place = "tor" if path.is_relative_to(vault / "tor") else "folder"
                yield from ((place, number) for number, _, _ in needles.find(path.read_bytes()))
    finally:
        control.unlink()


def _judge(
    lived: Life, earlier: Copy, later: Copy, traces: Traces, *, shown: int, held: int, loaded: int
) -> Evidence:
    """What was found, as evidence.

    ``shown``: messages that are gone and that the engine shows; ``held``, ``loaded``: texts in its memory
    when it should have them, of what lives there and of what was then deleted.
    """
    alive, said = _alive(lived), lived.said()
    fleeting = frozenset(lived.texts[lived.fleeting])
    before, now = reachable(earlier.files(), earlier.unlocked), reachable(later.files(), later.unlocked)
    gone_keys = {row.key for row in earlier.rows if row.text and row.text not in alive}
    open_later = opened_with(earlier, now)
    open_earlier = {row.text for row in earlier.rows if row.text and row.key in before.values} - alive
    figures = [
        *(
            at_most(f"{place}_{kind}s", traces.gone[place, kind], "", 0)
            for place in ("folder", "tor")
            for kind in ("text", "key")
        ),
        at_most("memory_keys", traces.gone["memory", "key"], "", 0),
        fact("memory_texts", traces.gone["memory", "text"], ""),
        at_most("reader_keys", len(gone_keys & now.values), "", 0),
        at_most("reader_texts", len(later.texts() - alive), "", 0),
        at_most("later_keys_open", len(open_later - alive), "", 0),
        at_most("shown", shown, "", 0),
        at_most("memory_in_copy", len(earlier.texts() & fleeting) + _in_copy(earlier, fleeting), "", 0),
        fact("earlier_copy_opens", len(open_earlier), "messages"),
        fact("messages", len(said), ""),
        fact("gone", len(said) - len(alive), ""),
        fact("deleted", len(lived.deleted), ""),
        fact("kills", lived.kills, ""),
        *(fact(f"memory: {where}", count, "") for where, count in sorted(traces.where.items())),
    ]
    living = len(alive)
    controls = [
        between("alive_texts_in_memory", traces.alive["memory", "text"], living, living),
        between("alive_keys_in_memory", traces.alive["memory", "key"], living, math.inf),
        between("alive_text_in_a_file", traces.alive["folder", "text"], 1, 1),
        between("alive_key_in_a_file", traces.alive["folder", "key"], 1, 1),
        between("alive_texts_read", len(later.texts() & alive), living, living),
        between("later_keys_open_alive", len(open_later & alive), living, living),
        between("memory_alive_at_copy", held, len(fleeting), len(fleeting)),
        between("deleted_in_memory_before", loaded, len(lived.deleted), len(lived.deleted)),
        between(
            "earlier_copy_opens_all",
            len(earlier.texts() & said),
            0.9 * len(said - fleeting),
            len(said - fleeting),
        ),
    ]
    return evidence("erasure", figures, controls)


def _in_copy(copy: Copy, texts: frozenset[str]) -> int:
    """How many of these texts stand in the files of a copy as they are."""
    needles = Needles([Sought(kind="text", data=text.encode()) for text in texts], stride=_STRIDE)
    return len({number for content in copy.files() for number, _, _ in needles.find(content)})


def _alive(lived: Life) -> frozenset[str]:
    """The texts that nothing has ended."""
    return frozenset(lived.texts[lived.kept]) - frozenset(lived.deleted)


@contextmanager
def resting(pid: int) -> Iterator[None]:
    """Nothing moves in that process meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
