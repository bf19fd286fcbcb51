"""What stands in the place of a conversation while none is open: what to do next, in plain words."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.widgets import Static

from ..model import Model

NO_IDENTITY: Final = (
    ("An identity", "bold"),
    " is one of your names, with keys and addresses that it shares with no other. You can have several.\n\n",
    ("An invite", "bold"),
    " is a code that you give to one person. Whoever uses it first can write to you, and you to them.\n\n",
    ("ctrl+g", "bold $primary"),
    "  makes your first identity.",
)
NO_CONTACT: Final = (
    ("Nobody here yet.", "bold"),
    "\n\n",
    ("ctrl+n", "bold $primary"),
    "  makes an invite: a code that you give to one person, once, in a way that you both trust.\n\n",
    ("ctrl+o", "bold $primary"),
    "  uses an invite that somebody gave to you.",
)
NO_CONVERSATION: Final = (
    ("Choose a contact", "bold"),
    " on the left with ",
    ("↑ ↓", "bold $primary"),
    ", and press ",
    ("enter", "bold $primary"),
    " to open the conversation.",
)


class Welcome(Static):
    """A few sentences, depending on what there is already."""

    def __init__(self) -> None:
        super().__init__(id="welcome", markup=False)

    def tell(self, model: Model) -> None:
        """Show the sentences that help now."""
        if not model.identities:
            parts = NO_IDENTITY
        elif not model.own_contacts():
            parts = NO_CONTACT
        else:
            parts = NO_CONVERSATION
        self.update(Content.assemble(*parts))
