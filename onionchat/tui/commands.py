"""The command palette: every key of the screen and its parts, by name.

Laws: nothing is listed twice; what has no key has no entry here, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget


def bindings(screen: Screen[Any]) -> Iterator[tuple[DOMNode, Binding]]:
    """Every shown binding of ``screen``, its visible parts and the app, whatever has the focus now."""
    seen: set[tuple[str, str]] = set()
    for node in (screen.app, *reversed(type(screen).mro()), *screen.query(Widget)):
        owner: DOMNode = screen if isinstance(node, type) else node
        declared = vars(node if isinstance(node, type) else type(node)).get("BINDINGS", ())
        for binding in declared:
            if not isinstance(binding, Binding) or not binding.show or (binding.key, binding.action) in seen:
                continue
            seen.add((binding.key, binding.action))
            yield owner, binding


class Commands(Provider):
    """Everything that a key does, for those who do not know the key."""

    async def discover(self) -> Hits:
        """All of it, before anything was typed."""
        for title, help_text, run in self._commands():
            yield DiscoveryHit(title, run, help=help_text)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for title, help_text, run in self._commands():
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), run, help=help_text)

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        for node, binding in bindings(self.screen):
            if binding.action == "command_palette" or (isinstance(node, Widget) and not node.display):
                continue
            key = self.app.get_key_display(
                next(iter(Binding.make_bindings([binding])))
            )  # of several, the first
            title = f"{binding.description} ({key})"
            yield title, binding.tooltip, partial(self._run, node, binding.action)

    def _run(self, node: DOMNode, action: str) -> None:
        """Do it where it belongs, as its key would, once the part has the focus."""
        if isinstance(node, Widget) and node.focusable:
            node.focus()
        node.call_after_refresh(self.app.run_action, action, node)
