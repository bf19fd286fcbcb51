"""The ways to unlock an open vault: looked at, added, taken back, changed.

Laws: whoever changes one gives the passphrase again. After a change the old way is erased, and an earlier
copy of the root slot opens nothing of today; no value and no page is sealed anew.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..crypto import RandomSource
from ..crypto.factor import NO_FACTORS, Factors, way_key
from ..crypto.passphrase import PassphraseCost, unlocking_key
from ..crypto.sealing import KEY_SIZE
from ..errors import LocalProtocolError, StoreError, WrongPassphrase
from .header import Header
from .rootslot import RootSlot
from .ways import DURESS, PASSPHRASE, RECOVERY, Keyring, Needs, Ways

_SAME: Final = "the passphrase and the one for duress must differ"


class Unlocking:
    """What unlocks one open vault. ``change_key`` has its tree sealed under another key."""

    def __init__(
        self,
        root: RootSlot,
        header: Header,
        keyring: Keyring,
        change_key: Callable[[bytes], None],
        random: RandomSource,
    ) -> None:
        self._root = root
        self._header = header
        self._keyring = keyring
        self._change_key = change_key
        self._random = random

    @property
    def cost(self) -> PassphraseCost:
        """What a try of the passphrase costs."""
        return self._header.cost

    @property
    def needs(self) -> Needs:
        """The factors that are asked for beside the passphrase."""
        return self._root.ways.needs

    @property
    def has_recovery(self) -> bool:
        """Whether there are recovery words."""
        return bool(self._keyring.recovery)

    def require(self, passphrase: str) -> None:
        """Refuse what is not the vault's passphrase.

        Raises:
            WrongPassphrase: it is not.
            CryptoError: the memory for it cannot be had.
        """
        self._prove(passphrase)

    def change_passphrase(self, passphrase: str, new: str) -> None:
        """Take ``new`` in the place of the passphrase; factors stay.

        Raises:
            WrongPassphrase: ``passphrase`` is not the vault's.
            StoreError: ``new`` is empty, or is the one for duress; or the disk fails.
            CryptoError: the memory for a passphrase cannot be had. All these hold for what follows, too.
        """
        self._prove(passphrase)
        self.replace_passphrase(new, self._keyring.factors, self.needs)

    def replace_passphrase(
        self, new: str, factors: Factors, needs: Needs, *, recovery: bytes | None = None
    ) -> None:
        """Take ``new`` and ``factors``, for who has shown already that the vault is theirs."""
        keyring = self._keyring if recovery is None else replace(self._keyring, recovery=recovery)
        stretched = self._stretch(new)
        if _same(way_key(stretched, NO_FACTORS, label=DURESS), keyring.duress):
            raise StoreError(_SAME, hint="choose another")
        self._seal(keyring.with_passphrase(stretched, factors), needs)

    def set_key_file(self, passphrase: str, secret: bytes) -> None:
        """Ask for the key file with this 32-byte secret from now on; for none if it is empty."""
        stretched = self._prove(passphrase)
        factors = replace(self._keyring.factors, key_file=secret)
        self._seal(
            self._keyring.with_passphrase(stretched, factors), replace(self.needs, key_file=bool(secret))
        )

    def set_security_key(self, passphrase: str, credential: bytes, secret: bytes) -> None:
        """Ask for the security key with ``credential`` and its ``secret``; for none if both are empty."""
        stretched = self._prove(passphrase)
        factors = replace(self._keyring.factors, security_key=secret)
        needs = replace(self.needs, credential=credential)
        self._seal(self._keyring.with_passphrase(stretched, factors), needs)

    def set_recovery(self, passphrase: str, words: str) -> None:
        """Let ``words`` open the vault once, instead of any before; none if they are empty."""
        self._prove(passphrase)
        self._seal(replace(self._keyring, recovery=self._way(words, RECOVERY)), self.needs)

    def set_duress(self, passphrase: str, duress: str) -> None:
        """Let ``duress``, typed as the passphrase, burn the vault; nothing does if it is empty."""
        own = way_key(self._prove(passphrase), NO_FACTORS, label=DURESS)
        key = self._way(duress, DURESS)
        if _same(key, own):
            raise StoreError(_SAME, hint="choose another")
        self._seal(replace(self._keyring, duress=key), self.needs)

    def forget(self) -> None:
        """Put the ways' keys out of memory, as far as Python lets us; the vault is being closed."""
        self._keyring = Keyring(passphrase=b"")
        self._change_key = _closed

    def _prove(self, passphrase: str) -> bytes:
        """What Argon2id makes of ``passphrase``, once it is shown to be the vault's."""
        stretched = self._stretch(passphrase)
        if not _same(way_key(stretched, self._keyring.factors, label=PASSPHRASE), self._keyring.passphrase):
            raise WrongPassphrase("this is not the vault's passphrase; nothing was changed")
        return stretched

    def _way(self, phrase: str, label: bytes) -> bytes:
        return way_key(self._stretch(phrase), NO_FACTORS, label=label) if phrase else b""

    def _stretch(self, phrase: str) -> bytes:
        require_some(phrase)
        return unlocking_key(phrase, self._header.salt, self._header.cost)

    def _seal(self, keyring: Keyring, needs: Needs) -> None:
        key = self._random(KEY_SIZE)
        before = self._root.ways
        self._root.ways = Ways.make(keyring, needs, key, ad=self._header.encode(), random=self._random)
        try:
            self._change_key(key)
        except BaseException:  # after any but `DiskFull` the vault is of no more use, whatever stands here
            self._root.ways = before
            raise
        self._keyring = keyring


def _closed(_key: bytes) -> None:
    raise LocalProtocolError("the vault was used after it was closed")


def require_some(passphrase: str) -> None:
    """Refuse an empty passphrase.

    Raises:
        StoreError: it is empty.
    """
    if not passphrase:
        raise StoreError("an empty passphrase protects nothing", hint="choose a passphrase")


def _same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)
