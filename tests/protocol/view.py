"""What can be seen of one side, so that laws need no copy of it."""

from __future__ import annotations

from typing import NamedTuple

from onionchat.protocol.contact import Contact
from onionchat.protocol.invitation import Invitation

from .sides import Side
from .world import Machine


class Face(NamedTuple):
    """What can be seen of one contact, or of an invite that nobody has used, without a copy of it."""

    in_contact: bool
    links: tuple[int, ...]
    active: int | None
    waits: int
    """What the peer has not acknowledged, and whether acknowledgements wait."""
    delivered: frozenset[bytes]
    texts: tuple[str, ...]
    """What stands of the peer's."""
    lines: int
    """How many say that the session was made anew."""
    session: bytes
    lost: bool
    psks: frozenset[bytes]
    introduced: bool
    epoch: tuple[int, bool] | None
    """The KEM epoch that was begun last, and whether the next proposal is this side's."""

    @property
    def idle(self) -> bool:
        """Whether there is one link, and nothing to say on it."""
        return self.links == (self.active,) and not self.waits


class View(NamedTuple):
    """What can be seen of one side."""

    deadline: float
    onions: frozenset[bytes]
    """Where it is reached."""
    laid: frozenset[int]
    """Links on which a cell is laid out."""
    sending: frozenset[int]
    shown: tuple[str, ...]
    """What the person was told of as new."""
    stored: frozenset[bytes]
    """Ids in the vault of what came."""
    faces: tuple[Face, ...]

    @property
    def face(self) -> Face:
        """Of the only one."""
        (face,) = self.faces
        return face


def look_at(side: Side) -> View:
    """What it looks like now."""
    onions = {m.onion.public for m in side.machines if isinstance(m, Contact)}
    deadlines = [machine.next_deadline for machine in side.machines]
    return View(
        deadline=min((time for time in deadlines if time is not None), default=float("inf")),
        onions=frozenset({*side.invites, *onions}),
        laid=frozenset(link for link, lane in side.lanes.items() if lane.laid),
        sending=frozenset(side.lanes),
        shown=tuple(side.shown),
        stored=frozenset(key for kind, _, key in side.vault if kind == "seen"),
        faces=tuple(_face(machine) for machine in side.machines),
    )


def _face(machine: Machine) -> Face:
    if isinstance(machine, Invitation):
        links = tuple(machine._links)
        return Face(False, links, None, 0, frozenset(), (), 0, b"", False, frozenset(), False, None)
    talk, record = machine.talk, machine.record
    epochs = talk._session._state.epoch if talk._session is not None else None
    return Face(
        in_contact=True,
        links=machine.links,
        active=machine._active.number if machine._active is not None else None,
        waits=len(talk.outbox) + talk.inbox.pending,
        delivered=frozenset(m.id for m in talk.timeline if m.mine and m.delivered),
        texts=tuple(m.text for m in talk.timeline if not m.mine and not m.system),
        lines=sum(m.system for m in talk.timeline),
        session=record.session,
        lost=talk.lost,
        psks=frozenset(psk.key for psk in record.psks),
        introduced=record.introduced,
        epoch=(epochs.number, epochs.proposer) if epochs is not None else None,
    )
