from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot

from onionchat.control import notices, replies, requests
from onionchat.control.replies import Invite
from onionchat.errors import ControlError
from onionchat.tui.app import OnionchatApp
from onionchat.tui.model import Unsent
from onionchat.tui.screens.invites import AcceptSheet, InviteSheet
from onionchat.tui.screens.lifetime import PromiseSheet
from onionchat.tui.screens.main import MainScreen
from onionchat.tui.screens.naming import IdentitySheet
from onionchat.tui.widgets.choices import Choices
from onionchat.tui.widgets.contact_list import ContactList
from onionchat.tui.widgets.entry import Composer, Draft, Entry, Secret

from .engine import CODE, DAY, NOW, FakeEngine, contact, identity, lines, message, shown, until


@pytest.fixture
def engine() -> FakeEngine:
    """Two identities, two contacts of the first, and a conversation."""
    engine = FakeEngine()
    engine.identities = [identity(), identity("a2", "Work")]
    engine.contacts = [contact(), contact("c2", "Carol"), contact("c3", "Boss", of="a2", unread=2)]
    engine.conversations["c1"] = [
        message("01", "theirs"),
        message("02", "ours", mine=True, state="delivered"),
    ]
    return engine


def invite(handle: str = "e1", *, reachable: bool = False, code: str = CODE) -> Invite:
    return Invite(invite=handle, identity="a1", code=code, created=NOW, reachable=reachable)


