from __future__ import annotations

import ast
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Input
from textual.worker import Worker

from onionchat import tui
from onionchat.client import security_key
from onionchat.client.phrase import new_recovery_words
from onionchat.control import notices, replies, requests
from onionchat.control.limits import MAX_PASSPHRASE
from onionchat.errors import ConfigError, ControlError
from onionchat.tui.screens.blank import BlankScreen
from onionchat.tui.screens.choosing import MakeVaultScreen, RecoverScreen, RestoreScreen
from onionchat.tui.screens.gone import GoneScreen
from onionchat.tui.screens.lifetime import LifetimeSheet
from onionchat.tui.screens.main import MainScreen
from onionchat.tui.screens.naming import IdentitySheet
from onionchat.tui.screens.unlock import UnlockScreen
from onionchat.tui.widgets.bars import KeyBar, Note
from onionchat.tui.widgets.entry import Entry, Secret

from ..client.authenticator import Authenticator
from .engine import FakeEngine, contact, identity, lines, message, shown, until


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


async def write(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*text)


async def test_a_vault_is_made_with_the_same_passphrase_twice(engine: FakeEngine) -> None:
    engine.vault = "absent"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, MakeVaultScreen)
        assert "There is no way to reset it" in shown(app)
        await write(pilot, "secret")
        await pilot.press("enter")
        await write(pilot, "another")
        await pilot.press("enter")
        assert "the two are not the same" in shown(app)
        assert engine.of(requests.Unlock) == []
        assert [one.value for one in app.screen.query(Secret)] == ["", ""]
        for _ in range(2):
            await write(pilot, "secret")
            await pilot.press("enter")
        await pilot.pause()
        assert engine.of(requests.Unlock) == [requests.Unlock(passphrase="secret", create=True)]
        assert isinstance(app.screen, MainScreen)


async def test_strength_is_shown_while_it_is_chosen(engine: FakeEngine) -> None:
    engine.vault = "absent"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await write(pilot, "hunter2")
        await pilot.pause()
        assert "Strength: very weak" in shown(app)
        assert "can guess it" in shown(app)
        await write(pilot, "-wq8fk2-zz0ovn")
        await pilot.pause()
        assert "Strength: strong" in shown(app)
        assert "can guess it" not in shown(app)
        assert "hunter2" not in shown(app)


async def test_six_words_are_offered_and_typed_back(engine: FakeEngine) -> None:
    engine.vault = "absent"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f2")
        await pilot.pause()
        words = app.screen.query_one("#passphrase", Secret).value
        assert len(words.split()) == 6
        assert words in " ".join(shown(app).split())
        app.screen.query_one("#again", Secret).value = words
        await pilot.press("enter")
        await pilot.pause()
        assert engine.of(requests.Unlock) == [requests.Unlock(passphrase=words, create=True)]
        assert isinstance(app.screen, MainScreen)
        assert words not in " ".join(shown(app).split())


@pytest.mark.parametrize("memory", [512, 256])
async def test_a_low_cost_is_said_once_the_vault_is_made(engine: FakeEngine, memory: int) -> None:
    engine.vault = "absent"
    engine.ways = replace(engine.ways, memory=memory)
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        for _ in range(2):
            await write(pilot, "secret")
            await pilot.press("enter")
        await pilot.pause()
        assert [str(memory) in each.message for each in app._notifications] == [True] * (memory < 512)


