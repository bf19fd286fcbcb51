"""A list to choose from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class Choices(OptionList):
    """One line for each choice, never markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Choose", tooltip="Do what is marked.")
    ]

    def __init__(self, choices: Iterable[Option | str]) -> None:
        super().__init__(*choices, markup=False)
