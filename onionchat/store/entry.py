"""Getting into a vault that is sealed: from what was presented to the vault key.

Laws: a passphrase is tried on every way that it could be meant for, whether one before it opened or not, so
that all of them take as long. A refusal is worded alike whether the passphrase alone was right or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..crypto import RandomSource
from ..crypto.factor import NO_FACTORS, Factors, way_key
from ..crypto.sealing import KEY_SIZE
from ..errors import WrongPassphrase
from .header import Header
from .rootslot import RootSlot
from .tree import KeyTree
from .ways import DURESS, PASSPHRASE, RECOVERY, Keyring, Needs, Ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A vault that is not open; its root slot was read, or is about to be made."""

    place: Path
    root: RootSlot
    header: Header
    random: RandomSource

    def begin(self, stretched: bytes, factors: Factors, needs: Needs) -> bytes:
        """Let the stretched passphrase be the only way in, and give the new vault key.

        It counts from the tree's next write of the root on.
        """
        key = self.random(KEY_SIZE)
        keyring = Keyring(passphrase=b"").with_passphrase(stretched, factors)
        self.root.ways = Ways.make(keyring, needs, key, ad=self.header.encode(), random=self.random)
        return key

    def by_passphrase(self, stretched: bytes, factors: Factors) -> bytes:
        """The vault key; where the passphrase is the one for duress, that of an empty vault, after burning.

        Raises:
            WrongPassphrase: it is neither, or a factor is missing or another one.
        """
        ways, ad = self.root.ways, self.header.encode()
        given = ways.needs.of(factors)
        key = ways.open(PASSPHRASE, way_key(stretched, given, label=PASSPHRASE), ad=ad)
        duress = ways.open(DURESS, way_key(stretched, NO_FACTORS, label=DURESS), ad=ad)
        if duress is not None:
            return self._burn(stretched, factors)
        if key is None:
            raise _refused(ways.needs, factors)
        return key

    def by_words(self, stretched: bytes) -> bytes:
        """The vault key, by recovery words.

        Raises:
            WrongPassphrase: they are not this vault's.
        """
        key = way_key(stretched, NO_FACTORS, label=RECOVERY)
        found = self.root.ways.open(RECOVERY, key, ad=self.header.encode())
        if found is None:
            raise WrongPassphrase("these words do not open the vault", hint="check each; they work only once")
        return found

    def _burn(self, stretched: bytes, factors: Factors) -> bytes:
        """Leave an empty vault, which goes on asking for what it asked for if that was given."""
        needs = self.root.ways.needs
        met = needs.met_by(factors)
        key = self.begin(stretched, needs.of(factors) if met else NO_FACTORS, needs if met else Needs())
        KeyTree.burn(self.place, self.root, key, ad=self.header.encode(), random=self.random)
        self.root.read()
        return key


def _refused(needs: Needs, given: Factors) -> WrongPassphrase:
    asked = {"its key file": needs.key_file, "its security key": bool(needs.credential)}
    if not needs.met_by(given):
        wanted = " and ".join(name for name, is_asked in asked.items() if is_asked)
        return WrongPassphrase(
            f"this vault does not open without {wanted}",
            hint="present it, or use your recovery words: onionchat vault recover",
        )
    if any(asked.values()):
        return WrongPassphrase("this passphrase does not open the vault with what was presented beside it")
    return WrongPassphrase()
