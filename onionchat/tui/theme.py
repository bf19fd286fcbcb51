"""The look: dark, calm, one accent."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

ONION: Final = Theme(
    name="onionchat",
    primary="#b39ddb",
    secondary="#7f9fb0",
    accent="#b39ddb",
    success="#8fbf8a",
    warning="#e0b872",
    error="#e08a82",
    foreground="#d9dbe3",
    background="#14151b",
    surface="#1a1c24",
    panel="#232632",
    dark=True,
    variables={
        "block-cursor-background": "#3a3550",
        "block-cursor-foreground": "#f0edf8",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#262836",
        "block-cursor-blurred-foreground": "#d9dbe3",
        "block-cursor-blurred-text-style": "none",
        "input-selection-background": "#b39ddb 35%",
        "scrollbar": "#33364a",
        "scrollbar-background": "#14151b",
    },
)
