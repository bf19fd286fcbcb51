"""Locking: from an open vault back to a locked one, while the engine and its tor go on.

Laws: addresses end before the keys go, and so do links, unless they are to receive (see `receiving`); nothing
that ends later finds anything to store. What is wiped is what Python lets us: the vault's own buffers at
once, everything else when it is freed, which overwrites it.
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Final

import trio

from ..control import notices, replies, requests
from ..crypto.onion import OnionKey
from ..errors import ControlError, StoreError
from ..protocol import events
from .policy_answer import store_changes
from .receiving import keep_links

if TYPE_CHECKING:
    from .engine import Engine

LOOK_SECONDS: Final = 1.0
_BY_ITSELF: Final = (requests.Status, requests.Watch, requests.Shown, requests.Closed)
"""What a program asks although nobody is there."""


def lock(engine: Engine, *, receive: bool | None) -> replies.Done:
    """Lock the vault; one that is not open stays as it is, but for links that are not to ``receive``.

    Where ``receive`` is None the vault's own setting holds.

    Raises:
        ControlError: ``amnesic``: it could not be unlocked.
    """
    if engine.plan.amnesic:
        raise ControlError(
            "amnesic",
            "what is kept in memory only cannot be locked: nothing could open it again",
            hint="stop the engine, and all of it is gone",
        )
    if engine.book is None and receive is False:
        engine.receiver.end()
    close(engine, receive=receive)
    return replies.Done()


def lock_default(engine: Engine, *, receive: bool) -> replies.Done:
    """Set whether links stay up and receive where nothing is said on locking, as when it locks itself.

    Raises:
        ControlError: ``amnesic``.
        StoreError: it could not be stored.
    """
    _require_disk(engine)
    store_changes(engine, engine.opened().policies.settings, lock_receives=receive)
    return replies.Done()


def lock_after(engine: Engine, seconds: int | None) -> replies.Done:
    """Have the open vault lock itself when nobody was there for so long; None for never.

    Raises:
        ControlError: ``amnesic``.
        StoreError: it could not be stored.
    """
    _require_disk(engine)
    store_changes(engine, engine.opened().policies.settings, lock_after=seconds or 0)
    return replies.Done()


def _require_disk(engine: Engine) -> None:
    if engine.plan.amnesic:
        raise ControlError(
            "amnesic", "what is kept in memory only cannot be locked", hint="stop the engine when you leave"
        )


def close(engine: Engine, *, remember: bool = True, receive: bool | None = False) -> None:
    """Close the vault, if it is open.

    Args:
        engine: whose.
        remember: let it store what it still has to.
        receive: let links stay up and receive; None leaves that to the vault's setting.
    """
    book = engine.book
    if book is None:
        return
    if remember:
        for contact in list(book.contacts.values()):
            with contextlib.suppress(StoreError):  # then the next opening erases it
                engine.apply(contact, events.ConversationClosed())
    receives = book.policies.settings.lock_receives if receive is None else receive
    kept = keep_links(engine, book) if receives else []
    engine.book = engine.vault = None
    engine.end_all(but=kept)
    for contact in book.contacts.values():
        engine.services.remove(contact.onion.public)
        engine.time.expect(contact, None)
    for invitation in book.invitations.values():
        engine.services.remove(invitation.onion.public)
        engine.time.expect(invitation, None)
    for record in book.used_invites.values():
        engine.services.remove(OnionKey.from_seed(record.onion_seed).public)
    book.close(remember=remember)
    del book
    gc.collect()  # machines hold each other
    engine.tell(notices.VaultChanged(vault="locked"))


class Idle:
    """Locks the vault when nobody was there for as long as its user set."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last = engine.clock.now()  # which goes on while the machine sleeps

    def begin(self) -> None:
        """Somebody has opened the vault; the clock may have moved by that."""
        self._last = self._engine.clock.now()

    def asked(self, request: requests.AnyRequest) -> None:
        """Somebody is there, unless it is only a program that looks, or shows what a contact sends."""
        if not isinstance(request, _BY_ITSELF):
            self._last = self._engine.clock.now()

    async def serve(self) -> None:
        """Run until cancelled."""
        while True:
            await trio.sleep(LOOK_SECONDS)
            book = self._engine.book
            after = book.policies.settings.lock_after if book is not None else 0
            del book  # a task that sleeps must hold no keys
            if after and self._engine.clock.now() - self._last >= after:
                close(self._engine, receive=None)
            self._engine.receiver.look()
