"""The state diagrams of docs/protocol.md: `python -m tests.protocol.diagrams` draws them anew.

Handshake, link and epoch are drawn from the tables that the program itself goes by. Where a state follows
from what is kept (a contact, a session, a text, a window) there is no such table in the program: those below
are held against lives of two machines by `test_diagrams.py`, which sees each of their arrows and no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

from onionchat.crypto import epoch, handshake
from onionchat.crypto.epoch import EpochState, KemKey
from onionchat.crypto.handshake import Stage
from onionchat.protocol import link
from onionchat.protocol.link import LinkState

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "protocol.md"
S = TypeVar("S", bound=Enum)

OUTSIDE: Final = "[*]"
"""Where a machine does not exist yet, or no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """From one state to another, and why."""

    start: Enum | None
    end: Enum | None
    why: str


class Acquaintance(Enum):
    """What an invite and the contact that comes of it are, on either side."""

    OPEN = "invite open"
    USED = "invite used"
    JOINING = "joining"
    IN_CONTACT = "in contact"
    INTRODUCED = "introduced"


class Holding(Enum):
    """What a side has of the session with a contact."""

    NONE = "none yet"
    HELD = "held"
    LOST = "lost"


class Text(Enum):
    """A text that this side has written."""

    QUEUED = "queued"
    LEAVING = "leaving"
    SENT = "sent"
    DELIVERED = "delivered"
    GONE = "gone"


class Bulk(Enum):
    """A bulk window for the cells of one side."""

    NONE = "none"
    PROPOSED = "proposed"
    RUNNING = "running"


ACQUAINTANCE: Final = {
    (Acquaintance.OPEN, Acquaintance.USED): "CONTACT, with message 3",
    (Acquaintance.USED, Acquaintance.INTRODUCED): "our address was acknowledged",
    (Acquaintance.JOINING, Acquaintance.IN_CONTACT): "the first valid cell, or the inviter dials",
    (Acquaintance.IN_CONTACT, Acquaintance.INTRODUCED): "an address came",
}

HOLDING: Final = {
    (Holding.NONE, Holding.HELD): "CONTACT, with message 3",
    (Holding.HELD, Holding.HELD): "RESET of the other side is chosen, or the joiner's CONTACT again",
    (Holding.HELD, Holding.LOST): "unreadable, does not open, 1,000 unanswered, or another one was chosen",
    (Holding.LOST, Holding.HELD): "RESET is chosen, or the joiner's CONTACT again",
}

TEXT: Final = {
    (Text.QUEUED, Text.LEAVING): "its first part is laid out, or the program ended",
    (Text.LEAVING, Text.SENT): "its last part has left",
    (Text.SENT, Text.LEAVING): "the program ended",
    (Text.LEAVING, Text.DELIVERED): "acknowledged",
    (Text.SENT, Text.DELIVERED): "acknowledged",
    (Text.QUEUED, Text.GONE): "deleted, or its time ended",
    (Text.LEAVING, Text.GONE): "deleted, or its time ended",
    (Text.SENT, Text.GONE): "deleted, or its time ended",
    (Text.DELIVERED, Text.GONE): "deleted, or its time ended",
}

BULK: Final = {
    (Bulk.NONE, Bulk.PROPOSED): "propose",
    (Bulk.PROPOSED, Bulk.RUNNING): "agree",
    (Bulk.PROPOSED, Bulk.NONE): "decline or end, or the link was replaced",
    (Bulk.RUNNING, Bulk.NONE): "end, or the link was replaced",
}

_CELLS: Final = {
    LinkState.AWAIT_MESSAGE_1: "message 1 came, message 2 is written",
    LinkState.AWAIT_MESSAGE_2: "message 2 came, message 3 is written",
    LinkState.AWAIT_MESSAGE_3: "message 3 came",
    LinkState.OPEN: "the first valid cell",
    LinkState.COMPLETE: "a valid cell",
}


