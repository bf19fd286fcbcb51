from __future__ import annotations

import msgspec
import pytest
from textual import events

from onionchat.control import notices, replies, requests
from onionchat.errors import ControlError
from onionchat.tui.screens.gone import GoneScreen
from onionchat.tui.screens.main import MainScreen
from onionchat.tui.screens.unlock import UnlockScreen
from onionchat.tui.widgets.contact_list import ContactList
from onionchat.tui.widgets.conversation_view import ConversationView
from onionchat.tui.widgets.entry import Composer

from .engine import DAY, NOW, FakeEngine, contact, identity, lines, message, shown, until


def engine_with_bob(*messages: replies.Message) -> FakeEngine:
    engine = FakeEngine()
    engine.identities = [identity(), identity("a2", "Work")]
    engine.contacts = [contact(), contact("c2", "Carol", presence="offline"), contact("c3", "Boss", of="a2")]
    engine.conversations["c1"] = list(messages)
    return engine


async def test_contacts_with_their_state_and_as_whom_one_writes() -> None:
    engine = engine_with_bob()
    engine.contacts += [
        contact("c4", "Dan", presence="connecting", unread=3),
        contact("c5", "Eve", presence="offline", introduced=False),
        contact("c6", "Client", of="a2", unread=2),
    ]
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "Choose a contact on the left" in shown(app)
        text = shown(app, "#contacts")
        assert "You are Ada" in text
        assert "Bob ● online since" in text
        assert "Carol ○ offline" in text
        assert "Dan 3 new ◐ connecting" in text
        assert "Eve ○ not met yet" in text
        assert "Client" not in text
        assert "2 new elsewhere" in text


async def test_a_long_name_does_not_push_its_neighbours() -> None:
    engine = engine_with_bob()
    engine.contacts = [contact(name="Wolfeschlegelsteinhausenbergerdorff the Elder", unread=7)]
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert lines(app, "#contacts")[1] == "│  Wolfeschlegel…  7 new │"
        assert "online since" in lines(app)[2]


async def test_a_conversation_shows_who_when_what_state_and_how_long() -> None:
    engine = engine_with_bob(
        message("01", "one", expires=NOW + 7260),
        message("02", "two", mine=True, state="queued"),
        message("03", "three", mine=True, state="sent"),
        message("04", "four", mine=True, state="delivered", expires=NOW + 45),
        message("05", "five", mine=True, state="read", expires=NOW + 60),
        message("06", "made anew", system=True),
    )
    app = engine.app()
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        assert engine.of(requests.Messages) == []
        await pilot.press("enter")
        await pilot.pause()
        text = shown(app, "#conversation")
        for words in ("2 h 1 min left one", "○ queued 1 d from delivery", "→ sent", "✓ delivered 45 s left"):
            assert words in text
        assert "✓✓ read" in text
        assert "── made anew" in text
        assert "messages live 1 day" in text
        assert "To Bob as Ada" in shown(app)
        assert isinstance(app.focused, Composer)


async def test_nothing_of_a_text_is_cut_in_a_narrow_window() -> None:
    text = "I am a small program, and nothing that I say may be lost on forty columns."
    app = engine_with_bob(message("01", text)).app(conversation="c1")
    async with app.run_test(size=(40, 24)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert text in shown(app, "#conversation")


async def test_the_countdown_goes_on_and_the_message_goes() -> None:
    engine = engine_with_bob(
        message("01", "short", expires=NOW + 45), message("02", "long", expires=NOW + DAY)
    )
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, MainScreen)
        assert "45 s left" in shown(app)
        engine.time += 15
        screen._tick()
        await pilot.pause()
        assert "30 s left" in shown(app)
        engine.time += 30
        screen._tick()
        await pilot.pause()
        assert "short" not in shown(app)
        assert "long" in shown(app)


async def test_a_countdown_redraws_its_own_line_only() -> None:
    engine = engine_with_bob(
        message("01", "short", expires=NOW + 45), message("02", "long", expires=NOW + DAY + 30)
    )
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.pause()  # all that opening it redraws
        view = app.screen.query_one(ConversationView)
        drawn: list[int] = []
        draw = view.render_line
        view.render_line = lambda y: drawn.append(y) or draw(y)  # type: ignore[method-assign,func-returns-value]  # spies
        view.tick(NOW + 1)  # a day and 30 seconds still reads «1 d»
        await pilot.pause()
        assert drawn == [0]