async def test_a_vault_asks_for_its_factors(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ada:
        def pin(self) -> str:
            return "1234"

        def touch(self) -> None:
            pass

    def absent() -> Authenticator:
        raise ConfigError("no security key was found")

    async def tried(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        busy = [each for each in app.workers if each.name == "_unlock"]
        if busy:  # an empty list would mean all workers, and one of them ends with the app
            await app.workers.wait_for_complete(busy)
        await pilot.pause()

    key = Authenticator("1234")
    monkeypatch.setattr(security_key, "find", absent)
    credential, secret = security_key.enrol(key, Ada())
    path = tmp_path / "key"
    path.write_bytes(bytes(64))
    engine.vault = "locked"
    engine.ways = replace(engine.ways, key_file=True, credential=credential)
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await write(pilot, "another")
        await tried(pilot)
        # as under duress, without them
        assert engine.of(requests.Unlock) == [requests.Unlock(passphrase="another")]
        assert "does not open" in shown(app)
        engine.asked.clear()
        monkeypatch.setattr(security_key, "find", lambda: key)
        app.screen.query_one("#key-file", Entry).value = str(path)
        for pin in ("4321", "1234"):
            app.screen.query_one("#passphrase", Secret).value = "correct"
            app.screen.query_one("#pin", Secret).value = pin
            await tried(pilot)
            if pin == "4321":
                assert "not the security key's PIN" in shown(app)
                assert app.screen.query_one("#pin", Secret).value == ""
        assert engine.of(requests.Unlock) == [
            requests.Unlock(
                passphrase="correct",
                key_file=hashlib.blake2b(bytes(64), digest_size=32, person=b"onionchat/1 file").digest(),
                security_key=secret,
            )
        ]
        assert isinstance(app.screen, MainScreen)


async def test_a_key_file_in_the_home_of_nobody_is_said(engine: FakeEngine) -> None:
    engine.vault = "locked"
    engine.ways = replace(engine.ways, key_file=True)
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one("#key-file", Entry).value = "~nobody-has-this-name/key"
        await write(pilot, "correct")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert "nobody has such a home folder" in shown(app)
        assert engine.of(requests.Unlock) == []


@pytest.mark.parametrize("vault", ["locked", "absent"])
async def test_no_description_of_a_worker_holds_a_passphrase(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, vault: replies.VaultState
) -> None:
    described: list[str] = []
    real = Worker.__init__

    def kept(self: Worker[object], *args: Any, **named: Any) -> None:
        real(self, *args, **named)
        described.append(f"{self.name} {self.description} {self!r}")

    monkeypatch.setattr(Worker, "__init__", kept)
    engine.vault = vault
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        for _ in range(1 if vault == "locked" else 2):
            await write(pilot, "correct")
            await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
    assert any("unlock" in each or "ask the engine" in each for each in described)
    assert not [each for each in described if "correct" in each]


def test_no_worker_is_described_by_its_arguments() -> None:
    for path in Path(tui.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.AsyncFunctionDef) or len(node.args.args) < 2:
                continue
            for by in node.decorator_list:
                named = {each.arg for each in by.keywords} if isinstance(by, ast.Call) else set()
                assert "work" not in ast.unparse(by) or "description" in named, f"{path.name}: {node.name}"


async def test_a_vault_that_asks_for_nothing_shows_no_more_fields(engine: FakeEngine) -> None:
    engine.vault = "locked"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert [field.id for field in app.screen.query(Input) if field.display] == ["passphrase"]


async def test_recovery_words_open_the_vault_with_a_new_passphrase(engine: FakeEngine) -> None:
    engine.vault = "locked"
    words = new_recovery_words(os.urandom)
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f3")
        await pilot.pause()
        assert isinstance(app.screen, RecoverScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, UnlockScreen)
        await pilot.press("f3")
        await pilot.pause()
        app.screen.query_one("#words", Secret).value = "one two three"
        for _ in range(2):
            app.screen.query_one("#passphrase", Secret).value = "brand new"
            app.screen.query_one("#again", Secret).value = "brand new"
            await pilot.press("enter")
            await pilot.pause()
            if isinstance(app.screen, RecoverScreen):
                assert "recovery words are 12, not 3" in shown(app)
                assert engine.of(requests.VaultRecover) == []
                app.screen.query_one("#words", Secret).value = words
        assert engine.of(requests.VaultRecover) == [requests.VaultRecover(words=words, new="brand new")]
        assert isinstance(app.screen, MainScreen)


@pytest.mark.parametrize("weak", [True, False])
async def test_all_of_recovering_can_be_seen_on_a_small_screen(engine: FakeEngine, weak: bool) -> None:
    engine.vault = "locked"
    app = engine.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("f3")
        await pilot.pause()
        await pilot.press("tab", *"hunter2") if weak else await pilot.press("f2")
        await pilot.pause()
        await pilot.press("tab", "enter") if weak else await pilot.press("enter")
        await pilot.pause()
        body, note = app.screen.query_one("#sheet-body"), app.screen.query_one(Note)
        assert "the two are not the same" in shown(app)
        assert note.region.bottom < app.screen.query_one(KeyBar).region.y
        for field in app.screen.query(Secret):
            field.focus()
            await pilot.wait_for_scheduled_animations()
            assert body.region.contains_region(field.region)


async def test_a_vault_is_restored_from_a_backup_instead_of_made(engine: FakeEngine) -> None:
    engine.vault = "absent"
    app = engine.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("f3")
        await pilot.pause()
        assert isinstance(app.screen, RestoreScreen)
        assert "Use one copy alone" in " ".join(shown(app).split())
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, MakeVaultScreen)
        await pilot.press("f3")
        await pilot.pause()
        for text in ("/media/stick/backup", "old pass", "brand new", "brand new"):
            await write(pilot, text)
            await pilot.press("enter")
        await pilot.pause()
        wanted = requests.BackupRestore(file="/media/stick/backup", passphrase="old pass", new="brand new")
        assert engine.of(requests.BackupRestore) == [wanted]
        assert isinstance(app.screen, MainScreen)
        assert engine.of(requests.Unlock) == []


@pytest.mark.parametrize(
    ("file", "sealed", "said"),
    [
        ("", "old pass", "something is missing"),
        ("/backup", "", "something is missing"),
        ("/backup", "x" * (MAX_PASSPHRASE + 1), "something is missing"),
        ("~nobody-has-this-name/backup", "old pass", "nobody has such a home folder"),
        ("/backup", "old pass", "this passphrase does not open the backup"),
    ],
)
async def test_what_cannot_be_restored_is_said_and_no_passphrase_stays(
    engine: FakeEngine, file: str, sealed: str, said: str
) -> None:
    engine.vault = "absent"
    engine.refuse[requests.BackupRestore] = ControlError(
        "wrong-passphrase", "this passphrase does not open the backup"
    )
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f3")
        await pilot.pause()
        app.screen.query_one("#file", Entry).value = file
        for field, value in (("#backup", sealed), ("#passphrase", "brand new"), ("#again", "brand new")):
            app.screen.query_one(field, Secret).value = value
        await pilot.press("enter")
        await pilot.pause()
        assert said in shown(app)
        assert isinstance(app.screen, RestoreScreen)
        asked = engine.of(requests.BackupRestore)
        assert len(asked) == ("does not open" in said)
        if asked:
            assert not any(secret.value for secret in app.screen.query(Secret))


async def test_a_long_wait_is_told(engine: FakeEngine) -> None:
    engine.vault = "locked"
    engine.refuse[requests.Unlock] = ControlError("wrong-passphrase", "not tried; wait 8 s", hint="try again")
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await write(pilot, "secret")
        await pilot.press("enter")
        await pilot.pause()
        assert "wait 8 s – try again" in shown(app)


async def test_an_empty_passphrase_is_not_sent(engine: FakeEngine) -> None:
    engine.vault = "locked"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("enter")
        assert "the passphrase is empty" in shown(app)
        assert engine.of(requests.Unlock) == []


async def test_a_passphrase_that_is_too_long_is_not_sent(engine: FakeEngine) -> None:
    engine.vault = "locked"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one(Secret).value = "x" * 1025
        await pilot.press("enter")
        assert "at most 1024" in shown(app)
        assert engine.of(requests.Unlock) == []


async def test_a_wrong_passphrase_stays_and_says_so(engine: FakeEngine) -> None:
    engine.vault = "locked"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, UnlockScreen)
        await write(pilot, "wrong")
        assert "wrong" not in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, UnlockScreen)
        assert "this passphrase does not open the vault – try again" in shown(app)
        assert app.screen.query_one(Secret).value == ""
        await write(pilot, "correct")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_a_passphrase_is_never_copied_out(engine: FakeEngine) -> None:
    engine.vault = "locked"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await write(pilot, "secret")
        await pilot.press("ctrl+shift+a", "ctrl+c", "ctrl+x")
        assert app.clipboard == ""
        assert app.screen.query_one(Secret).value == "secret"


