"""Locking: from an open vault back to a locked one, while the engine and its tor go on.

Laws: links and addresses end before the keys go, and nothing that ends later finds anything to store. What
is wiped is what Python lets us: the vault's own buffers at once, everything else when it is freed, which
overwrites it.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from ..control import notices
from ..crypto.onion import OnionKey

if TYPE_CHECKING:
    from .engine import Engine


def close(engine: Engine, *, remember: bool = True) -> None:
    """Close the vault, if it is open; ``remember`` lets it store what it still has to."""
    book, vault = engine.book, engine.vault
    if book is None or vault is None:
        return
    engine.book = engine.vault = None
    engine.end_all()
    for contact in book.contacts.values():
        engine.services.remove(contact.onion.public)
        engine.time.expect(contact, None)
    for invitation in book.invitations.values():
        engine.services.remove(invitation.onion.public)
        engine.time.expect(invitation, None)
    for record in book.used_invites.values():
        engine.services.remove(OnionKey.from_seed(record.onion_seed).public)
    if remember:
        book.close()
    else:
        vault.close()
    del book, vault
    gc.collect()  # machines hold each other
    engine.tell(notices.VaultChanged(vault="locked"))