async def test_enter_sends_and_clears_once_the_engine_has_it() -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*"hi", "ctrl+j", *"you", "enter")
        await pilot.pause()
        assert engine.of(requests.Send) == [requests.Send(contact="c1", text="hi\nyou")]
        assert app.screen.query_one(Composer).text == ""
        assert "○ queued" in shown(app)
        await pilot.press("space", "enter")
        assert len(engine.of(requests.Send)) == 1


async def test_a_refused_text_stays_and_the_error_is_said() -> None:
    engine = engine_with_bob()
    engine.refuse[requests.Send] = ControlError("disk-full", "no room on the disk", hint="free some space")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*"hello", "enter")
        await pilot.pause()
        assert app.screen.query_one(Composer).text == "hello"
        assert "! no room on the disk – free some space" in shown(app)
        engine.refuse.clear()
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.query_one(Composer).text == ""
        assert "no room" not in shown(app)


async def test_a_text_that_is_too_long_stays() -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one(Composer).text = "x" * 70_000
        await pilot.press("enter")
        await pilot.pause()
        assert engine.of(requests.Send) == []
        assert "this has 70000 characters, a message at most 65536" in shown(app)
        assert len(app.screen.query_one(Composer).text) == 70_000


async def test_what_was_refused_comes_back_before_what_was_written_since() -> None:
    engine = engine_with_bob()
    engine.refuse[requests.Send] = ControlError("disk-full", "no room on the disk")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        composer = app.screen.query_one(Composer)
        composer.text = "first"
        composer.action_submit()
        composer.text = "second"
        composer.action_submit()
        composer.text = "third"
        await pilot.pause()
        await pilot.pause()
        assert composer.text == "first\nsecond\nthird"
        assert len(engine.of(requests.Send)) == 1


async def test_what_was_refused_after_leaving_waits_in_its_conversation() -> None:
    engine = engine_with_bob()
    engine.refuse[requests.Send] = ControlError("disk-full", "no room on the disk")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, MainScreen)
        screen.composer.text = "for bob"
        screen.composer.action_submit()
        screen.query_one(ContactList).focus()
        await pilot.press("down", "enter")
        await pilot.pause()
        await pilot.pause()
        assert app.session.model.drafts["c1"] == "for bob"
        assert screen.composer.text == ""


async def test_drafts_stay_with_their_conversation() -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*"for bob")
        app.screen.query_one(ContactList).focus()
        await pilot.press("down", "enter", *"for carol")
        app.screen.query_one(ContactList).focus()
        await pilot.press("up", "enter")
        assert app.screen.query_one(Composer).text == "for bob"
        assert app.session.model.drafts == {"c1": "for bob", "c2": "for carol"}


async def test_notices_are_shown_as_they_come() -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        engine.say(notices.MessageArrived(message=message("01", "news", state="received")))
        engine.say(notices.ContactChanged(contact=contact(presence="offline")))
        engine.say(notices.ReachabilityChanged(services=4, reachable=3))
        engine.say(notices.Starved(milliseconds=400))
        await pilot.pause()
        text = shown(app)
        assert "news" in text
        assert "Bob ○ offline" in text
        assert "3 of 4 addresses reachable" in text
        assert "waited 400 ms" in text
        engine.time += 60
        engine.say(notices.MessageGone(contact="c1", message="01", why="deleted-by-peer"))
        screen = app.screen
        assert isinstance(screen, MainScreen)
        screen._tick()
        await pilot.pause()
        assert "waited" not in shown(app)
        engine.say(notices.TorChanged(tor=replies.TorState(mode="managed", problem="no way out")))
        engine.say(notices.DeletionConfirmed(contact="c1", message="09"))
        await pilot.pause()
        text = shown(app)
        assert "news" not in text
        assert "Tor: no way out" in text
        assert "deleted at your contact's too" in text


async def test_what_is_on_screen_is_reported_once() -> None:
    engine = engine_with_bob(message("01", state="received"), message("02", mine=True, state="delivered"))
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.pause()
        engine.say(notices.MessageArrived(message=message("03", state="received")))
        await pilot.pause()
        await pilot.pause()
        assert engine.of(requests.Shown) == [
            requests.Shown(contact="c1", messages=["01"]),
            requests.Shown(contact="c1", messages=["03"]),
        ]