async def test_a_vault_that_another_client_opened_is_open_here(engine: FakeEngine) -> None:
    engine.vault = "locked"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        engine.say(notices.VaultChanged(vault="open"))
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


@pytest.mark.parametrize("size", [(80, 24), (40, 24)])
async def test_without_an_identity_the_screen_says_what_one_is(
    engine: FakeEngine, size: tuple[int, int]
) -> None:
    engine.tor = replies.TorState(mode="managed", percent=45, words="loading relays")
    app = engine.app()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = shown(app)
        assert "Tor 45 %: loading relays" in text
        if size[0] == 80:
            assert "An identity is one of your names" in text
            assert "An invite is a code that you give to one person" in text
            assert "ctrl+g makes your first identity" in text
        assert "identities" in text
        await pilot.press("ctrl+n")
        assert isinstance(app.screen, MainScreen)
        await pilot.press("ctrl+g")
        assert isinstance(app.screen, IdentitySheet)
        await pilot.press("enter")
        assert "needs a name" in shown(app)
        await write(pilot, "Ada")
        await pilot.press("enter")
        await pilot.pause()
        assert engine.of(requests.IdentityCreate) == [requests.IdentityCreate(name="Ada")]
        assert "You are Ada" in lines(app)[0]


async def test_amnesic_goes_straight_to_the_conversations(engine: FakeEngine) -> None:
    engine.vault = "absent"
    app = engine.app(amnesic=True)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_an_engine_that_is_not_there_is_a_sentence_and_a_choice(engine: FakeEngine) -> None:
    engine.running = False
    engine.identities = [identity()]
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, GoneScreen)
        assert "No engine is running for this vault. Start one." in shown(app)
        assert "enter try again" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, GoneScreen)
        engine.running = True
        await pilot.press("r")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_an_engine_that_fails_while_lists_are_read(engine: FakeEngine) -> None:
    engine.refuse[requests.ContactList] = ControlError(
        "vault-corrupt", "the vault is damaged", hint="restore"
    )
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, GoneScreen)
        assert "The vault is damaged. Restore." in shown(app)


