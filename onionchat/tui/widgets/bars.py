"""Single lines at the edges: keys, status, and what just went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from ...errors import OnionchatError
from .. import wording
from ..model import Model

GAP = "  "
STARVED_MS = 250.0
"""From here on an engine that waits for the processor is mentioned."""


class KeyBar(Widget):
    """Every key that does something now, wrapped to as many lines as it takes."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[Content] = []

    def on_mount(self) -> None:
        """Follow the focus: other keys work elsewhere."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the keys need at this width."""
        return max(1, len(list(self._lines(width))))

    def render(self) -> RenderResult:
        """The keys."""
        return Content("\n").join(self._lines(self.size.width))

    def _changed(self, screen: Screen[object]) -> None:
        if screen is self.screen is self.app.screen:  # below another screen nothing can be pressed
            self._shown = list(self._keys())
            self.refresh(layout=True)

    def _keys(self) -> Iterator[Content]:
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action not in seen:
                seen.add(binding.action)
                key = self.app.get_key_display(binding)
                yield Content.assemble((key, "bold $primary"), f" {binding.description.lower()}")

    def _lines(self, width: int) -> Iterator[Content]:
        line = Content()
        for key in self._shown:
            longer = key if not line else line + GAP + key
            if line and longer.cell_length > width:
                yield line
                longer = key
            line = longer
        yield line


class StatusBar(Static):
    """Tor, reachability, and the schedule with its cost, in words."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def tell(self, model: Model, now: float) -> None:
        """Show how things are."""
        parts = [wording.tor(model.tor)]
        if model.tor.ready:
            parts.append(wording.reachability(model.services, model.reachable, model.reachable_since, now))
        if model.elsewhere:
            parts.append("another copy of your vault is in use: use one alone")
        contact = model.contacts.get(model.conversation or "")
        if contact is not None:
            parts.append(f"{wording.schedule(contact.schedule)}, {contact.schedule.megabytes:.0f} MB a day")
        elif model.tick:
            parts.append(f"a cell every {model.tick:g} s")
        if model.starved_ms >= STARVED_MS:
            parts.append(f"the machine is busy (waited {model.starved_ms:.0f} ms)")
        if model.clock_behind:
            late = wording.short_span(model.clock_behind)
            parts.append(f"the computer's clock is {late} behind: set it right")
        self.set_class(bool(model.tor.problem or model.elsewhere), "-problem")
        self.set_class(model.tor.ready and 0 < model.services <= model.reachable, "-good")
        self.update(Content(" │ ".join(parts)))


class Note(Static):
    """What went wrong and what to do about it, or that something was done. Hidden while there is nothing."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.display = False

    def say(self, text: str) -> None:
        """Something that is good to know."""
        self._put(Content(wording.line(text)), problem=False)

    def complain(self, error: OnionchatError) -> None:
        """An error: what happened, and the hint."""
        words = [wording.line(error.message), wording.line(error.hint)]
        self._put(Content(" – ".join(filter(None, words))), problem=True)

    def warn(self, text: str) -> None:
        """Something that is wrong and has no hint."""
        self._put(Content(wording.line(text)), problem=True)

    def clear(self) -> None:
        """Nothing to say any more."""
        self.display = False

    def _put(self, content: Content, *, problem: bool) -> None:
        mark = Content("! " if problem else "· ")
        self.set_class(problem, "-problem")
        self.update(mark + content)
        self.display = True