async def test_only_what_is_on_screen_is_reported() -> None:
    many = [message(f"{n:02x}", "text", state="received") for n in range(40)]
    engine = engine_with_bob(*many)
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.pause()
        (first,) = engine.of(requests.Shown)
        assert first.messages == [f"{n:02x}" for n in range(40)][-len(first.messages) :]
        assert len(first.messages) < 10
        app.screen.query_one(ConversationView).focus()
        await pilot.press("pageup")
        await pilot.pause(0.6)  # Textual scrolls a page with an animation
        reported = {one for ask in engine.of(requests.Shown) for one in ask.messages}
        assert len(first.messages) < len(reported) < 25


async def test_nothing_is_reported_while_the_terminal_is_not_looked_at() -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        app.post_message(events.AppBlur())
        await pilot.pause()
        engine.say(notices.MessageArrived(message=message("01", state="received")))
        await pilot.pause()
        await pilot.pause()
        assert engine.of(requests.Shown) == []
        app.post_message(events.AppFocus())
        await pilot.pause()
        await pilot.pause()
        assert engine.of(requests.Shown) == [requests.Shown(contact="c1", messages=["01"])]


async def test_nothing_is_reported_behind_a_sheet() -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+t")
        engine.say(notices.MessageArrived(message=message("01", state="received")))
        await pilot.pause()
        await pilot.pause()
        assert engine.of(requests.Shown) == []
        await pilot.press("escape")
        await pilot.pause()
        assert engine.of(requests.Shown) == [requests.Shown(contact="c1", messages=["01"])]


async def test_a_report_that_failed_is_made_again() -> None:
    engine = engine_with_bob(message("01", state="received"))
    engine.refuse[requests.Shown] = ControlError("disk-full", "no room")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.pause()
        assert "no room" in shown(app)
        before = len(engine.of(requests.Shown))
        engine.refuse.clear()
        app.screen.query_one(ConversationView).report_seen()
        await pilot.pause()
        assert len(engine.of(requests.Shown)) == before + 1
        app.screen.query_one(ConversationView).report_seen()
        await pilot.pause()
        assert len(engine.of(requests.Shown)) == before + 1


async def test_a_conversation_that_cannot_be_read_says_so() -> None:
    engine = engine_with_bob()
    engine.refuse[requests.Messages] = ControlError("vault-corrupt", "a row is damaged")
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.pause()
        assert "a row is damaged" in shown(app)


async def test_reading_back_is_not_disturbed_by_news() -> None:
    engine = engine_with_bob(*[message(f"{n:02x}", f"text {n}") for n in range(40)])
    app = engine.app(conversation="c1")
    app.animation_level = "none"
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.pause()
        assert "text 39" in shown(app)
        view = app.screen.query_one(ConversationView)
        view.focus()
        await pilot.press("home")
        await until(pilot, lambda: "text 0 " in shown(app))
        engine.say(notices.MessageArrived(message=message("ff", "news")))
        engine.say(notices.MessageGone(contact="c1", message="20", why="expired"))
        await pilot.pause()
        assert "text 0 " in shown(app)
        engine.say(notices.MessageGone(contact="c1", message="00", why="expired"))
        await until(pilot, lambda: "text 0 " not in shown(app))
        assert "text 1 " in shown(app)


async def test_messages_are_selected_by_arrow_keys() -> None:
    engine = engine_with_bob(*[message(f"{n:02x}", f"text {n}") for n in range(9)])
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("shift+tab")
        view = app.screen.query_one(ConversationView)
        assert view.has_focus
        assert view.selected is not None
        assert view.selected.message == "08"
        for _ in range(12):
            await pilot.press("up")
        assert view.selected.message == "00"
        assert "❯Bob" in shown(app)
        await pilot.press("down")
        assert view.selected.message == "01"
        await pilot.press("escape")
        assert isinstance(app.focused, Composer)