@pytest.mark.parametrize("vault", ["open", "locked", "absent"])
async def test_everything_is_burned_by_a_key_that_is_pressed_three_times(
    engine: FakeEngine, vault: replies.VaultState
) -> None:
    engine.vault = vault
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        for gap, words in (
            (0, "f12 twice more"),
            (4, "f12 twice more"),  # too late: it counts as the first
            (1, "f12 once more"),
            (0.03, "f12 twice more"),  # a key that is held down
            (0.5, "f12 once more"),
        ):
            engine.time += gap
            await pilot.press("f12")
            await pilot.pause()
            assert words in shown(app)
            assert engine.of(requests.VaultBurn) == []
        engine.time += 1
        await pilot.press("f12")
        await pilot.pause()
        assert engine.of(requests.VaultBurn) == [requests.VaultBurn()]
    assert app.return_code == 0
    assert app._exit_renderables == []  # the terminal keeps no word of it


async def press_to_burn(engine: FakeEngine, pilot: Pilot[None]) -> None:
    for _ in range(3):
        engine.time += 1
        await pilot.press("f12")
    await pilot.pause()


async def test_what_no_engine_burned_is_left_to_who_opened_the_window(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        engine.die()
        await pilot.pause()
        assert isinstance(app.screen, GoneScreen)
        await press_to_burn(engine, pilot)
    assert app.return_code == tui.TO_BURN
    assert app._exit_renderables == []


async def test_so_it_is_where_the_engine_stops_instead(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        engine.refuse[requests.VaultBurn] = ControlError("disk-full", "the disk is full")
        engine.say(notices.Stopping())
        await press_to_burn(engine, pilot)
    assert app.return_code == tui.TO_BURN


async def test_so_it_is_where_the_engine_does_not_answer(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onionchat.tui.app.BURN_SECONDS", 0.0)
    engine.silent.add(requests.VaultBurn)
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await press_to_burn(engine, pilot)
        await until(pilot, lambda: app.return_code is not None)
    assert app.return_code == tui.TO_BURN


async def test_locking_blanks_the_screen_and_forgets_what_was_known(engine: FakeEngine) -> None:
    engine.identities = [identity()]
    engine.contacts = [contact()]
    engine.conversations["c1"] = [message("01", "a secret of theirs")]
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await write(pilot, "a secret of ours")
        app.copy_to_clipboard("a secret to hand over")
        assert "a secret of theirs" in shown(app)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, UnlockScreen))
        assert engine.of(requests.Lock) == [requests.Lock()]
        assert "secret" not in shown(app)
        assert not any(isinstance(screen, MainScreen) for screen in app.screen_stack)
        model = app.session.model
        kept = model.messages, model.contacts, model.identities, model.drafts, model.unsent
        assert not any(kept)
        assert app.clipboard == ""
        await write(pilot, "correct")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        assert "a secret of theirs" in shown(app)
        assert "a secret of ours" not in shown(app)


async def test_the_screen_is_blank_before_an_engine_that_is_busy_has_answered(engine: FakeEngine) -> None:
    engine.identities = [identity()]
    engine.contacts = [contact()]
    engine.conversations["c1"] = [message("01", "a secret of theirs")]
    engine.silent.add(requests.Lock)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "a secret of theirs" in shown(app)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, BlankScreen))
        await until(pilot, lambda: "F12 three times" in shown(app))
        assert "secret" not in shown(app)
        assert "Bob" not in shown(app)
        await pilot.press("f9", *"correct", "enter")  # typed too early: it goes nowhere
        await pilot.pause()
        assert len(engine.of(requests.Lock)) == 1
        assert engine.of(requests.Send) == []
        assert isinstance(app.screen, BlankScreen)
        engine.say(notices.VaultChanged(vault="locked"))
        await until(pilot, lambda: isinstance(app.screen, UnlockScreen))
        assert not any(isinstance(screen, MainScreen) for screen in app.screen_stack)