async def test_an_invite_is_made_and_shown_whole(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert engine.of(requests.InviteCreate) == [requests.InviteCreate(identity="a1")]
        text = shown(app, "#sheet")
        assert "Give this code to one person, once" in text
        assert "not reachable yet" in text
        assert "".join(lines(app, "#code")).replace(" ", "") == CODE
        (made,) = app.session.model.own_invites()
        engine.say(notices.InviteChanged(invite=invite(made.invite, reachable=True), state="open"))
        await pilot.pause()
        assert "the code works now" in shown(app, "#sheet")
        engine.say(notices.InviteChanged(invite=invite("ff"), state="used"))
        await pilot.pause()
        assert "the code works now" in shown(app, "#sheet")
        engine.say(notices.InviteChanged(invite=invite(made.invite), state="used"))
        await pilot.pause()
        assert "you have a new contact" in shown(app, "#sheet")
        assert CODE[:40] not in shown(app)


async def test_an_invite_is_copied_on_its_key_alone(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert app.clipboard == ""
        await pilot.press("c")
        assert app.clipboard == CODE
        assert "where other programs can read it" in shown(app)


async def test_open_invites_are_turned_and_taken_back(engine: FakeEngine) -> None:
    engine.invites = [invite("e1", code="onionchat:first"), invite("e2", code="onionchat:second")]
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+n")
        assert engine.of(requests.InviteCreate) == []
        assert "onionchat:second" in shown(app)
        await pilot.press("right")
        assert "onionchat:first" in shown(app)
        await pilot.press("x")
        await pilot.pause()
        assert engine.of(requests.InviteRevoke) == [requests.InviteRevoke(invite="e1")]
        assert "taken back and works no more" in shown(app)
        assert "copy" not in lines(app)[-1]
        await pilot.press("n")
        await pilot.pause()
        assert len(engine.of(requests.InviteCreate)) == 1
        assert shown(app, "#code").startswith("onionchat:abc")


async def test_an_invite_that_expired_says_so(engine: FakeEngine) -> None:
    engine.invites = [invite("e1")]
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+n")
        engine.say(notices.InviteChanged(invite=invite("e1"), state="gone"))
        await pilot.pause()
        assert "It is gone." in shown(app)


async def test_an_invite_that_cannot_be_made(engine: FakeEngine) -> None:
    engine.refuse[requests.InviteCreate] = ControlError(
        "tor-unavailable", "tor is not there", hint="install it"
    )
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert "! tor is not there – install it" in shown(app)
        assert isinstance(app.screen, InviteSheet)


async def test_a_pasted_invite_is_used(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+o")
        app.post_message(events.Paste(f"> │  {CODE[:50]}  │\n> | {CODE[50:]}|\r\n"))
        await pilot.pause()
        await pilot.press("enter")
        assert "the contact needs a name – only you will see it" in shown(app)
        assert isinstance(app.focused, Entry)
        await pilot.press(*"Zoe", "enter")
        await pilot.pause()
        await pilot.pause()
        assert engine.of(requests.InviteAccept) == [
            requests.InviteAccept(identity="a1", code=CODE, name="Zoe")
        ]
        assert isinstance(app.screen, MainScreen)
        assert "To Zoe as Ada" in shown(app)
        assert "Zoe ○ not met yet" in shown(app, "#contacts")


async def test_a_refused_invite_loses_nothing(engine: FakeEngine) -> None:
    engine.refuse[requests.InviteAccept] = ControlError(
        "bad-invite", "a typing error", hint="compare the code"
    )
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+o")
        app.post_message(events.Paste(CODE))
        await pilot.pause()
        await pilot.press("tab", *"Zoe", "enter")
        await pilot.pause()
        assert isinstance(app.screen, AcceptSheet)
        assert "! a typing error – compare the code" in shown(app)
        assert app.screen.query_one(Draft).text == CODE
        assert app.screen.query_one(Entry).value == "Zoe"
        app.post_message(events.Paste(CODE.swapcase()))
        await pilot.pause()
        assert app.screen.query_one(Draft).text == CODE.swapcase()
        assert app.screen.query_one(Entry).value == "Zoe"


async def test_what_cannot_be_an_invite_is_not_sent(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+o", "enter")
        assert "there is no code yet" in shown(app)
        app.screen.query_one(Draft).text = "x" * 513
        await pilot.press("enter")
        assert "too long to be an invite" in shown(app)
        assert engine.of(requests.InviteAccept) == []


async def test_another_identity_is_chosen(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+g")
        text = shown(app, "#sheet")
        assert "Ada 2 contacts" in text
        assert "Work 1 contact, 2 new" in text
        await pilot.press("down", "enter")
        await pilot.pause()
        text = shown(app, "#contacts")
        assert "You are Work" in text
        assert "Boss" in text
        assert "Bob" not in text
        assert not app.screen.query_one(Composer).display
        await pilot.press("ctrl+g", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, IdentitySheet)
        await pilot.press(*"Third", "enter")
        await pilot.pause()
        assert "You are Third" in shown(app)
        assert "Nobody here yet" in shown(app)


@pytest.mark.parametrize(("keys", "seconds"), [(["up"], 8 * 3600), (["tab", *"90s"], 90)])
async def test_a_lifetime_is_chosen_or_typed(engine: FakeEngine, keys: list[str], seconds: int) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+t")
        assert "1 day (now)" in shown(app, "#sheet")
        await pilot.press(*keys, "enter")
        await pilot.pause()
        assert engine.of(requests.SetLifetime) == [requests.SetLifetime(contact="c1", lifetime=seconds)]
        assert "messages live" in shown(app)
        assert "messages live 1 day" not in shown(app)


async def test_a_lifetime_that_makes_no_sense_stays_in_the_field(engine: FakeEngine) -> None:
    engine.contacts[0] = contact(lifetime=DAY + 1)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+t")
        assert "at present: 86401 seconds" in shown(app)
        await pilot.press("tab", *"soon", "enter")
        assert "type a number and a unit" in shown(app)
        assert app.screen.query_one(Entry).value == "soon"
        assert engine.of(requests.SetLifetime) == []


async def test_once_is_the_first_choice_and_off_is_typed(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+t", "home", "enter")
        await pilot.pause()
        assert "your messages go when read and closed" in shown(app)
        await pilot.press("ctrl+t")
        assert "gone when read and closed (now)" in shown(app, "#sheet")
        await pilot.press("tab", *"off", "enter")
        await pilot.pause()
        asked = [one.lifetime for one in engine.of(requests.SetLifetime)]
        assert asked == ["once", "off"]
        assert "your messages stay until deleted" in shown(app)


async def test_one_message_alone_lives_as_long_as_was_chosen_for_it(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+r")
        assert "For the next message to Bob alone" in shown(app, "#sheet")
        await pilot.press("home", "enter")
        await pilot.pause()
        assert "this message: gone when read and closed" in shown(app)
        await pilot.press(*"one", "enter", *"two", "enter")
        await pilot.pause()
        assert [one.lifetime for one in engine.of(requests.Send)] == ["once", None]
        assert "this message" not in shown(app)


async def test_another_conversation_has_no_part_in_what_was_chosen_for_one_message(
    engine: FakeEngine,
) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+r", "home", "enter")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        app.screen.open_conversation("c2")
        await pilot.press(*"two", "enter")
        await pilot.pause()
        assert [one.lifetime for one in engine.of(requests.Send)] == [None]


async def test_before_the_first_message_it_is_said_what_lifetimes_promise(engine: FakeEngine) -> None:
    engine.promise = "Messages vanish after their lifetime."
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*"first", "enter")
        await pilot.pause()
        assert "Messages vanish after their lifetime." in shown(app, "#sheet")
        assert engine.of(requests.Send) == []
        await pilot.press("enter")
        await pilot.pause()
        assert [one.text for one in engine.of(requests.Send)] == ["first"]
        await pilot.press(*"second", "enter")
        await pilot.pause()
        assert len(engine.of(requests.Send)) == 2
        assert [one.read for one in engine.of(requests.TimerTold)] == [False, True]


@pytest.mark.parametrize("keys", [(), ("escape",)])  # the window closes over the sheet; the sheet is put away
async def test_what_nobody_said_to_have_read_is_told_again_by_the_next_window(
    engine: FakeEngine, keys: tuple[str, ...]
) -> None:
    engine.promise = "Messages vanish after their lifetime."

    async def begin(app: OnionchatApp, pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.press(*"first", "enter")
        await until(pilot, lambda: isinstance(app.screen, PromiseSheet))

    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await begin(app, pilot)
        await pilot.press(*keys)
        await pilot.pause()
        assert len(engine.of(requests.Send)) == len(keys)
    assert not any(one.read for one in engine.of(requests.TimerTold))
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await begin(app, pilot)


async def test_who_only_reads_is_told_too_before_anything_counts_as_read(engine: FakeEngine) -> None:
    engine.promise = "Messages vanish after their lifetime."
    engine.conversations["c1"].append(message("07", "theirs", state="received"))
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await until(pilot, lambda: "Messages vanish after" in shown(app))
        assert engine.of(requests.Shown) == []
        await pilot.press("enter")
        await until(pilot, lambda: bool(engine.of(requests.Shown)))
        assert engine.of(requests.Shown) == [requests.Shown(contact="c1", messages=["07"])]
        assert [one.read for one in engine.of(requests.TimerTold)] == [False, True]


async def test_what_lives_once_is_closed_when_another_conversation_is_opened(engine: FakeEngine) -> None:
    read = msgspec.structs.replace(message("03", "read"), lifetime="once", state="read", expires=NOW + 600)
    engine.conversations["c1"].append(read)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "gone when closed" in shown(app)
        assert isinstance(app.screen, MainScreen)
        app.screen.open_conversation("c2")
        await pilot.pause()
        app.screen.open_conversation("c1")
        await pilot.pause()
        assert engine.of(requests.Closed) == [requests.Closed(contact="c1")]


async def test_a_conversation_is_kept_in_memory_and_in_the_vault_again(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+t", "end")
        assert "keep them in memory only" in shown(app, "#sheet")
        await pilot.press("enter")
        await pilot.pause()
        assert "all in memory only" in shown(app)
        await pilot.press("ctrl+t", "end")
        assert "keep them in the vault" in shown(app, "#sheet")
        await pilot.press("enter")
        await pilot.pause()
        assert [one.where for one in engine.of(requests.Keep)] == ["memory", "vault"]
        await pilot.press("ctrl+r")
        assert "keep them" not in shown(app, "#sheet")


async def test_a_disposable_identity_is_made_and_said_to_be_one(engine: FakeEngine) -> None:
    engine.identities[1] = msgspec.structs.replace(engine.identities[1], disposable=True)
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+g")
        await pilot.pause()
        assert "Work 1 contact, 2 new, in memory only" in shown(app, "#sheet")
        await pilot.press("end", "up", "enter")
        await pilot.pause()
        assert "never reaches the disk" in shown(app, "#sheet")
        await pilot.press(*"Source", "enter")
        await pilot.pause()
        assert engine.of(requests.IdentityCreate) == [requests.IdentityCreate(name="Source", disposable=True)]


async def test_a_schedule_is_chosen_by_what_it_costs(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "a cell every 2 s, 98 MB a day" in shown(app)
        await pilot.press("ctrl+l")
        await pilot.pause()
        text = shown(app, "#sheet")
        assert "a cell every 2 s: waits 3 s, 98 MB a day (now)" in text
        assert "when you send, NO protection: at once, 6 MB a day" in text
        assert "Now: a cell every 2 s (the default)." in text
        await pilot.press("down", "enter")
        await pilot.pause()
        wanted = requests.ScheduleSet(contact="c1", level="burst", tick=2.0, batch=1)
        assert engine.of(requests.ScheduleSet) == [wanted]


@pytest.mark.parametrize(
    ("label", "request_made"),
    [
        ("Appear offline to Bob", requests.PresenceSet(visible=False, contact="c1")),
        ("Appear offline to everybody", requests.PresenceSet(visible=False)),
    ],
)
async def test_what_else_is_told_by_the_wire(
    engine: FakeEngine, label: str, request_made: requests.AnyRequest
) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+l")
        await pilot.pause()
        choices = app.screen.query_one(Choices)
        labels = [str(option.prompt) for option in choices.options]
        choices.highlighted = labels.index(label)
        await pilot.press("enter")
        await pilot.pause()
        assert engine.of(type(request_made)) == [request_made]


@pytest.mark.parametrize(
    ("hider", "request_made", "words"),
    [
        ("contact", requests.PresenceSet(visible=True, contact="c1"), "offline to this contact"),
        ("identity", requests.PresenceSet(visible=True, identity="a1"), "offline as this identity"),
        ("vault", requests.PresenceSet(visible=True), "offline to everybody"),
    ],
)
async def test_who_hides_us_is_said_and_undone(
    engine: FakeEngine, hider: replies.Scope, request_made: requests.PresenceSet, words: str
) -> None:
    engine.contacts[0] = contact(visible=False, presence="offline")
    engine.policy = msgspec.structs.replace(engine.policy, visible=False, hidden_by=hider)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "you appear offline here" in shown(app)
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert words in shown(app, "#sheet")
        await pilot.press("end", "up", "up", "enter")  # what is wider comes last
        await pilot.pause()
        assert engine.of(requests.PresenceSet) == [request_made]


@pytest.mark.parametrize(("keys", "agree"), [([], True), (["down"], False)])
async def test_a_window_that_is_offered_is_answered(engine: FakeEngine, keys: list[str], agree: bool) -> None:
    engine.contacts[0] = contact(their_window=replies.Window(state="asked", seconds=32))
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "Bob asks to send much at once for 32 s" in shown(app)
        await pilot.press("ctrl+l")
        await pilot.pause()
        await pilot.press(*keys, "enter")
        await pilot.pause()
        assert engine.of(requests.WindowAnswer) == [requests.WindowAnswer(contact="c1", agree=agree)]


async def test_an_own_message_is_deleted_here_or_for_both(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("shift+tab", "d")
        text = shown(app, "#sheet")
        assert "It cannot be brought back here." in text
        assert "cannot unsee what was read" in text
        await pilot.press("enter")
        assert engine.of(requests.Delete) == []
        await pilot.press("d", "down", "down", "enter")
        await pilot.pause()
        assert engine.of(requests.Delete) == [requests.Delete(contact="c1", message="02", both=True)]
        assert "ours" not in shown(app)


async def test_a_message_of_theirs_is_deleted_here_only(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("shift+tab", "up", "d")
        assert "for both" not in shown(app, "#sheet")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert engine.of(requests.Delete) == [requests.Delete(contact="c1", message="01")]
        assert "theirs" not in shown(app)


async def test_a_deletion_that_is_refused_says_so(engine: FakeEngine) -> None:
    engine.refuse[requests.Delete] = ControlError("disk-full", "no room", hint="free some")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("shift+tab", "d", "down", "enter")
        await pilot.pause()
        assert "! no room – free some" in shown(app, "#sheet")


async def test_a_contact_is_renamed(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("r", "end", "ctrl+u", "enter")
        assert "a contact needs a name" in shown(app)
        await pilot.press(*"Robert", "enter")
        await pilot.pause()
        assert engine.of(requests.ContactRename) == [requests.ContactRename(contact="c1", name="Robert")]
        assert "Robert" in shown(app, "#contacts")


async def test_a_pasted_name_is_one_safe_line(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("r", "end", "ctrl+u")
        app.post_message(events.Paste("Rob\x1b[2J\u202eert\nsecond"))
        await pilot.pause()
        assert app.screen.query_one(Entry).value == "Robert second"


async def test_a_contact_is_removed_after_one_sentence(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one(ContactList).focus()
        await pilot.press("d")
        assert "This erases Bob, all messages and the keys you share; it cannot be undone." in shown(
            app, "#sheet"
        )
        await pilot.press("down", "enter")
        await pilot.pause()
        await pilot.pause()
        assert engine.of(requests.ContactRemove) == [requests.ContactRemove(contact="c1")]
        assert "Bob" not in shown(app)
        assert "Carol" in shown(app)


async def test_of_a_burned_contact_nothing_stays_in_the_window(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*"half a secret")
        screen = app.screen
        assert isinstance(screen, MainScreen)
        app.session.model.unsent.append(Unsent("c1", "another secret"))
        assert screen.view._messages
        engine.say(notices.ContactRemoved(contact="c1"))
        await pilot.pause()
        screen.post_message(Composer.Sent("c1", "a late secret"))  # Enter was pressed just before
        await pilot.pause()
        screen._take_back()
        view = screen.view
        assert [view._messages, view._rows, view._cache, view._drawn, view._peer] == [[], [], {}, {}, ""]
        assert screen.composer.text == ""
        screen.composer.undo()
        assert screen.composer.text == ""
        assert app.session.model.drafts.get("c1") is None
        assert app.session.model.unsent == []


async def test_what_is_being_sent_when_its_contact_is_burned_takes_nothing_else_along(
    engine: FakeEngine,
) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        session = app.session
        real = session.ask

        async def burned_meanwhile(request: Any, kind: Any) -> Any:
            answer = await real(request, kind)
            if isinstance(request, requests.Send) and request.contact == "c1":
                session.model.apply(notices.ContactRemoved(contact="c1"))
            return answer

        session.ask = burned_meanwhile  # type: ignore[method-assign]  # the one moment that matters
        session.model.unsent += [Unsent("c1", "first"), Unsent("c2", "second")]
        assert isinstance(app.screen, MainScreen)
        await app.screen.sending.send_all()
        assert [(one.contact, one.text) for one in engine.of(requests.Send)] == [
            ("c1", "first"),
            ("c2", "second"),
        ]


async def test_the_messages_with_a_contact_are_burned_after_one_sentence(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one(ContactList).focus()
        await pilot.press("b")
        await pilot.pause()
        assert "it cannot be undone" in shown(app, "#sheet")
        await pilot.press("enter")  # the harmless choice comes first
        await pilot.pause()
        assert engine.of(requests.ConversationBurn) == []
        await pilot.press("b", "down", "enter")
        await pilot.pause()
        assert engine.of(requests.ConversationBurn) == [requests.ConversationBurn(contact="c1")]
        assert isinstance(app.screen, MainScreen)


async def test_an_identity_is_burned_after_one_sentence(engine: FakeEngine) -> None:
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+g", "end")
        await pilot.pause()
        assert "burn" not in shown(app, "KeyBar")  # there is no identity on that line
        await pilot.press("d")
        assert "it cannot be undone" not in shown(app)
        await pilot.press("home", "d")
        await pilot.pause()
        assert "Ada with all its contacts" in shown(app, "#sheet")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert engine.of(requests.IdentityBurn) == [requests.IdentityBurn(identity="a1")]
        assert isinstance(app.screen, MainScreen)
        assert app.session.model.identity == "a2"
        assert [*app.session.model.identities] == ["a2"]


async def test_escape_changes_nothing(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        engine.asked.clear()
        for key in ("ctrl+o", "ctrl+t", "ctrl+g"):
            await pilot.press(key, "escape")
            await pilot.pause()
            assert isinstance(app.screen, MainScreen)
        assert {type(one) for one in engine.asked} <= {requests.Here}


# --- backups -----------------------------------------------------------------------------------------


async def test_a_backup_is_made_of_what_was_typed(engine: FakeEngine, tmp_path: Path) -> None:
    engine.backup = replies.Backup(identities=2, contacts=1, left_out=["Carol", "Boss"], memory=256)
    app = engine.app()
    async with app.run_test(size=(160, 24)) as pilot:
        await pilot.pause()
        await pilot.press("f8")
        await pilot.pause()
        for text in (str(tmp_path / "file"), "the vault's", "pass", "pass"):
            await pilot.press(*text, "enter")
        await pilot.pause()
        assert engine.of(requests.BackupMake) == [
            requests.BackupMake(file=str(tmp_path / "file"), passphrase="the vault's", new="pass")
        ]
        assert isinstance(app.screen, MainScreen)
        await pilot.pause()
        said = " ".join(shown(app).split())
        assert "with 1 contact; not in it: Carol, Boss; each guess at its passphrase takes 256 MiB" in said


async def test_a_backup_that_cannot_be_seen_from_here_is_not_said_to_be_written(
    engine: FakeEngine, tmp_path: Path
) -> None:
    engine.hides = True
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f8")
        await pilot.pause()
        for text in (str(tmp_path / "file"), "the vault's", "pass", "pass"):
            await pilot.press(*text, "enter")
        await pilot.pause()
        assert len(engine.of(requests.BackupMake)) == 1
        assert "not seen from here" in " ".join(shown(app, "#sheet").split())
        assert [secret.value for secret in app.screen.query(Secret)] == ["", "", ""]


@pytest.mark.parametrize("size", [(80, 24), (40, 24)])
async def test_the_passphrase_of_a_backup_is_judged_and_six_words_are_offered(
    engine: FakeEngine, tmp_path: Path, size: tuple[int, int]
) -> None:
    app = engine.app()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("f8")
        await pilot.pause()
        await pilot.press(*str(tmp_path / "file"), "enter", "p", "enter", *"hunter2")
        await pilot.pause()
        assert "a copy of the backup can guess it" in " ".join(shown(app, "#sheet").split())
        await pilot.press("f2")
        await pilot.pause()
        words = app.screen.query_one("#new", Secret).value
        assert len(words.split()) == 6
        assert words in " ".join(shown(app, "#sheet").split())
        app.screen.query_one("#again", Secret).value = words
        await pilot.press("enter")
        await pilot.pause()
        assert [one.new for one in engine.of(requests.BackupMake)] == [words]
        assert words not in " ".join(shown(app).split())


async def test_a_backup_is_not_made_of_less(engine: FakeEngine) -> None:
    engine.refuse[requests.BackupMake] = ControlError("wrong-passphrase", "not the vault's")
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f8")
        await pilot.pause()
        await pilot.press("enter", "p", "enter", "n", "enter", "m", "enter")
        await pilot.pause()
        assert "no file was named" in shown(app, "#sheet")
        await pilot.press(*"~nobody-has-this-name/f", "enter", "enter", "enter", "enter")
        await pilot.pause()
        assert "nobody has such a home folder" in shown(app, "#sheet")
        app.screen.query_one("#file", Entry).value = "/f"
        await pilot.press("enter", "enter", "enter", "enter")
        await pilot.pause()
        assert "the two are not the same" in shown(app, "#sheet")
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert "there is no new passphrase" in shown(app, "#sheet")
        assert not engine.of(requests.BackupMake)
        assert isinstance(app.focused, Secret)
        await pilot.press("n", "enter", "n", "enter")
        await pilot.pause()
        assert "not the vault's" in shown(app, "#sheet")
        assert [secret.value for secret in app.screen.query(Secret)] == ["", "", ""]


async def test_what_lives_in_memory_alone_is_not_backed_up(engine: FakeEngine) -> None:
    app = engine.app(amnesic=True)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("f8")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