def _handshake() -> list[Arrow]:
    arrows = [
        Arrow(start=None, end=Stage.WRITE_1, why="initiator"),
        Arrow(start=None, end=Stage.READ_1, why="responder"),
    ]
    for call, table in (("write", handshake.ON_WRITE), ("read", handshake.ON_READ)):
        arrows += [Arrow(start=start, end=end, why=call) for start, end in table.items()]
        arrows += [Arrow(start=start, end=Stage.OVER, why="an error") for start in table]
    return arrows


def _link() -> list[Arrow]:
    arrows = [
        Arrow(start=None, end=LinkState.DIALLING, why="dial"),
        Arrow(start=None, end=LinkState.AWAIT_MESSAGE_1, why="accept"),
    ]
    arrows += [
        Arrow(start=a, end=b, why="the connection stands, message 1 is written")
        for a, b in link.ON_GREETING.items()
    ]
    arrows += [Arrow(start=a, end=b, why=_CELLS[a]) for a, b in link.ON_CELL.items()]
    alive = [state for state in LinkState if state is not LinkState.CLOSED]
    return arrows + [Arrow(start=state, end=LinkState.CLOSED, why="") for state in alive]


def _epoch() -> list[Arrow]:
    arrows = [
        Arrow(start=None, end=EpochState.IDLE, why="the session's initiator"),
        Arrow(start=None, end=EpochState.WAITING, why="its responder"),
    ]
    arrows += [Arrow(start=a, end=b, why="due, a key is made") for a, b in epoch.ON_PROPOSAL.items()]
    for (start, part), end in epoch.ON_PART.items():
        name = "the key" if part is KemKey else "the ciphertext"
        arrows.append(Arrow(start=start, end=end, why=f"{name} again" if start is end else name))
    turns = {EpochState.READY: "turn to sending", EpochState.ANSWERING: "header with the next epoch"}
    return arrows + [Arrow(start=a, end=b, why=f"{turns[a]}, mixed in") for a, b in epoch.ON_TURN.items()]


def _kept(table: Mapping[tuple[S, S], str], first: Mapping[S, str]) -> list[Arrow]:
    arrows = [Arrow(start=None, end=state, why=why) for state, why in first.items()]
    return arrows + [Arrow(start=a, end=b, why=why) for (a, b), why in table.items()]


def diagrams() -> dict[str, list[Arrow]]:
    """Name of each diagram, and its arrows."""
    used = {Acquaintance.OPEN: "an invite is made", Acquaintance.JOINING: "an invite is taken"}
    taken_back = Arrow(start=Acquaintance.OPEN, end=None, why="taken back, or its time is past")
    return {
        "handshake": _handshake(),
        "link": _link(),
        "epoch": _epoch(),
        "contact": [*_kept(ACQUAINTANCE, used), taken_back],
        "session": _kept(HOLDING, {Holding.NONE: "joining, or an invite used"}),
        "window": _kept(BULK, {Bulk.NONE: "the link became active"}),
        "text": [
            *_kept(TEXT, {Text.QUEUED: "written and stored"}),
            Arrow(start=Text.GONE, end=None, why=""),
        ],
    }


def draw(arrows: list[Arrow]) -> str:
    """A Mermaid diagram."""
    states = dict.fromkeys(state for arrow in arrows for state in (arrow.start, arrow.end) if state)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {state.name}' for state in states]
    for arrow in arrows:
        start, end = (state.name if state else OUTSIDE for state in (arrow.start, arrow.end))
        lines.append(f"    {start} --> {end}{': ' if arrow.why else ''}{arrow.why}")
    return "\n".join([*lines, "```"])


def refreshed(text: str) -> str:
    """The document with each diagram drawn anew, between its two marks."""
    for name, arrows in diagrams().items():
        mark, end = f"<!-- diagram: {name} -->\n", "\n<!-- end -->"
        if text.count(mark) != 1:
            raise ValueError(f"{DOCUMENT.name} needs one place for the diagram {name}")
        before, _, rest = text.partition(mark)
        text = before + mark + draw(arrows) + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(refreshed(DOCUMENT.read_text()))
