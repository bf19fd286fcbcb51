"""The contacts of the identity that the user writes as."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...control.replies import Contact
from .. import wording
from ..model import Model

MARK = "▸ "
WIDTH = 23
"""Cells of a line before the first layout; later what there is."""


class ContactList(OptionList):
    """One contact in two lines: name and unread count, then presence in words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", tooltip="Open the conversation with this contact."),
        Binding("r", "screen.rename_contact", "Rename", tooltip="Change the name that you see."),
        Binding(
            "d,delete",
            "screen.remove_contact",
            "Remove",
            tooltip="Burn this contact: keys, messages and address.",
        ),
        Binding(
            "b",
            "screen.burn_conversation",
            "Burn messages",
            tooltip="Burn all messages with this contact, and keep the contact.",
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="contacts", markup=False)
        self._prompts: dict[str, Content] = {}

    @property
    def chosen(self) -> str | None:
        """The contact under the cursor."""
        return None if self.highlighted is None else self.get_option_at_index(self.highlighted).id

    def tell(self, model: Model, now: float) -> None:
        """Show the contacts; the cursor stays where it was."""
        width = self.scrollable_content_region.width or WIDTH
        prompts = {
            one.contact: _prompt(one, now, width, opened=one.contact == model.conversation)
            for one in model.own_contacts()
        }
        if list(prompts) != list(self._prompts):
            chosen = self.chosen
            self.set_options(Option(prompt, id=contact) for contact, prompt in prompts.items())
            self.point_at(chosen)
        else:
            for contact, prompt in prompts.items():
                if not prompt.is_same(self._prompts[contact]):
                    self.replace_option_prompt(contact, prompt)
        self._prompts = prompts

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing can be opened where nobody is."""
        return self.option_count > 0 if action == "select" else True

    def point_at(self, contact: str | None) -> None:
        """Put the cursor on a contact, or on the first."""
        if self.option_count:
            known = contact is not None and contact in {option.id for option in self.options}
            self.highlighted = self.get_option_index(contact) if known and contact is not None else 0


def _prompt(contact: Contact, now: float, width: int, *, opened: bool) -> Content:
    """Two lines of at most ``width``; the mark before the name shows which conversation is open."""
    unread = f"  {contact.unread} new" if contact.unread else ""
    name = Content(wording.name(contact.name)).truncate(width - len(MARK) - len(unread), ellipsis=True)
    return Content.assemble(
        MARK if opened else " " * len(MARK),
        name.stylize("bold") if unread else name,
        (unread, "bold $warning"),
        f"\n{' ' * len(MARK)}",
        (wording.presence(contact, now), "$success" if contact.presence == "online" else "$text-muted"),
    )
