"""«Contact» and «Which key where»: what one side knows of the other, and which keys it uses for it now."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from nacl.signing import SigningKey

from .body import Address
from .invite import Invite
from .primitives import Refused, new_secret, public_key


def new_onion() -> bytes:
    """The public key of an onion service; its secret key is Tor's business."""
    return bytes(SigningKey.generate().verify_key)


@dataclass
class Contact:
    """A contact of the inviter has the invite's static secret; that of the joiner has not."""

    invite: Invite | None  # the inviter erases it when the joiner has acknowledged the address
    invite_secret: bytes
    pair_secret: bytes = field(default_factory=new_secret)
    pair_onion: bytes = field(default_factory=new_onion)
    invite_psk_held: bool = True
    is_in_contact: bool = False
    is_introduced: bool = False
    version: int = 1  # the highest that both have had, and the suite likewise
    suite: int = 1
    their_onion: bytes = b""
    their_statics: list[bytes] = field(default_factory=list)  # that they may prove, the newest first

    @classmethod
    def inviting(cls, expiry: int = 0) -> Contact:
        secret = new_secret()
        invite = Invite(expiry=expiry, onion=new_onion(), static=public_key(secret), secret=os.urandom(16))
        return cls(invite, secret)

    @classmethod
    def joining(cls, invite: Invite) -> Contact:
        return cls(invite, b"", their_onion=invite.onion, their_statics=[invite.static])

    @property
    def is_inviter(self) -> bool:
        return bool(self.invite_secret)

    @property
    def pair_static(self) -> bytes:
        return public_key(self.pair_secret)

    # --- dialling ---

    def to_dial(self) -> tuple[bytes, bytes, bytes]:
        """Onion, the responder's static, one's own static secret."""
        by_invite = self.is_inviter and not self.is_introduced
        own = self.invite_secret if by_invite else self.pair_secret
        return self.their_onion, self.their_statics[0], own

    # --- being dialled ---

    def static_secret_at(self, onion: bytes) -> bytes:
        if onion == self.pair_onion and self.is_in_contact:
            return self.pair_secret
        if onion == self.pair_onion and not self.is_inviter:
            return self.pair_secret
        if self.is_inviter and self.invite and onion == self.invite.onion:
            return self.invite_secret
        raise Refused("there is no such service")

    def is_invite_psk_good_at(self, onion: bytes, now: float) -> bool:
        if not (self.is_inviter and self.invite and self.invite_psk_held and onion == self.invite.onion):
            return False
        return self.is_in_contact or not self.invite.is_past(now)

    def check_initiator(self, static: bytes) -> None:
        if static not in self.their_statics and not self._is_open:
            raise Refused("another static key than this contact's")

    @property
    def _is_open(self) -> bool:
        """An invite that nobody has used."""
        return self.is_inviter and not self.is_in_contact

    # --- what it learns ---

    def meet(self, static: bytes, onion: bytes) -> None:
        """The inviter read the message 3 of a CONTACT."""
        self.is_in_contact, self.their_statics, self.their_onion = True, [static], onion

    def learn(self, address: Address) -> None:
        if self.is_inviter and self.invite:
            return
        if address.onion == self.pair_onion:
            raise Refused("an address that is this side's own")
        self.their_onion, self.is_introduced = address.onion, True
        self.their_statics = [address.static, *self.their_statics][:2]

    def was_proved(self, static: bytes) -> None:
        """A link with this key of theirs is complete."""
        if static == self.their_statics[0]:
            self.their_statics = [static]

    def was_introduced(self) -> None:
        """The joiner acknowledged the inviter's address: the invite and its service go."""
        if self.is_inviter:
            self.invite, self.invite_psk_held, self.is_introduced = None, False, True
