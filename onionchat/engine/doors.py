"""Our addresses: which onion services run, who gets a connection at each of them; and how we dial others.

Laws: nobody is let in here, the machine of the address decides that; an address of a contact from whom we
hide does not run; no two contacts are dialled over one circuit.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..control import run_folder
from ..crypto.onion import OnionKey, onion_address
from ..errors import ConnectionLost
from ..protocol.constants import VIRTUAL_PORT
from ..protocol.contact import Contact
from ..protocol.record import ContactRecord, InviteRecord
from ..tor import Line, dial
from .connection import Connector

if TYPE_CHECKING:
    from .engine import Engine

DIAL_SECONDS = 90.0


def serve_contact(engine: Engine, contact: Contact) -> None:
    """Run a contact's pair address, and the invite's by which it still knows us, unless we are hidden."""
    key = contact.onion
    if contact.visible and not engine.services.runs(key.public):
        _listen(engine, key, partial(_accepted_at_pair, engine, contact.record.id))
    record = engine.opened().used_invites.get(contact.record.invite)
    if record is not None:
        serve_invite(engine, record)


def serve_invite(engine: Engine, record: InviteRecord) -> None:
    """Run an invite's onion service, unless we appear offline as its identity.

    It outlives its first use until the contact has our address.
    """
    user = engine.opened().contacts.get(record.contact)
    holder = user.record if user is not None else None
    key = OnionKey.from_seed(record.onion_seed)
    hidden = engine.opened().policies.hidden_by(holder, record.identity) is not None
    if not hidden and not engine.services.runs(key.public):
        _listen(engine, key, partial(_accepted_at_invite, engine, record.id))


def connector(
    socks: tuple[str, int] | None, salt: bytes, contact: ContactRecord | None, onion: bytes
) -> Connector:
    """What connects to ``onion`` over a circuit that no other identity or contact shares.

    Where tor is not ready it connects to nobody; nor for an invite, which has no contact yet and never dials.

    tor never shares one between two user names; ``salt`` (32 bytes, of this run alone) keeps ours from saying
    who is dialled.
    """
    if socks is None or contact is None:
        return _nowhere
    isolated = contact.identity + contact.id
    return partial(
        dial,
        socks=socks,
        user=hashlib.blake2b(isolated, key=salt, digest_size=16).hexdigest(),
        password=hashlib.blake2b(isolated, key=salt, digest_size=32).hexdigest(),
        onion=onion_address(onion),
        port=VIRTUAL_PORT,
        timeout=DIAL_SECONDS,
    )


def _nowhere(_: Line) -> socket.socket:
    raise ConnectionLost("tor is not ready")


def _listen(engine: Engine, key: OnionKey, accepted: Callable[[socket.socket], None]) -> None:
    path = None
    if engine.plan.tor == "managed":
        path = run_folder(Path(engine.plan.vault)) / f"{engine.socket_name(key)}.s"
    engine.services.add(key, path, accepted)


def _accepted_at_pair(engine: Engine, contact: bytes, connection: socket.socket) -> None:
    book = engine.book  # none, where the vault was locked just now
    engine.accept(book.contacts.get(contact) if book is not None else None, connection, at_invite=False)


def _accepted_at_invite(engine: Engine, invite: bytes, connection: socket.socket) -> None:
    book = engine.book
    if book is None:
        connection.close()
        return
    used = book.used_invites.get(invite)
    user = book.contacts.get(used.contact) if used is not None else None
    engine.accept(user or book.invitations.get(invite), connection, at_invite=True)
