"""Changing what unlocks the vault, in the chat."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Input

from onionchat.client import security_key
from onionchat.control import notices, requests
from onionchat.errors import ConfigError, ControlError
from onionchat.tui.app import OnionchatApp
from onionchat.tui.screens import way
from onionchat.tui.screens.main import MainScreen
from onionchat.tui.screens.unlock import UnlockScreen
from onionchat.tui.screens.ways import WaysSheet
from onionchat.tui.widgets.choices import Choices
from onionchat.tui.widgets.entry import Entry, Secret

from ..client.authenticator import Authenticator
from .engine import FakeEngine, contact, identity, shown

CHANGES = (
    requests.VaultPassphrase,
    requests.VaultKeyFile,
    requests.VaultSecurityKey,
    requests.VaultRecovery,
    requests.VaultDuress,
)


@pytest.fixture
def engine() -> FakeEngine:
    """With a conversation, so that the key is pressed where one writes."""
    engine = FakeEngine()
    engine.identities, engine.contacts = [identity()], [contact()]
    return engine


def changes(engine: FakeEngine) -> list[requests.AnyRequest]:
    return [one for one in engine.asked if isinstance(one, CHANGES)]


def choices(app: OnionchatApp) -> list[str]:
    return [str(option.prompt) for option in app.screen.query_one(Choices).options]


def at(app: OnionchatApp) -> object:
    """The screen, whatever was known of it before."""
    return app.screen


async def choose(app: OnionchatApp, pilot: Pilot[None], label: str) -> None:
    """Open the sheet if it is not there, and one of its lines."""
    if not isinstance(app.screen, WaysSheet):
        await pilot.press("f4")
        await pilot.pause()
    app.screen.query_one(Choices).highlighted = choices(app).index(label)
    await pilot.press("enter")
    await pilot.pause()


async def settled(app: OnionchatApp, pilot: Pilot[None]) -> None:
    """Once what a factor is asked for has come to an end."""
    busy = [each for each in app.workers if each.name == "_add"]
    if busy:  # an empty list would mean all workers, and one of them ends with the app
        await app.workers.wait_for_complete(busy)
    await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (40, 24)])
async def test_what_there_is_is_shown_and_never_whether_a_passphrase_burns(
    engine: FakeEngine, size: tuple[int, int]
) -> None:
    engine.ways = replace(engine.ways, recovery=False)
    app = engine.app(conversation="c1")
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert "f4 unlocking" in shown(app, "KeyBar")
        await pilot.press("f4")
        await pilot.pause()
        text = shown(app, "#sheet")
        assert "Unlocking takes the passphrase. Each guess" in text
        assert "There are no recovery words." in text
        assert "Change the passphrase" in text
        # nobody is told whether there is one, so that it is offered always
        assert {"Set a second passphrase that burns", "Remove the second passphrase"} <= set(choices(app))
        assert "Remove the key file" not in choices(app)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_factors_that_there_are_can_be_removed(engine: FakeEngine) -> None:
    engine.ways = replace(engine.ways, key_file=True, credential=b"c", recovery=True)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        for label, request in (
            ("Remove the key file", requests.VaultKeyFile(passphrase="p")),
            ("Remove the security key", requests.VaultSecurityKey(passphrase="p")),
            ("Remove the recovery words", requests.VaultRecovery(passphrase="p")),
            ("Remove the second passphrase", requests.VaultDuress(passphrase="p")),
        ):
            await choose(app, pilot, label)
            await pilot.press("p", "enter")
            await pilot.pause()
            assert changes(engine)[-1] == request
            assert isinstance(app.screen, WaysSheet)
        assert "There are recovery words." in shown(app, "#sheet")
        assert "takes the passphrase, the key file and the security key." in shown(app, "#sheet")
        assert "No passphrase burns the vault" in shown(app, "#sheet")


@pytest.mark.parametrize(
    ("label", "request_made"),
    [
        ("Change the passphrase", requests.VaultPassphrase(passphrase="old", new="hunter2")),
        ("Set a second passphrase that burns", requests.VaultDuress(passphrase="old", duress="hunter2")),
    ],
)
async def test_a_new_passphrase_is_judged_and_typed_twice(
    engine: FakeEngine, label: str, request_made: requests.AnyRequest
) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, label)
        await pilot.press("enter", "enter", "enter")
        assert "is missing" in shown(app, "#sheet")
        await pilot.press(*"old", "enter", "enter", "enter")
        assert "there is no new passphrase" in shown(app, "#sheet")
        await pilot.press(*"hunter2")
        await pilot.pause()
        assert "Strength: very weak" in shown(app, "#sheet")
        assert "hunter2" not in shown(app)
        await pilot.press("enter", "x", "enter")
        assert "the two are not the same" in shown(app, "#sheet")
        assert changes(engine) == []
        await pilot.press(*"hunter2", "enter", *"hunter2", "enter")
        await pilot.pause()
        assert changes(engine) == [request_made]
        assert isinstance(app.screen, WaysSheet)


async def test_six_words_are_offered(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Change the passphrase")
        await pilot.press("f2")
        await pilot.pause()
        words = app.screen.query_one("#new", Secret).value
        assert len(words.split()) == 6
        assert words in shown(app, "#sheet")
        await pilot.press(*"old", "enter", "enter")
        app.screen.query_one("#again", Secret).value = words
        await pilot.press("enter")
        await pilot.pause()
        assert changes(engine) == [requests.VaultPassphrase(passphrase="old", new=words)]
        assert words not in shown(app)


async def test_recovery_words_count_once_the_engine_has_them(engine: FakeEngine) -> None:
    engine.refuse[requests.VaultRecovery] = ControlError("wrong-passphrase", "not the vault's passphrase")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Make recovery words")
        await pilot.press(*"wrong", "enter")
        await pilot.pause()
        assert "not the vault's passphrase" in shown(app, "#sheet")
        (asked,) = engine.of(requests.VaultRecovery)
        assert asked.words is not None
        assert len(asked.words.split()) == 12
        assert asked.words in shown(app, "#sheet")  # the same are there for another try
        engine.refuse.clear()
        await pilot.press(*"right", "enter")
        await pilot.pause()
        assert engine.of(requests.VaultRecovery)[-1] == requests.VaultRecovery(
            passphrase="right", words=asked.words
        )
        assert isinstance(app.screen, WaysSheet)
        assert asked.words not in shown(app)
        await choose(app, pilot, "Make recovery words")
        assert asked.words not in shown(app)  # others, each time


async def test_a_key_file_is_made_and_asked_for(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "key"
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Add a key file")
        await pilot.press("p", "enter", "enter")
        assert "no file was named" in shown(app, "#sheet")
        app.screen.query_one(Entry).value = str(tmp_path)
        await pilot.press("enter")
        await settled(app, pilot)
        assert "the key file cannot be read" in shown(app, "#sheet")
        assert changes(engine) == []
        app.screen.query_one(Entry).value = str(path)
        await pilot.press("enter")
        await settled(app, pilot)
        digest = hashlib.blake2b(path.read_bytes(), digest_size=32, person=b"onionchat/1 file").digest()
        assert changes(engine) == [requests.VaultKeyFile(passphrase="p", key_file=digest)]
        assert isinstance(app.screen, WaysSheet)


async def test_a_security_key_is_enrolled(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Authenticator("1234")

    def absent() -> Authenticator:
        raise ConfigError("no security key was found")

    monkeypatch.setattr(security_key, "find", absent)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Add a security key")
        await pilot.press("p", "enter", *"4321", "enter")
        await settled(app, pilot)
        assert "no security key was found" in shown(app, "#sheet")
        monkeypatch.setattr(security_key, "find", lambda: key)
        await pilot.press("enter")
        await settled(app, pilot)
        assert "not the security key's PIN" in shown(app, "#sheet")
        assert changes(engine) == []
        app.screen.query_one("#pin", Secret).value = "1234"
        await pilot.press("enter")
        await settled(app, pilot)
        (asked,) = engine.of(requests.VaultSecurityKey)
        assert asked.credential
        assert len(asked.security_key or b"") == 32
        assert isinstance(app.screen, WaysSheet)


async def test_escape_ends_the_waiting_for_a_security_key(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, touched = threading.Event(), threading.Event()
    key = Authenticator("1234")

    def slow() -> Authenticator:
        asked.set()
        touched.wait()
        return key

    monkeypatch.setattr(security_key, "find", slow)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Add a security key")
        await pilot.press("p", "enter", *"1234", "enter")
        await asyncio.to_thread(asked.wait)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, WaysSheet)
        touched.set()
        await settled(app, pilot)
        assert isinstance(app.screen, WaysSheet)
        assert not [each for each in app.workers if each.name == "_add"]
        assert changes(engine) == []


async def test_a_refusal_stays_and_empties_what_was_typed(engine: FakeEngine) -> None:
    engine.refuse[requests.VaultPassphrase] = ControlError("wrong-passphrase", "not the vault's passphrase")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Change the passphrase")
        await pilot.press("a", "enter", "b", "enter", "b", "enter")
        await pilot.pause()
        assert "not the vault's passphrase" in shown(app, "#sheet")
        assert [field.value for field in app.screen.query(Input)] == ["", "", ""]
        assert app.focused is app.screen.query_one("#passphrase")


LABELS = [
    "Change the passphrase",
    "Add a key file",
    "Add a security key",
    "Make recovery words",
    "Set a second passphrase that burns",
    "Remove the second passphrase",
]


@pytest.mark.parametrize("size", [(80, 24), (40, 24)])
@pytest.mark.parametrize("label", LABELS)
async def test_escape_leaves_all_as_it_was(engine: FakeEngine, label: str, size: tuple[int, int]) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await choose(app, pilot, label)
        assert isinstance(app.screen, way.WaySheet)
        for field in app.screen.query(Input):
            field.focus()
            await pilot.pause()
            assert app.screen.query_one("#sheet-body").region.contains_region(field.region)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(at(app), WaysSheet)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(at(app), MainScreen)
        assert changes(engine) == []


async def test_escape_waits_for_a_change_that_is_under_way(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Remove the second passphrase")
        sheet = app.screen
        assert isinstance(sheet, way.RemoveDuress)
        sheet.send(sheet.request("p"))
        sheet.action_back()
        assert at(app) is sheet
        await pilot.pause()
        await pilot.pause()
        assert isinstance(at(app), WaysSheet)
        assert "No passphrase burns the vault" in shown(app, "#sheet")


async def test_locking_takes_the_sheets_along(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await choose(app, pilot, "Make recovery words")
        words = str(app.screen.query_one("#words").render())
        engine.say(notices.VaultChanged(vault="locked"))
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, UnlockScreen)
        assert words not in shown(app)


async def test_what_lives_in_memory_alone_has_no_ways(engine: FakeEngine) -> None:
    app = engine.app(amnesic=True)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f4")
        await pilot.pause()
        assert isinstance(at(app), MainScreen)


async def test_an_engine_that_does_not_tell_the_ways_says_why(engine: FakeEngine) -> None:
    engine.refuse[requests.VaultShow] = ControlError("vault-corrupt", "the vault is damaged")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f4")
        await pilot.pause()
        assert "the vault is damaged" in shown(app, "#sheet").lower()
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert isinstance(at(app), MainScreen)
