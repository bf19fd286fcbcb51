"""What the store's tests share: a cheap passphrase, and vaults as plain dictionaries."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from onionchat.crypto.passphrase import PassphraseCost
from onionchat.store import DiskVault, Name, Record, Vault, create_vault, open_vault

PASSPHRASE: Final = "a passphrase"
FLOOR: Final = 8 * 1024
CHEAP: Final = PassphraseCost(memory=FLOOR, passes=1)

State = dict[Name, bytes]


def create(folder: Path) -> DiskVault:
    return create_vault(folder, PASSPHRASE, random=os.urandom, cost=CHEAP, floor=FLOOR)


def reopen(folder: Path) -> DiskVault:
    return open_vault(folder, PASSPHRASE, random=os.urandom, floor=FLOOR)


def note(number: int, scope: bytes = b"scope") -> Name:
    return Name("note", scope, number.to_bytes(4))


def records(state: Mapping[Name, bytes]) -> list[Record]:
    return [Record(name, value) for name, value in state.items()]


def everything(vault: Vault, *, kind: str = "note", scope: bytes = b"scope") -> State:
    """All of one scope, found by listing and again by name."""
    listed = {record.name: record.value for record in vault.scan(kind, scope)}
    for name, value in listed.items():
        assert vault.get(name) == value
    return listed


def put_all(vault: Vault, state: Mapping[Name, bytes]) -> None:
    vault.commit(records(state))
