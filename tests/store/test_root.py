"""The root of the key tree says where everything is: nothing in it is believed before it was checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onionchat.crypto.sealing import seal
from onionchat.errors import VaultCorrupt
from onionchat.store.tree import KeyTree, unpack_root

KEY = bytes(32)
AD = b"header"


class Slot:
    """A root slot in memory."""

    value = b""

    def create(self, value: bytes) -> None:
        self.value = value

    write = create

    def read(self) -> bytes:
        return self.value

    def destroy(self) -> None:
        self.value = b""

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "root", [b"", bytes(36), bytes(38), bytes(32) + b"\2" + bytes(4), bytes(32) + b"\xff" + bytes(4)]
)
def test_a_root_that_no_tree_writes_is_damage(root: bytes) -> None:
    with pytest.raises(VaultCorrupt):
        unpack_root(root)


def test_no_room_is_made_for_more_pages_than_the_table_has(tmp_path: Path) -> None:
    slot = Slot()
    KeyTree.create(tmp_path, slot, KEY, ad=AD, random=os.urandom).close()
    root = bytes(32) + b"\0" + (2**32 - 1).to_bytes(4, "big")  # 144 GiB
    slot.value = seal(KEY, root, ad=b"onionchat/1 root of keys" + AD, random=os.urandom)
    with pytest.raises(VaultCorrupt):
        KeyTree.open(tmp_path, slot, KEY, ad=AD, random=os.urandom)
