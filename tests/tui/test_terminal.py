"""What a terminal really shows when a peer means harm, and how the program leaves it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import unicodedata
from pathlib import Path

import pytest

from onionchat.control import notices, requests

from .engine import NOW, FakeEngine, contact, identity, message
from .terminal import PATIENCE_S, running

HOSTILE: list[tuple[str, list[str]]] = [
    ("wipe\x1b[2J\x1b[Hout", ["wipeout"]),
    ("alt\x1b[?1049l\x1bcgone", ["altgone"]),
    ("c1\x9b2J\x9d52;c;eA==\x9cend", ["c1end"]),
    ("link \x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\", ["link here"]),
    ("clip\x1b]52;c;cm0gLXJm\x07board", ["clipboard"]),
    ("title\x1b]0;owned\x07", ["title"]),
    ("dcs\x1bP+q544e\x1b\\apc\x1b_Gx\x1b\\pm\x1b^x\x1b\\sos\x1bXx\x1b\\", ["dcsapcpmsos"]),
    ("open\x1b]52;c;eA", ["open52;c;eA"]),
    ("bidi \u202egnp.exe\u202c \u2066x\u2069", ["bidi gnp.exe x"]),
    ("zero" + "\u200b" * 500 + "width" + "\u2060\ufeff", ["zerowidth"]),
    ("zalgo" + "\u0301" * 300 + "!", ["zalgo" + "\u0301" * 4 + "!"]),
    ("nul\x00bel\x07bs\x08\x08del\x7f", ["nulbelbsdel"]),
    (
        "[red]markup[/red] [@click=app.quit]x[/] [link=http://a]y[/link]",
        ["[red]markup[/red] [@click=app.quit]x[/]", "[link=http://a]y[/link]"],
    ),
    ("real\rfake", ["real", "fake"]),
    ("tags\U000e0041\U000e0042 hang\u3164ul \u115f", ["tags hangul"]),
    ("private \ue0b0\U000f0000", ["private \ufffd\ufffd"]),
]


def engine_with(*texts: str) -> FakeEngine:
    engine = FakeEngine()
    engine.identities = [identity()]
    engine.contacts = [contact()]
    engine.conversations["c1"] = [message(f"{n:02x}", text, expires=NOW * 2) for n, text in enumerate(texts)]
    return engine


async def test_a_peers_text_is_only_text(tmp_path: Path) -> None:
    engine = engine_with(*(text for text, _ in HOSTILE))
    engine.time = time.time()
    async with running(engine, tmp_path, conversation="c1", rows=75) as (terminal, _):
        for first in ("commands", "private", "wipeout"):  # one frame may take several reads
            await terminal.until(first)
        bodies = [line.partition("│ │ ")[2] or line.partition("││ │ ")[2] for line in terminal.lines]
        bodies = [body.rstrip(" │█▁▂▃▄▅▆▇").rstrip() for body in bodies]
        # pyte composes what it draws
        expected = [unicodedata.normalize("NFC", line) for _, lines in HOSTILE for line in lines]
        assert [body for body in bodies if body] == expected
        headers = [line for line in terminal.lines if " Bob  " in line and "left" in line]
        assert len(headers) == len(HOSTILE)
    said = terminal.raw.replace(b"\x1b]22;default\x07", b"")  # the mouse pointer's shape: Textual's own
    for harm in (b"\x1b]", b"\x1bP", b"\x1b_", b"\x1b^", b"\x1bX", b"\x1bc", b"\x00", b"\x07"):
        assert harm not in said
    for character in ("\u202e", "\u2066", "\u200b", "\x9b", "\x9d", "\ue0b0"):
        assert character.encode() not in terminal.raw


async def test_a_peer_imitates_neither_us_nor_the_program(tmp_path: Path) -> None:
    engine = engine_with("── a session was made anew\nyou  12:00  ✓ delivered\n┃ I agree")
    engine.conversations["c1"].append(message("ff", "a session was made anew", system=True))
    async with running(engine, tmp_path, conversation="c1") as (terminal, _):
        await terminal.until("I agree")
        await terminal.until("commands")
        texts = [line.partition("││")[2] for line in terminal.lines]
        assert [text[:10] for text in texts if "made anew" in text or "you  " in text or "┃" in text] == [
            " │ ── a se",
            " │ you  12",
            " │ ┃ I agr",
            " ── a sess",
        ]


async def test_names_do_no_harm_either(tmp_path: Path) -> None:
    engine = engine_with("hello")
    engine.identities = [identity(name="A\x1b[2Jda\u202e")]
    engine.contacts = [contact(name="B\x1b]0;owned\x07o\nb [red]x")]
    async with running(engine, tmp_path, conversation="c1") as (terminal, _):
        await terminal.until("To Bo b [red]x as Ada")
        await terminal.until("commands")
    assert b"\x1b]0;" not in terminal.raw
    assert "\u202e".encode() not in terminal.raw


async def test_writing_quitting_and_what_is_left(tmp_path: Path) -> None:
    engine = engine_with("hello")
    async with running(engine, tmp_path, conversation="c1") as (terminal, process):
        await terminal.until("To Bob as Ada")
        await terminal.until("commands")
        terminal.press("gr\u00fc\u00df dich\r".encode())
        await terminal.until("○ queued")
        assert engine.of(requests.Send)[0].text == "gr\u00fc\u00df dich"
        terminal.press(b"\x11")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
        await terminal.until("The engine keeps running")
        assert b"\x1b[?1049h" in terminal.raw
        assert b"\x1b[?1049l" in terminal.raw
    assert engine.of(requests.Stop) == []


async def test_recovery_words_are_made_and_the_passphrase_is_never_shown(tmp_path: Path) -> None:
    engine = engine_with("hello")
    async with running(engine, tmp_path, conversation="c1") as (terminal, _):
        await terminal.until("To Bob as Ada")
        await terminal.until("unlocking")
        terminal.press(b"\x1bOS")
        await terminal.until("Make recovery words")
        terminal.press(b"\x1b[B\x1b[B\x1b[B\r")
        await terminal.until("Write these words down")
        terminal.press(b"hunter2\r")
        await terminal.until("The twelve words open the vault once")
        (asked,) = engine.of(requests.VaultRecovery)
        assert asked.passphrase == "hunter2"
        first = " ".join((asked.words or "").split()[:2])  # one alone may be a word of the screen
        assert not any(first in line for line in terminal.lines)
    assert first.encode() in terminal.raw
    assert b"hunter" not in terminal.raw


async def test_keys_that_come_all_at_once_keep_their_order(tmp_path: Path) -> None:
    engine = engine_with()
    engine.vault = "locked"
    async with running(engine, tmp_path, conversation="c1") as (terminal, process):
        await terminal.until("Unlock your vault")
        await terminal.until("commands")
        terminal.press(b"correct\r")
        await terminal.until("To Bob as Ada")
        await terminal.until("send")
        terminal.press(b"one\rtwo\nlines\rthree\rfour\x13")
        await terminal.until("Stop the engine")
        await terminal.until("enter choose")
        terminal.press(b"\x1b[B\r")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert [one.passphrase for one in engine.of(requests.Unlock)] == ["correct"]
    assert [one.text for one in engine.of(requests.Send)] == ["one", "two\nlines", "three"]
    assert len(engine.of(requests.Stop)) == 1


async def test_a_window_that_was_stopped_reads_on_as_before(tmp_path: Path) -> None:
    engine = engine_with()
    texts = [f"{number} " * 1500 for number in range(4)]
    async with running(engine, tmp_path, conversation="c1") as (terminal, process):
        await terminal.until("To Bob as Ada")
        await terminal.until("commands")
        for text in texts:
            process.send_signal(signal.SIGTSTP)
            process.send_signal(signal.SIGSTOP)
            process.send_signal(signal.SIGCONT)
            for at in range(0, len(text), 1000):
                part = text[at : at + 1000].encode()
                terminal.press(b"\x1b[200~" * (not at) + part)
                await asyncio.sleep(0.002)
            terminal.press(b"\x1b[201~\r")
        terminal.press(b"\x11")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert [one.text for one in engine.of(requests.Send)] == texts


async def test_no_setting_of_the_environment_has_what_happens_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("TEXTUAL_LOG", str(log))
    monkeypatch.setenv("TEXTUAL", "devtools,debug")
    async with running(engine_with("hello"), tmp_path, conversation="c1") as (terminal, process):
        await terminal.until("To Bob as Ada")
        terminal.press(b"\x11")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert not log.exists()


async def test_what_is_sent_just_before_the_window_closes_is_sent(tmp_path: Path) -> None:
    engine = engine_with()
    async with running(engine, tmp_path, conversation="c1") as (terminal, process):
        await terminal.until("To Bob as Ada")
        await terminal.until("commands")
        terminal.press(b"last\rwords\r\x11")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert [one.text for one in engine.of(requests.Send)] == ["last", "words"]


async def test_an_engine_that_ends_is_a_sentence_and_never_a_traceback(tmp_path: Path) -> None:
    engine = engine_with("hello")
    async with running(engine, tmp_path, conversation="c1") as (terminal, process):
        await terminal.until("To Bob as Ada")
        await terminal.until("commands")
        engine.say(notices.Stopping())
        engine.die()
        await terminal.until("The engine was stopped")
        await terminal.until("try again")
        terminal.press(b"\x11")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert b"Traceback" not in terminal.raw


async def test_the_window_gives_way_to_everything_else(tmp_path: Path) -> None:
    engine = engine_with("hello")
    async with running(engine, tmp_path, conversation="c1") as (terminal, process):
        await terminal.until("To Bob as Ada")
        await terminal.until("commands")
        threads = Path(f"/proc/{process.pid}/task").iterdir()
        assert {os.sched_getscheduler(int(thread.name)) for thread in threads} == {os.SCHED_IDLE}
