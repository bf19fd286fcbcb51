"""Receiving while the vault is locked: links whose envelopes are put into a box (docs/architecture.md).

Laws: while it is locked a link has its receiving key and the public half of a key that only the vault holds,
and nothing else; an envelope is put into the box as it came, sealed by the ratchet, and nothing is answered.
What is taken out counts from when it came, which is sealed beside it, and what opens it dies in the same
commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..crypto import RandomSource
from ..crypto.box import BOX_OVERHEAD, open_sealed, seal_to
from ..crypto.keys import KeyPair
from ..errors import CryptoError
from .cell import CellType
from .commands import Key
from .constants import ENVELOPE_SIZE, MAX_UNANSWERED
from .link import Arrived, Link
from .record import BoxRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from .batch import Batch
    from .contact import Contact
    from .events import BoxOpened
    from .talk import Talk

BOX_PLACES: Final = 4096
"""Envelopes that are kept, of all contacts together."""

TIME_SIZE: Final = 8
"""Bytes before an envelope: when it came, in whole seconds since 1970."""

SEALED_SIZE: Final = TIME_SIZE + ENVELOPE_SIZE + BOX_OVERHEAD
"""Bytes of an envelope in the box."""


def link_to_keep(contact: Contact) -> Link | None:
    """The link on which a contact's envelopes can be received while the vault is locked; None for none.

    In the middle of a text there is none: its beginning would have to stay in memory. It comes again, whole.
    """
    link, talk = contact.active, contact.talk
    if link is None or talk.lost or talk.inbox.unfinished or link.session_handle != contact.record.session:
        return None
    return link


def share(links: int) -> int:
    """How many places each of so many links gets.

    Equal shares, so that no peer takes another's room; never more than an honest peer sends unanswered.
    """
    return min(MAX_UNANSWERED, BOX_PLACES // max(1, links))


class KeptLink:
    """A link that goes on while the vault is locked.

    Args:
        link: one that its contact has given up.
        public: what its envelopes are sealed to, 32 bytes.
        first: the first of its places in the box.
        places: how many it has.
        random: source of the ephemeral keys.
    """

    def __init__(self, link: Link, *, public: bytes, first: int, places: int, random: RandomSource) -> None:
        self.number = link.number
        self.ended = False
        """The peer has closed it, or sends more than it has places for."""
        link.remote_static = link.initiator_static = link.peer_onion = b""  # whose link it is
        link.laid.clear()
        self._link = link
        self._public = public
        self._next = first
        self._end = first + places
        self._random = random

    def silent(self, now: float) -> bool:
        """Whether the peer must be taken for dead."""
        deadline = self._link.deadline
        return deadline is not None and deadline <= now

    def receive(self, cell: bytes, now: float) -> tuple[int, bytes] | None:
        """A place, and what belongs into it; None where the cell brought nothing, or the link has ``ended``.

        Raises:
            RemoteProtocolError, CryptoError: the peer breaks its rules; the link must end.
        """
        arrived = self._link.receive(cell, random=self._random, now=now)
        if not isinstance(arrived, Arrived) or arrived.cell_type is CellType.CLOSE:
            self.ended = True
            return None
        if arrived.cell_type is not CellType.ENVELOPE:  # covers; a have-list, which comes on each link
            return None
        if self._next == self._end:
            self.ended = True
            return None
        place, self._next = self._next, self._next + 1
        content = int(now).to_bytes(TIME_SIZE, "big") + arrived.body
        return place, seal_to(self._public, content, ad=_ad(place), random=self._random)


def envelopes_in(record: BoxRecord, read: Callable[[int], bytes]) -> tuple[tuple[float, bytes], ...]:
    """When each envelope of one contact came, and it, in the order in which they came.

    A place that does not open was not used, or its writing was cut short: what came from there on is sent
    again.
    """
    owner = KeyPair.from_secret(record.secret)
    found: list[tuple[float, bytes]] = []
    for place in range(record.first, record.first + record.places):
        try:
            content = open_sealed(owner, read(place), ad=_ad(place))
        except CryptoError:
            break
        found.append((float(int.from_bytes(content[:TIME_SIZE], "big")), content[TIME_SIZE:]))
    return tuple(found)


def take_out(talk: Talk, event: BoxOpened, now: float, batch: Batch) -> None:
    """Let what came count, and what opened it die with that.

    Raises:
        RemoteProtocolError, CryptoError: as when it had come on a link; what is after it does not count.
    """
    batch.drop(Key(kind="box", scope=talk.record.id))
    link = Link.gone(event.link, session=event.session)
    for came, envelope in event.envelopes:  # the clock may have been set back since
        talk.receive(link, envelope, now, batch, active=True, came=min(came, now))


def _ad(place: int) -> bytes:
    return place.to_bytes(4, "big")