async def test_an_engine_that_dies_keeps_drafts_and_the_conversation() -> None:
    engine = engine_with_bob(message("01", "still here"))
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*"half a")
        engine.die()
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, GoneScreen)
        assert "The engine has ended" in shown(app)
        assert "What you were writing is kept" in shown(app)
        engine.running = True
        engine.vault = "locked"
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, UnlockScreen)
        await pilot.press(*"correct", "enter")
        await pilot.pause()
        await pilot.pause()
        assert app.screen.query_one(Composer).text == "half a"
        assert "still here" in shown(app)
        assert engine.clients[0].closed


async def test_an_engine_that_dies_behind_a_sheet() -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+t")
        engine.die()
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, GoneScreen)
        assert len(app.screen_stack) == 2


async def test_a_first_contact_that_came_to_nothing_says_why() -> None:
    engine = engine_with_bob()
    engine.contacts = [
        msgspec.structs.replace(
            contact(presence="offline", introduced=False), problem="the invite was used already"
        )
    ]
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "! could not meet" in shown(app)
        assert "! the invite was used already" in shown(app)


async def test_quitting_leaves_the_engine_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    engine = engine_with_bob()
    app = engine.app(stop_command="onionchat --vault there stop")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+c")
        assert "ctrl+q closes onionchat" in shown(app)
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert engine.of(requests.Stop) == []
    said = " ".join(capsys.readouterr().err.split())
    assert "The engine keeps running, so that you stay reachable." in said
    assert "onionchat --vault there stop" in said
    assert app.return_code == 0


async def test_quitting_an_amnesic_engine_asks_and_stops_it() -> None:
    engine = engine_with_bob()
    engine.amnesic = True
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+q")
        assert "Everything is kept in memory only" in shown(app)
        await pilot.press("ctrl+q", "enter")
        await pilot.pause()
        assert app.is_running
        await pilot.press("ctrl+q", "down", "enter")
        await pilot.pause()
        await pilot.pause()
    assert len(engine.of(requests.Stop)) == 1
    assert not app.is_running


async def test_stopping_the_engine_asks_first(capsys: pytest.CaptureFixture[str]) -> None:
    engine = engine_with_bob()
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+s")
        assert "Nobody can reach you" in shown(app)
        await pilot.press("escape", "ctrl+s", "down", "enter")
        engine.die()  # its end and its answer: whichever comes first, it is said once
        await pilot.pause()
        await pilot.pause()
    assert len(engine.of(requests.Stop)) == 1
    assert not app.is_running
    said = " ".join(capsys.readouterr().err.split())
    assert said == "The engine has ended. Nobody can reach you until onionchat is started again."


async def test_an_engine_that_somebody_else_stops() -> None:
    engine = engine_with_bob()
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        engine.say(notices.Stopping())
        engine.die()
        await pilot.pause()
        await pilot.pause()
        assert "The engine was stopped" in shown(app)


async def test_the_whole_screen_at_80_by_24_and_after_resizing() -> None:
    engine = engine_with_bob(*[message(f"{n:02x}", "word " * 30) for n in range(9)])
    app = engine.app(conversation="c1")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for width, height in ((80, 24), (120, 35), (60, 20), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            screen = lines(app)
            assert len(screen) == height
            assert all(len(line) <= width for line in screen)
            assert "Tor is ready" in shown(app)
            assert "send" in shown(app)
            assert "commands" in shown(app)
            assert "from delivery" not in shown(app)


async def test_a_bug_shows_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    engine = engine_with_bob()
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        app._exception = ValueError("the secret text")
        app._fatal_error()
        await pilot.pause()
        app._exception = None
    said = capsys.readouterr().err
    assert said.strip() == "onionchat's window failed (ValueError). The engine was not affected."
    assert app.return_code == 1


async def test_another_copy_of_the_vault_is_told() -> None:
    engine = engine_with_bob()
    engine.elsewhere = 1
    app = engine.app()
    async with app.run_test(size=(160, 24)) as pilot:
        await pilot.pause()
        assert "another copy of your vault is in use" in shown(app, "StatusBar")


async def test_a_computer_whose_clock_was_set_back_is_told_so() -> None:
    engine = engine_with_bob()
    engine.clock_behind = 2 * 86400.0
    app = engine.app()
    async with app.run_test(size=(160, 24)) as pilot:
        await pilot.pause()
        assert "the computer's clock is 2 d behind" in shown(app, "StatusBar")