async def test_a_sheet_that_is_answered_meanwhile_leaves_the_screen_blank(engine: FakeEngine) -> None:
    engine.identities = [identity()]
    engine.contacts = [contact()]
    engine.silent.add(requests.Lock)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+t")
        await pilot.pause()
        sheet = app.screen
        assert isinstance(sheet, LifetimeSheet)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, BlankScreen))
        sheet.dismiss(contact())
        await pilot.pause()
        assert isinstance(app.screen, BlankScreen)


async def test_a_vault_that_locked_itself_blanks_the_screen_below_a_sheet(engine: FakeEngine) -> None:
    engine.identities = [identity()]
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+g")
        await pilot.pause()
        engine.vault = "locked"
        engine.say(notices.VaultChanged(vault="locked"))
        await until(pilot, lambda: isinstance(app.screen, UnlockScreen))


async def test_a_sheet_does_not_keep_the_vault_from_being_locked(engine: FakeEngine) -> None:
    engine.identities = [identity()]
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+g", "f9")
        await until(pilot, lambda: isinstance(app.screen, UnlockScreen))
        await pilot.press("f9")  # there is nothing to lock here
        await pilot.pause()
        assert len(engine.of(requests.Lock)) == 1


async def test_the_engine_hears_now_and_then_that_somebody_is_there(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("tab", "tab")
        await pilot.pause()
        assert len(engine.of(requests.Here)) == 1
        engine.time += 31
        await pilot.press("tab")
        await pilot.pause()
        assert len(engine.of(requests.Here)) == 2


async def test_what_cannot_be_locked_says_so(engine: FakeEngine) -> None:
    engine.refuse[requests.Lock] = ControlError("amnesic", "it cannot be locked", hint="stop it")
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f9")
        await until(pilot, lambda: "it cannot be locked – stop it" in shown(app))
        assert isinstance(app.screen, MainScreen)
        await pilot.press("f9")  # and it can be tried again
        await until(pilot, lambda: len(engine.of(requests.Lock)) == 2)
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
