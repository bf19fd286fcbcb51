from __future__ import annotations

import pytest
from textual._callback import invoke
from textual.binding import Binding
from textual.command import CommandPalette, DiscoveryHit
from textual.screen import Screen
from textual.widget import Widget

from onionchat.control import requests
from onionchat.tui.commands import Commands, bindings
from onionchat.tui.widgets.bars import KeyBar
from onionchat.tui.widgets.contact_list import ContactList
from onionchat.tui.widgets.conversation_view import ConversationView

from .engine import FakeEngine, contact, identity, message, shown


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.identities = [identity()]
    engine.contacts = [contact()]
    engine.conversations["c1"] = [message("01", "theirs")]
    return engine


def declared(screen: Screen[object]) -> set[tuple[str, str]]:
    """Every shown binding that a class of ours declares and that is on this screen."""
    nodes: list[type] = [type(screen.app), *type(screen).mro()]
    nodes += [type(widget) for widget in screen.query(Widget)]
    return {
        (binding.key, binding.action)
        for node in nodes
        if node.__module__.startswith("onionchat.")
        for binding in vars(node).get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.show
    }


async def palette(screen: Screen[object]) -> list[str]:
    """What the palette offers over a screen before anything is typed."""
    return list(await commands(screen))


async def commands(screen: Screen[object]) -> dict[str, DiscoveryHit]:
    hits = [hit async for hit in Commands(screen).discover()]
    return {str(hit.display): hit for hit in hits if isinstance(hit, DiscoveryHit)}


SCREENS: dict[str, list[str]] = {
    "main": [],
    "invite": ["ctrl+n"],
    "accept": ["ctrl+o"],
    "identities": ["ctrl+g"],
    "identity": ["ctrl+g", "end", "enter"],
    "lifetime": ["ctrl+t"],
    "message lifetime": ["ctrl+r"],
    "wire": ["ctrl+l"],
    "wire of all": ["ctrl+l", "end", "enter"],
    "budget": ["ctrl+l", "end", "enter", "down", "down", "enter"],
    "window": ["ctrl+l", "down", "down", "down", "down", "enter"],
    "delete": ["shift+tab", "d"],
    "rename": ["shift+tab", "shift+tab", "r"],
    "remove": ["shift+tab", "shift+tab", "d"],
    "burn messages": ["shift+tab", "shift+tab", "b"],
    "burn identity": ["ctrl+g", "d"],
    "stop": ["ctrl+s"],
    "backup": ["f8"],
    "ways": ["f4"],
    "locking": ["f10"],
    "passphrase": ["f4", "enter"],
    "key file": ["f4", "down", "enter"],
    "recovery words": ["f4", "down", "down", "down", "enter"],
}


@pytest.mark.parametrize("name", SCREENS)
async def test_every_key_of_a_screen_is_in_the_palette_and_every_working_one_in_the_footer(
    engine: FakeEngine, name: str
) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*SCREENS[name])
        await pilot.pause()
        offered = await palette(app.screen)
        listed = {(binding.key, binding.action) for _, binding in bindings(app.screen)}
        assert listed == declared(app.screen)
        footer = shown(app, "KeyBar")
        seen: set[str] = set()
        for active in app.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action not in seen:
                seen.add(binding.action)
                key = app.get_key_display(binding)
                assert f"{key} {binding.description.lower()}" in footer
                if binding.action != "command_palette":
                    assert f"{binding.description} ({key})" in offered


@pytest.mark.parametrize("vault", ["absent", "locked"])
async def test_the_start_too(engine: FakeEngine, vault: str) -> None:
    engine.vault = "absent" if vault == "absent" else "locked"
    app = engine.app()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "enter confirm" in shown(app, "KeyBar")
        assert "Confirm (enter)" in await palette(app.screen)


async def test_every_binding_says_what_it_does(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        for _, binding in bindings(app.screen):
            assert binding.description
            assert binding.tooltip.endswith(".")


async def test_the_footer_follows_the_focus(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "enter send" in shown(app, "KeyBar")
        app.screen.query_one(ContactList).focus()
        await pilot.pause()
        assert "enter open" in shown(app, "KeyBar")
        assert "r rename" in shown(app, "KeyBar")
        app.screen.query_one(ConversationView).focus()
        await pilot.pause()
        assert "d delete" in shown(app, "KeyBar")


async def test_the_footer_shows_what_fits_on_a_narrow_screen(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test(size=(40, 24)) as pilot:
        await pilot.pause()
        bar = app.screen.query_one(KeyBar)
        assert bar.size.height > 2
        assert "stop engine" in shown(app, "KeyBar")


async def test_a_command_is_found_by_name_and_run(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"lifetime")
        await pilot.pause(0.3)  # the palette searches while one types
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert "How long messages live" in shown(app)


async def test_a_command_of_another_part_works_from_the_composer(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        await invoke((await commands(app.screen))["Delete (d)"].command)
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert engine.of(requests.Delete) == [requests.Delete(contact="c1", message="01")]


async def test_nothing_of_textual_own_is_offered(engine: FakeEngine) -> None:
    app = engine.app(conversation="c1")
    async with app.run_test() as pilot:
        await pilot.pause()
        offered = await palette(app.screen)
        assert not any("screenshot" in one.lower() or "theme" in one.lower() for one in offered)
