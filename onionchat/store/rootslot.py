"""The root slot's content: the ways to unlock, and behind them the sealed root of the key tree.

Laws: both stand in one erasable place, so that a way that was taken back is erased as a root is. The tree
knows only its root; the ways change by being set here before the tree's next write.
"""

from __future__ import annotations

from .slot import ErasableSlot
from .ways import WAYS_SIZE, Ways


class RootSlot:
    """An `ErasableSlot` for the tree, which puts the ways in front of every value.

    ``ways`` is set by `read`, and by whoever makes the slot or changes the ways.
    """

    ways: Ways

    def __init__(self, slot: ErasableSlot) -> None:
        self._slot = slot

    def create(self, value: bytes) -> None:
        """Make the slot, with the ways and the first root."""
        self._slot.create(self.ways.encode() + value)

    def read(self) -> bytes:
        """Give the root, and take over the ways that stand before it.

        Raises:
            VaultCorrupt: it is damaged.
        """
        value = self._slot.read()
        self.ways = Ways.decode(value[:WAYS_SIZE])
        return value[WAYS_SIZE:]

    def write(self, value: bytes) -> None:
        """See `ErasableSlot.write`."""
        self._slot.write(self.ways.encode() + value)

    def destroy(self) -> None:
        """See `ErasableSlot.destroy`."""
        self._slot.destroy()

    def close(self) -> None:
        """See `ErasableSlot.close`."""
        self._slot.close()
