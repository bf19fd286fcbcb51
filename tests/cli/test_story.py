"""How a message is told of in one row."""

from __future__ import annotations

import pytest

from onionchat.cli.story import message_row
from onionchat.control.replies import Lifetime, Message


@pytest.mark.parametrize(
    ("lifetime", "expires", "left"),
    [
        (60, None, "lives 1 min"),
        (60, 1030.0, "30 s left"),
        ("once", None, "once"),
        ("once", 1600.0, "gone when closed"),
        ("off", None, "stays"),
    ],
)
def test_a_row_says_what_is_left_of_a_message(lifetime: Lifetime, expires: float | None, left: str) -> None:
    one = Message(
        message="01",
        contact="c1",
        mine=False,
        text="hi",
        written=1000.0,
        state="received",
        lifetime=lifetime,
        expires=expires,
    )
    assert message_row(one, "Bob", 1000.0)[4] == left
